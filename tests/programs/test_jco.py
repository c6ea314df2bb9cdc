"""The examples of jco: made into components here, run and served by `wadjet`."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

import wadjet
from bench.programs import execute, npm_package, once
from tests.programs.made import JCO, examples
from tests.programs.serving import served
from tests.wasi03.endpoints import endpoints

pytestmark = examples("jco", "WADJET_JCO")


def _made(name: str, source: str = "component.js", *options: str) -> Path:
    """An example as a component of its world `component`."""
    example = Path(os.environ["WADJET_JCO"], "examples", "components", name)

    def make(folder: Path) -> None:
        tool = npm_package("@bytecodealliance/jco", JCO) / "dist" / "jco.js"
        words = ("componentize", example / source, "--wit", example / "wit")
        out = ("--world-name", "component", "--out", folder / "made.wasm")
        execute("node", tool, *words, *options, *out, cwd=folder)

    return once(f"made/example-js-{name}-{JCO}", make) / "made.wasm"


def test_a_function(capsys: pytest.CaptureFixture[str]) -> None:
    component = wadjet.Component.from_file(_made("add", "add.js", "--disable", "all"))
    with component.instantiate() as instance:
        assert instance.add(40, 2) == 42


def test_a_host_that_is_called() -> None:
    logged: list[tuple[str, str, str]] = []

    class Logging:
        def log(self, level: Any, context: str, message: str) -> None:
            logged.append((level.name, context, message))

    file = _made("host-logging", "component.js", "--disable", "all")
    with wadjet.Component.from_file(file).instantiate({"logging": Logging()}) as instance:
        instance.log_characters.call("abc")
    assert logged == [("INFO", "stdout", character) for character in "abc"]


def test_a_file_that_is_written(tmp_path: Path) -> None:
    component = wadjet.Component.from_file(_made("fs-write-file"))
    wasi = wadjet.Wasi(dirs={"/": tmp_path})
    with component.instantiate(wasi=wasi) as instance:
        assert instance.test.run() == "SUCCESS: wrote file"
    assert (tmp_path / "output.txt").read_text() == "Hello world, from component!"


def test_a_request_that_is_sent() -> None:
    given = {"method": "GET", "path": "/a", "response": {"status": 200, "body": '{"id": [1]}'}}
    component = wadjet.Component.from_file(_made("node-fetch"))
    with endpoints([given]) as address:
        wasi = wadjet.Wasi(network=f"tcp:{address}")
        with component.instantiate(wasi=wasi) as instance:
            answer = instance.simple_request.get_json(f"http://{address}/a")
    assert answer.url == f"http://{address}/a"
    assert json.loads(answer.response_json) == {"id": [1]}


@pytest.mark.parametrize(
    ("name", "source", "body"),
    [
        ("http-hello-world", "http-hello-world.js", b"Hello from Javascript!\n"),
        ("http-server-fetch-handler", "component.js", b"Hello World"),
    ],
)
def test_a_service(name: str, source: str, body: bytes) -> None:
    # what handles events of the name `fetch` is made for one request
    with served(_made(name, source), "--reuse", "1") as ask:
        for _ in range(3):
            assert ask("GET", "/") == (200, body)
