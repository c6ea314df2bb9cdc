"""Programs of WASI 0.1 as components of WASI 0.2, through the adapter: the official suite."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import wadjet
from tests.corpora import corpora
from wadjet.component.binary import encode
from wadjet.component.build.new import new
from wadjet.component.build.preview1 import NAME, adapter
from wadjet.component.component import Component
from wadjet.component.features import ALL
from wadjet.component.wit_bridge import decode as world_of
from wadjet.core.binary import decode
from wadjet.core.text import parse
from wadjet.core.binary import encode as encode_module

#: program → what WASI 0.2 does not have, so that no adapter can give it
LEDGER = {
    "fd_fdstat_set_rights": "rights that a program gives up",
    "path_link": "rights that two names of a file share",
    "path_open_preopen": "rights that are asked for and too many",
    "truncation_rights": "rights that are passed on",
}


def component_of(data: bytes) -> Component:
    return new(data, {NAME: adapter(decode(data, ALL, lazy=True))})


def programs() -> list[Path]:
    found = sorted(corpora("wasi-testsuite").glob("*/testsuite/wasm32-wasip1/*.wasm"))
    assert len(found) == 72
    return found


def complaint(program: Path, folder: Path) -> str:
    """What is wrong with what a program does; nothing if all is well."""
    told: dict[str, Any] = {"args": [], "root": None, "env": {}, "exit_code": 0}
    beside = program.with_suffix(".json")
    if beside.exists():
        told |= json.loads(beside.read_text())
    dirs = {}
    if told["root"] is not None:
        shutil.copytree(program.parent / told["root"], folder / "root", symlinks=True)
        dirs["/"] = folder / "root"
    made = folder / program.name
    made.write_bytes(encode(component_of(program.read_bytes())))
    result = wadjet.run(made, told["args"], env=told["env"], dirs=dirs)
    if bool(result.returncode) != bool(told["exit_code"]):  # a component says only whether
        return f"ended with {result.returncode}: {result.stderr.decode()[-500:]}"
    for stream in ("stdout", "stderr"):
        if stream in told and getattr(result, stream).decode() != told[stream]:
            return f"said {getattr(result, stream)!r}"
    return ""


@pytest.mark.slow
def test_the_suite(tmp_path: Path) -> None:
    wrong = {}
    for program in programs():
        folder = tmp_path / program.stem
        folder.mkdir()
        try:
            problem = complaint(program, folder)
        except wadjet.Trap as trap:
            problem = str(trap)
        if problem:
            wrong[program.stem] = problem
    assert wrong.keys() == LEDGER.keys(), wrong


def test_a_component_asks_for_no_more_than_its_program() -> None:
    text = """(module
      (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
      (memory (export "memory") 1))"""
    resolve, world = world_of(component_of(encode_module(parse(text))))
    assert world is not None
    names = {resolve.key_name(key) for key in resolve.worlds[world].imports}
    assert "wasi:random/random@0.2.0" in names
    assert "wasi:cli/environment@0.2.0" not in names
    assert "wasi:clocks/monotonic-clock@0.2.0" not in names
    assert not resolve.worlds[world].exports
    command = text.replace("(memory", '(func (export "_start")) (memory')
    resolve, world = world_of(component_of(encode_module(parse(command))))
    assert world is not None
    found = resolve.worlds[world].exports
    assert [resolve.key_name(key) for key in found] == ["wasi:cli/run@0.2.0"]
