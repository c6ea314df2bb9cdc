"""Python values in and out of raw ones."""

import math
import struct
from typing import Any

import pytest

from tests.engine.stub import make
from wadjet.base.errors import Unlinkable
from wadjet.core.types import (
    ANYREF, EXNREF, EXTERN, EXTERNREF, F32, F64, FUNC, FUNCREF, I31REF, I32, I64, STRUCTREF, V128,
    ValType, ref,
)  # fmt: skip
from wadjet.engine.runtime.func import Function, func_of
from wadjet.engine.runtime.store import Store
from wadjet.engine.runtime.values import Ref, to_python, to_raw


class Index:
    def __index__(self) -> int:
        return -3


class Float:
    def __float__(self) -> float:
        return 2.5


IN: list[tuple[ValType, Any, int]] = [
    (I32, 0, 0),
    (I32, -1, 0xFFFF_FFFF),
    (I32, -(1 << 31), 1 << 31),
    (I32, (1 << 32) - 1, 0xFFFF_FFFF),
    (I32, True, 1),
    (I32, Index(), 0xFFFF_FFFD),
    (I64, -1, (1 << 64) - 1),
    (I64, (1 << 64) - 1, (1 << 64) - 1),
    (I64, -(1 << 63), 1 << 63),
    (F64, 1, 0x3FF0 << 48),
    (F64, 1.5, 0x3FF8 << 48),
    (F64, Float(), 0x4004 << 48),
    (F64, Index(), 0xC008 << 48),
    (F32, 1.5, 0x3FC0_0000),
    (F32, 0.1, 0x3DCC_CCCD),
    (F32, 1e300, 0x7F80_0000),
    (F32, -1e300, 0xFF80_0000),
    (F32, 3.4028235677973366e38, 0x7F80_0000),
    (F32, 3.4028235e38, 0x7F7F_FFFF),
    (F32, -0.0, 0x8000_0000),
    (V128, 5, 5),
    (V128, -1, (1 << 128) - 1),
    (V128, bytes(range(16)), int.from_bytes(bytes(range(16)), "little")),
    (V128, bytearray(16), 0),
    (EXTERNREF, None, 0),
    (FUNCREF, None, 0),
    (ANYREF, None, 0),
    (I31REF, 5, 11),
    (I31REF, -1, 0xFFFF_FFFF),
    (ANYREF, -(1 << 30), 0x8000_0001),
]


@pytest.mark.parametrize(("type_", "value", "raw"), IN)
def test_in(type_: ValType, value: Any, raw: int) -> None:
    assert to_raw(value, type_, Store()) == raw


@pytest.mark.parametrize(
    ("type_", "value", "error"),
    [
        (I32, 1 << 32, OverflowError),
        (I32, -(1 << 31) - 1, OverflowError),
        (I64, 1 << 64, OverflowError),
        (I64, -(1 << 63) - 1, OverflowError),
        (V128, 1 << 128, OverflowError),
        (I32, 1.0, TypeError),
        (I32, "1", TypeError),
        (I32, None, TypeError),
        (I64, b"1", TypeError),
        (F64, "1.5", TypeError),
        (F32, None, TypeError),
        (F64, 1j, TypeError),
        (F64, 10**400, OverflowError),
        (V128, bytes(15), TypeError),
        (V128, 1.5, TypeError),
        (FUNCREF, print, TypeError),
        (FUNCREF, 5, TypeError),
        (I31REF, 1 << 30, OverflowError),
        (I31REF, -(1 << 30) - 1, OverflowError),
        (I31REF, "x", TypeError),
        (STRUCTREF, 5, TypeError),
        (STRUCTREF, "x", TypeError),
        (EXNREF, 5, TypeError),
        (EXNREF, "x", TypeError),
        (ref(False, EXTERN), None, TypeError),
        (ref(False, FUNC), None, TypeError),
    ],
)
def test_refused(type_: ValType, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        to_raw(value, type_, Store())


@pytest.mark.parametrize(
    ("type_", "raw", "value"),
    [
        (I32, 0xFFFF_FFFF, -1),
        (I32, 0x7FFF_FFFF, 0x7FFF_FFFF),
        (I64, 1 << 63, -(1 << 63)),
        (F32, 0x3FC0_0000, 1.5),
        (F64, 0xC008 << 48, -3.0),
        (V128, 1 << 120, bytes(15) + b"\1"),
        (EXTERNREF, 0, None),
        (FUNCREF, 0, None),
        (I31REF, 11, 5),
        (I31REF, 0xFFFF_FFFF, -1),
        (ANYREF, 0x8000_0001, -(1 << 30)),
    ],
)
def test_out(type_: ValType, raw: int, value: Any) -> None:
    assert to_python(raw, type_, Store()) == value


def test_nan_keeps_its_sign_and_payload() -> None:
    payload = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_1234))[0]
    assert to_raw(payload, F64, Store()) == 0xFFF8_0000_0000_1234
    assert math.isnan(to_python(0x7FC0_0000, F32, Store()))  # type: ignore[arg-type]


def test_any_object_is_an_external_reference_and_comes_back() -> None:
    store = Store()
    for thing in ([], object(), 5, "text", 1 << 40, print, Store()):
        word = to_raw(thing, EXTERNREF, store)
        assert word & 3 == 2
        assert to_python(word, EXTERNREF, store) is thing
        assert to_raw(thing, EXTERNREF, store) == word


def test_any_object_is_an_internal_reference_too() -> None:
    store = Store()
    for thing in ([], "text", 1 << 40, -(1 << 31)):
        word = to_raw(thing, ANYREF, store)
        assert to_python(word, ANYREF, store) == thing


def test_functions_go_in_and_out_by_identity_of_what_they_call() -> None:
    instance = make("(type (func (param i32))) (func (type 0))")
    store = instance.store
    entry = instance.func(0).entry
    word = to_raw(entry, FUNCREF, store)
    assert word == instance.func_address(0)
    assert to_python(word, FUNCREF, store) is entry
    assert func_of(entry) == instance.func(0)
    exact = ref(False, instance.types[0])
    assert to_raw(entry, exact, store) == word
    with pytest.raises(TypeError):
        to_raw(make("(func)", store=store).func(0).entry, exact, store)


def test_functions_of_another_store_bring_it_along_if_they_may() -> None:
    other = make("(func)")
    with pytest.raises(Unlinkable, match="different stores"):
        to_raw(other.func(0).entry, FUNCREF, Store())
    store = Store(implicit=True)
    word = store.extern("thing")
    assert to_raw(other.func(0).entry, FUNCREF, store) == other.func_address(0)
    assert store.current() is other.store
    assert to_raw("thing", EXTERNREF, store) == word
    assert to_python(word, EXTERNREF, other.store) == "thing"


def test_guest_objects_are_handles() -> None:
    instance = make("(type $s (struct)) (type $a (array i32)) (global (ref $s) (struct.new $s))")
    store = instance.store
    word = instance.globals[0].get_raw()
    handle = to_python(word, ANYREF, store)
    assert isinstance(handle, Ref)
    assert to_python(word, STRUCTREF, store) is handle
    assert to_raw(handle, ref(False, instance.types[0]), store) == word
    assert to_raw(handle, EXTERNREF, store) == word, "externalised"
    assert to_python(word, EXTERNREF, store) is handle
    with pytest.raises(TypeError):
        to_raw(handle, ref(False, instance.types[1]), store)
    with pytest.raises(TypeError):
        to_raw(handle, EXNREF, store)
    with pytest.raises(ValueError, match="another store"):
        to_raw(handle, ANYREF, Store())


def test_bound_methods_are_no_functions_of_ours() -> None:
    store = Store()
    function = Function.of(make("(func)").func(0))
    assert func_of(function.call_raw) is None
    assert func_of([].append) is None
    assert func_of(store) is None
