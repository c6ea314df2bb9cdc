"""`Module` and `validate`."""

from pathlib import Path

import pytest

import wadjet
from wadjet import F64, FUNCREF, I32, FuncType, GlobalType, Module
from wadjet.core.types import Limits, MemoryType, TableType

TEXT = """
(module $calc
  (import "env" "log" (func (param i32 f64)))
  (import "env" "mem" (memory 1 2))
  (func (export "add") (param i32) (result i32) local.get 0)
  (table (export "table") 3 funcref)
  (global (export "count") (mut i32) (i32.const 0))
  (tag (export "oops") (param i32))
  (@custom "note" "first") (@custom "note" "second") (@custom "other" "x")
)"""
#: (module) and one exported function, by hand
BINARY = bytes.fromhex(
    "0061736d 01000000 01050160 00017f 03020100 07050101 66 0000 0a060104 0041 2a0b"
)


def test_imports_and_exports_are_described() -> None:
    module = Module(TEXT)
    assert module.imports == (
        wadjet.ImportType("env", "log", "func", FuncType((I32, F64), ())),
        wadjet.ImportType("env", "mem", "memory", MemoryType(Limits(1, 2))),
    )
    assert module.exports == (
        wadjet.ExportType("add", "func", FuncType((I32,), (I32,))),
        wadjet.ExportType("table", "table", TableType(FUNCREF, Limits(3))),
        wadjet.ExportType("count", "global", GlobalType(I32, True)),
        wadjet.ExportType("oops", "tag", FuncType((I32,), ())),
    )
    assert module.name == "calc"
    assert repr(module) == "<wadjet.Module calc: 2 imports, 4 exports>"


def test_custom_sections() -> None:
    module = Module(TEXT)
    assert module.custom_sections("note") == [b"first", b"second"]
    assert module.custom_sections("none") == []


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_will_do(kind: type) -> None:
    module = Module(kind(BINARY))
    assert [e.name for e in module.exports] == ["f"]


def test_files(tmp_path: Path) -> None:
    binary, text = tmp_path / "k.wasm", tmp_path / "k.wat"
    binary.write_bytes(BINARY)
    text.write_text(TEXT)
    assert [e.name for e in Module.from_file(binary).exports] == ["f"]
    assert Module.from_file(str(text)).name == "calc"
    with pytest.raises(FileNotFoundError):
        Module.from_file(tmp_path / "absent")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"\0asm", b"(module", b"hello"])
def test_files_of_another_kind_are_malformed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.wasm"
    path.write_bytes(data)
    with pytest.raises(wadjet.Malformed):
        Module.from_file(path)


def test_validate() -> None:
    assert wadjet.validate(BINARY) is None  # type: ignore[func-returns-value]
    wadjet.validate("(module)")
    with pytest.raises(wadjet.Malformed):
        wadjet.validate(b"\0asm\2\0\0\0")
    with pytest.raises(wadjet.Malformed, match="1:"):
        wadjet.validate("(module (func")
    with pytest.raises(wadjet.Invalid, match="type mismatch"):
        wadjet.validate("(module (func (result i32) i64.const 1))")


def test_features_may_be_narrowed() -> None:
    from wadjet.core.features import WASM1

    with pytest.raises(wadjet.Error):
        Module("(module (func (result i32 i32) i32.const 1 i32.const 2))", features=WASM1)


def test_a_module_is_compiled_once_per_tier() -> None:
    module = Module(BINARY)
    assert module.code("interpreter") is module.code("interpreter")
    with pytest.raises(wadjet.Error, match="unknown tier"):
        module.code("fast")
