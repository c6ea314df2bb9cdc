"""The official test suite of WASI 0.3: every program, through the suite's own protocol. Expected
failures: none.

A program's specification lies beside it: operations such as run, write, read, connect, request and
wait. Programs that somebody must talk to run in a process of their own, as `wadjet run` or
`wadjet serve` starts them; the others in this one.
"""

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

import wadjet
from tests.cli.process import started
from tests.corpora import corpora
from tests.wasi03.endpoints import closed_address, endpoints
from wadjet.wasi import Capture, Tree, Wasi

FOLDER = "rust/testsuite/wasm32-wasip3"
#: operations that need nobody to talk to
ALONE = {"run", "wait"}
PATIENCE = 60


def _programs() -> list[Any]:
    found = sorted((corpora("wasi-testsuite") / FOLDER).glob("*.wasm"))
    return [pytest.param(program, id=program.stem) for program in found]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`program` is each program."""
    if "program" in metafunc.fixturenames:
        try:
            programs = _programs()
        except pytest.skip.Exception as absent:
            programs = [pytest.param(None, marks=pytest.mark.skip(reason=str(absent)))]
        metafunc.parametrize("program", programs)


def test_the_suite_is_whole() -> None:
    assert len(_programs()) == 55


def _specification(program: Path) -> dict[str, Any]:
    """What is said of a program; the short form for those without operations is the long one."""
    beside = program.with_suffix(".json")
    given = json.loads(beside.read_text()) if beside.exists() else {}
    if "operations" not in given:
        run = {"type": "run", **{k: given[k] for k in ("args", "env", "root") if k in given}}
        wait = {"type": "wait", "exit_code": given.get("exit_code", 0)}
        given["operations"] = [run, wait]
    return {"proposals": [], "servers": [], **given}


@pytest.mark.suite("wasi-testsuite 0.3")
def test_program(program: Path, tmp_path: Path) -> None:
    specification = _specification(program)
    operations = specification["operations"]
    root = operations[0].get("root")
    if root is not None:
        shutil.copytree(program.parent / root, tmp_path / "root", symlinks=True)
    if {each["type"] for each in operations} <= ALONE:
        _run_here(program, specification, tmp_path / "root" if root else None)
    else:
        _converse(program, specification, tmp_path if root else None)


def _is_rooted(program: Path) -> bool:
    operations = _specification(program)["operations"]
    return "root" in operations[0] and {each["type"] for each in operations} <= ALONE


def test_programs_in_memory() -> None:
    """The same with a tree in memory for the folder: a program cannot tell the difference."""
    programs = [each.values[0] for each in _programs() if _is_rooted(each.values[0])]
    assert len(programs) > 10
    for program in programs:
        specification = _specification(program)
        folder = program.parent / specification["operations"][0]["root"]
        files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        tree = Tree({name: path.read_bytes() for name, path in files.items()})
        _run_here(program, specification, tree)


def _run_here(program: Path, specification: dict[str, Any], root: Path | Tree | None) -> None:
    run, wait = specification["operations"]
    err = Capture()
    grants = Wasi(
        [program.name, *run.get("args", [])],
        run.get("env"),
        {} if root is None else {"/": root},
        stdin=None,
        stdout=None,
        stderr=err,
        network="sockets" in specification["proposals"],
    )
    result = wadjet.run(program, wasi=grants, limits=wadjet.Limits(seconds=PATIENCE))
    assert result.returncode == wait.get("exit_code", 0), f"{program.stem}: {err.data.decode()}"


def _converse(program: Path, specification: dict[str, Any], root: Path | None) -> None:
    """Do the operations one after the other."""
    with ExitStack() as stack:
        servers = {
            f"HTTP_SERVER_{each['name'].upper()}": closed_address()
            if each.get("kind") == "closed"
            else stack.enter_context(endpoints(each["endpoints"]))
            for each in specification["servers"]
        }
        run = specification["operations"][0]
        words = _words(program, specification, run, servers, root)
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = stack.enter_context(started(*words, text=True, **pipes))
        talk = _Conversation(process, stack)
        for operation in specification["operations"][1:]:
            getattr(talk, operation["type"])(operation)


def _words(
    program: Path,
    specification: dict[str, Any],
    run: dict[str, Any],
    servers: dict[str, str],
    root: Path | None,
) -> list[str]:
    serves = specification.get("world") == "wasi:http/service"
    words = ["serve", "--addr", "127.0.0.1:0"] if serves else ["run"]
    for name, value in {**run.get("env", {}), **servers}.items():
        words += ["--env", f"{name}={value}"]
    if root is not None:
        words += ["--dir", f"{root / 'root'}::/"]
    if specification["proposals"]:
        words += ["--net", "*", "--net", "listen:*"]
    return [*words, str(program), *run.get("args", [])]


class _Conversation:
    """What is said to a program, and what it answers: a method for each operation."""

    def __init__(self, process: "subprocess.Popen[str]", stack: ExitStack) -> None:
        self._process = process
        self._stack = stack
        self._sockets: dict[str, socket.socket] = {}
        self._address: str | None = None

    def read(self, operation: dict[str, Any]) -> None:
        stream = getattr(self._process, operation.get("id", "stdout"))
        payload = operation.get("payload", "")
        assert stream.read(len(payload)) == payload

    def write(self, operation: dict[str, Any]) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(operation["payload"])
        stdin.flush()

    def connect(self, operation: dict[str, Any]) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        host, port = stdout.readline().strip().split(":")
        made = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self._sockets[operation.get("id", "server")] = self._stack.enter_context(made)

    def send(self, operation: dict[str, Any]) -> None:
        self._sockets[operation["id"]].sendall(operation["payload"].encode())

    def recv(self, operation: dict[str, Any]) -> None:
        wanted = operation["payload"].encode()
        assert self._sockets[operation["id"]].recv(len(wanted)) == wanted

    def request(self, operation: dict[str, Any]) -> None:
        if self._address is None:
            stderr = self._process.stderr
            assert stderr is not None
            self._address = stderr.readline().partition("http://")[2].split()[0]
        connection = HTTPConnection(self._address, timeout=PATIENCE)
        self._stack.callback(connection.close)
        body = operation.get("body") or None
        headers = operation.get("headers", {})
        connection.request(operation["method"], operation["path"], body=body, headers=headers)
        response = connection.getresponse()
        text = response.read().decode()
        wanted = operation["response"]
        assert response.status == wanted.get("status", 200), text
        for name, value in wanted.get("headers", {}).items():
            assert response.headers[name] == value
        assert text == wanted.get("body", "")

    def kill(self, operation: dict[str, Any]) -> None:
        self._process.send_signal(signal.Signals[operation["signal"]])

    def wait(self, operation: dict[str, Any]) -> None:
        out, err = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == operation.get("exit_code", 0), out + err


def test_the_operations_are_known() -> None:
    known = {name for name in vars(_Conversation) if not name.startswith("_")} | {"run"}
    assert {each for kinds in map(_kinds, _programs()) for each in kinds} <= known


def _kinds(program: Any) -> Iterator[str]:
    for operation in _specification(program.values[0])["operations"]:
        yield operation["type"]
