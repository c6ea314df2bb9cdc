"""The official suites once more, called as Python code calls: with ints, floats and bytes."""

import math
import struct

import pytest

from tests.corpora import corpora
from wadjet.api.instance import Instance
from wadjet.core.types import F32, F64, I32, I64, V128, ValType
from wadjet.script.run import Runner
from wadjet.script.suite import run_file

_FORMATS: dict[ValType, tuple[str, str]] = {
    I32: ("<I", "<i"),
    I64: ("<Q", "<q"),
    F32: ("<I", "<f"),
    F64: ("<Q", "<d"),
}
#: these loop a million times
_SLOW = ("return_call.wast", "return_call_ref.wast", "return_call_indirect.wast")
_by_raw = Runner.call


def to_python(bits: int, type_: ValType) -> object:
    """A bit pattern as the value that a Python caller would pass."""
    if type_ is V128:
        return bits.to_bytes(16, "little")
    raw, python = _FORMATS[type_]
    return struct.unpack(python, struct.pack(raw, bits))[0]


def to_bits(value: object, type_: ValType) -> int:
    """The bit pattern of what a Python caller gets."""
    if type_ is V128:
        assert isinstance(value, bytes)
        return int.from_bytes(value, "little")
    raw, python = _FORMATS[type_]
    return int(struct.unpack(raw, struct.pack(python, value))[0])


def is_f32_nan(value: object, type_: ValType) -> bool:
    """Whether a Python float cannot hold the value: it quiets the NaNs of an f32."""
    return type_ is F32 and isinstance(value, float) and math.isnan(value)


class Calls:
    """Calls through the public objects where numbers alone are passed, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(
        self, runner: Runner, instance: Instance, index: int, args: list[int]
    ) -> list[int]:
        name = next(
            e.name for e in instance.module.core.exports if e.index == index and e.kind == "func"
        )
        type_ = instance.runtime.func(index).type
        known = {*_FORMATS, V128}
        if not known.issuperset(type_.params) or not known.issuperset(type_.results):
            return _by_raw(runner, instance, index, args)
        values = [to_python(bits, t) for bits, t in zip(args, type_.params, strict=False)]
        if len(args) != len(type_.params) or any(map(is_f32_nan, values, type_.params)):
            return _by_raw(runner, instance, index, args)
        self.count += 1
        given = instance.exports[name](*values)
        results = (given,) if len(type_.results) == 1 else given or ()
        assert len(results) == len(type_.results)
        if any(map(is_f32_nan, results, type_.results)):
            return _by_raw(runner, instance, index, args)
        return [to_bits(value, t) for value, t in zip(results, type_.results, strict=True)]


@pytest.mark.parametrize("tier", ["interpreter", "optimizing"])
def test_calls_from_python(tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls()
    monkeypatch.setattr(Runner, "call", lambda *args: calls(*args))
    wrong = []
    for path in sorted((corpora("spec-core") / "core").glob("*.wast")):
        if path.name not in _SLOW:
            found = run_file(path, tier).failures
            wrong += [f"{path.name}:{failure.line}: {failure.reason}" for failure in found]
    assert not wrong, f"{len(wrong)} failures:\n" + "\n".join(wrong[:30])
    assert calls.count > 15_000
