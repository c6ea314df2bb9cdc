"""How the official runner of the WASI test suite starts wadjet: an adapter, in its own terms.

    WADJET='python -m wadjet' ./run-tests -r tests/wasi/testsuite_adapter.py

The runner loads this file by itself, so it needs nothing but the standard library.
"""

import os
import shlex
import subprocess

COMMAND = shlex.split(os.environ.get("WADJET", "wadjet"))


def get_name() -> str:
    return "wadjet"


def get_version() -> str:
    words = [*COMMAND, "--version"]
    said = subprocess.run(words, encoding="utf-8", capture_output=True, check=True).stdout
    return said.split()[-1]


def get_wasi_versions() -> list[str]:
    return ["wasm32-wasip1", "wasm32-wasip3"]


def get_wasi_worlds() -> list[str]:
    return ["wasi:cli/command", "wasi:http/service"]


def get_timeout_seconds() -> float:
    """How long the runner waits for a program that should have ended."""
    return 60.0


def compute_argv(
    test_path: str,
    args_env_root: tuple[list[str], dict[str, str], str | None],
    proposals: list[str],
    wasi_world: str,
    wasi_version: str,
) -> list[str]:
    """The command that runs one program."""
    args, env, root = args_env_root
    serves = wasi_world == "wasi:http/service"
    words = ["serve", "--addr", "127.0.0.1:0"] if serves else ["run"]
    for name, value in env.items():
        words += ["--env", f"{name}={value}"]
    if root:
        words += ["--dir", f"{root}::/"]
    if proposals:
        words += ["--net", "*", "--net", "listen:*"]
    return [*COMMAND, *words, test_path, *args]
