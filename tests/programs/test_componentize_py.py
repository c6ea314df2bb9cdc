"""The examples of componentize-py: made into components here, run and served by `wadjet`."""

import hashlib
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

import wadjet
from bench.programs import once
from tests.cli.process import ENV, WADJET
from tests.programs.made import PYTHON, componentize_py, examples
from tests.programs.serving import PATIENCE, served
from tests.wasi03.endpoints import endpoints

pytestmark = examples("componentize-py", "WADJET_COMPONENTIZE_PY")
COMMAND, PROXY = "wasi:cli/command@{}", "wasi:http/proxy@0.2.0"

#: There is no numpy for WASI in any registry: this is what the example needs of it.
_NUMPY = """\
class matmul:
    def __init__(self, a, b):
        self.rows = [[float(sum(x * y for x, y in zip(row, col))) for col in zip(*b)] for row in a]
    def tolist(self):
        return self.rows
"""


def _made(name: str, world: str, module: str = "app", *flags: str) -> Path:
    """An example as a component. Worlds are those of the tool's WIT, or of the example's own."""
    checkout = Path(os.environ["WADJET_COMPONENTIZE_PY"])

    def make(folder: Path) -> None:
        work = folder / "work"
        shutil.copytree(checkout / "examples" / name, work)
        (work / "numpy.py").write_text(_NUMPY)
        own = work / f"{name}.wit"
        wit = own if own.exists() else checkout / "wit"
        words: tuple[str | Path, ...] = ("-d", wit, "-w", world, "componentize", *flags, module)
        componentize_py(*words, "-o", folder / "made.wasm", cwd=work)

    return once(f"made/example-{name}-{PYTHON}", make) / "made.wasm"


def _run(*words: str | Path) -> str:
    done = subprocess.run(
        [*WADJET, "run", *words], env=ENV, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "version"), [("cli", "0.2.0"), ("cli-p3", "0.3.0")])
def test_command(name: str, version: str) -> None:
    assert _run(_made(name, COMMAND.format(version))) == "Hello, world!\n"


@pytest.mark.parametrize(("name", "version"), [("tcp", "0.2.0"), ("tcp-p3", "0.3.0")])
def test_connection(name: str, version: str) -> None:
    file = _made(name, COMMAND.format(version))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        grants = ["--net", "127.0.0.1", "--net", "listen:127.0.0.1"]  # asyncio talks to itself
        words = [*WADJET, "run", *grants, str(file), address]
        with subprocess.Popen(words, env=ENV, stdout=subprocess.PIPE, text=True) as process:
            try:
                listening.settimeout(PATIENCE)
                with listening.accept()[0] as connection:
                    assert connection.recv(1024) == b"hello, world!"
                    connection.sendall(b"and you")
                    out, _ = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
    assert process.returncode == 0
    assert out == "received: b'and you'\n"


def test_matrices() -> None:
    file = _made("matrix-math", "matrix-math")
    out = _run(file, "[[1, 2], [4, 5], [6, 7]]", "[[1, 2, 3], [4, 5, 6]]")
    assert out.splitlines()[-1] == "[[9.0, 12.0, 15.0], [24.0, 33.0, 42.0], [34.0, 47.0, 60.0]]"
    out = _run("--invoke", "multiply([[1, 2], [4, 5]], [[3, 4], [5, 6]])", file)
    assert out.splitlines()[-1] == "ok([[13, 16], [37, 46]])"


def test_sandbox() -> None:
    file = _made("sandbox", "sandbox", "guest", "--stub-wasi")
    component = wadjet.Component.from_file(file)
    assert not component.imports
    with component.instantiate(limits=wadjet.Limits(memory=80 << 20)) as sandbox:
        assert sandbox.eval("2 + 2") == "4"
        assert sandbox.exec("global foo\ndef foo(): return 42") is None
        assert sandbox.eval("foo()") == "42"
        with pytest.raises(wadjet.ResultError, match="ZeroDivisionError"):
            sandbox.eval("1 / 0")
        with pytest.raises(wadjet.ResultError, match="MemoryError"):
            sandbox.exec("global foo\nfoo = bytes(100 * 1024 * 1024)")
        assert sandbox.eval("1 + 1") == "2"
    sandbox = component.instantiate(limits=wadjet.Limits(seconds=20))
    with sandbox, pytest.raises(wadjet.Timeout):
        sandbox.exec("while True: pass")


@pytest.mark.parametrize(
    ("name", "world"), [("http", PROXY), ("http-p3", "wasi:http/service@0.3.0")]
)
def test_service(name: str, world: str) -> None:
    file = _made(name, world)
    texts = {f"/{i}": f"text {i} " * 10_000 for i in range(3)}
    given = [
        {"method": "GET", "path": path, "response": {"status": 200, "body": text}}
        for path, text in texts.items()
    ]
    body = "’Twas brillig, and the slithy toves\n".encode() * 5000
    with endpoints(given) as address, served(file, "--net", f"tcp:{address}") as ask:
        assert ask("POST", "/echo", body, ("content-type", "text/plain")) == (200, body)
        assert ask("GET", "/", None) == (400, b"")
        urls = {f"http://{address}{path}": text for path, text in texts.items()}
        status, answer = ask("GET", "/hash-all", None, *(("url", url) for url in urls))
        assert status == 200
        hashes = {f"{u}: {hashlib.sha256(t.encode()).hexdigest()}" for u, t in urls.items()}
        assert set(answer.decode().splitlines()) == hashes
