"""Modules whose functions are validated when they are first called, and `before_start`."""

from collections.abc import Callable
from pathlib import Path

import pytest

import wadjet
from wadjet import Invalid, Malformed, Module
from wadjet.core.binary import encode
from wadjet.core.text import parse

#: `bad` adds an i64 to an i32; what does not call it is none the wiser.
TEXT = """
(module
  (import "env" "call" (func $call))
  (func $good (export "good") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $bad (export "bad") (result i32) (i32.add (i32.const 1) (i64.const 2)))
  (func (export "within") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (call $bad)) (else (call $good (i32.const 6)))))
  (func (export "outside") (call $call))
  (func (export "trap") unreachable))
"""
TIERS = pytest.mark.parametrize("tier", ["interpreter", "optimizing", "auto"])


@pytest.fixture(scope="module")
def binary() -> bytes:
    return encode(parse(TEXT))


def instance(binary: bytes, tier: str, call: Callable[[], None] = int) -> wadjet.Instance:
    return wadjet.Instance(Module(binary, lazy=True), {"env": {"call": call}}, tier=tier)


def test_a_module_is_checked_whole_unless_told_otherwise(binary: bytes) -> None:
    with pytest.raises(Invalid, match="type mismatch"):
        Module(binary)
    with pytest.raises(Invalid, match="type mismatch"):
        wadjet.validate(binary)
    assert [e.name for e in Module(binary, lazy=True).exports][:2] == ["good", "bad"]


@TIERS
def test_an_invalid_function_raises_when_it_is_called(binary: bytes, tier: str) -> None:
    exports = instance(binary, tier).exports
    assert exports.good(1) == 2
    for _ in range(3):
        with pytest.raises(Invalid, match="type mismatch") as caught:
            exports.bad()
        place = caught.value.place
        assert place is not None
        assert place.function == 2
        assert binary[place.offset or 0] == 0x6A  # i32.add
        with pytest.raises(Invalid, match="type mismatch"):
            exports.within(1)
        assert exports.within(0) == 7
    with pytest.raises(wadjet.Trap, match="unreachable"):
        exports.trap()
    assert exports.good(41) == 42


@TIERS
def test_it_raises_through_python_too(binary: bytes, tier: str) -> None:
    made = instance(binary, tier, lambda: made.exports.bad())
    for _ in range(2):
        with pytest.raises(Invalid, match="type mismatch"):
            made.exports.outside()
    assert made.exports.good(1) == 2


@TIERS
def test_a_malformed_function_raises_when_it_is_called(binary: bytes, tier: str) -> None:
    damaged = binary.replace(bytes.fromhex("41 01 42 02 6a"), bytes.fromhex("41 01 42 02 ff"))
    assert damaged != binary
    exports = instance(damaged, tier).exports
    assert exports.good(1) == 2
    with pytest.raises(Malformed, match="illegal opcode") as caught:
        exports.within(1)
    assert caught.value.place is not None
    assert caught.value.place.function == 2


def test_what_is_outside_of_functions_is_checked_at_once() -> None:
    text = '(module (func $f) (func $g unreachable) (export "f" (func 2)))'
    with pytest.raises(Invalid, match="unknown function"):
        Module(encode(parse(text)), lazy=True)
    with pytest.raises(Malformed, match="length out of bounds"):
        Module(encode(parse("(module (func) (func))"))[:-1], lazy=True)


def test_run_checks_what_it_runs(tmp_path: Path) -> None:
    text = """
    (module
      (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func $never (i32.add) (drop))
      (func (export "_start")
        (drop (call $args (i32.const 0) (i32.const 4)))
        (if (i32.gt_u (i32.load (i32.const 0)) (i32.const 1)) (then (call $never)))))
    """
    path = tmp_path / "program.wasm"
    path.write_bytes(encode(parse(text)))
    for program in (path, path.read_bytes()):
        assert wadjet.run(program).returncode == 0
        with pytest.raises(Invalid, match="type mismatch") as caught:
            wadjet.run(program, ["word"])
        assert caught.value.place is not None
        assert caught.value.place.function == 1


def test_before_start_comes_before_the_start_function(
    make: Callable[..., wadjet.Instance],
) -> None:
    text = """
    (module
      (import "env" "seen" (func $seen))
      (memory (export "memory") 1)
      (data (i32.const 0) "data")
      (func $start (call $seen))
      (start $start))
    """
    found: list[object] = []

    def ready(exports: wadjet.Exports) -> None:
        found.append(exports.memory)

    def seen() -> None:
        memory = found[0]
        assert isinstance(memory, wadjet.Memory)
        found.append(bytes(memory[0:4]))

    made = make(text, {"env": {"seen": seen}}, before_start=ready)
    assert found == [made.exports.memory, b"data"]
