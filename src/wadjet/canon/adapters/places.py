"""Where a value is read from or written to: in memory, or in core values (locals)."""

from collections.abc import Sequence
from typing import Final, final

from wadjet.canon.adapters.assemble import Function
from wadjet.component.types import (
    BOOL, CHAR, F32, F64, S8, S16, S32, S64, U8, U16, U32, U64, Prim,
)  # fmt: skip
from wadjet.core import types as core
from wadjet.core.types import NumType, ValType

#: scalar type → the load that reads it
_LOADS: Final = {
    BOOL: "i32.load8_u", U8: "i32.load8_u", S8: "i32.load8_s", U16: "i32.load16_u",
    S16: "i32.load16_s", U32: "i32.load", S32: "i32.load", CHAR: "i32.load", U64: "i64.load",
    S64: "i64.load", F32: "f32.load", F64: "f64.load",
}  # fmt: skip
#: scalar type → the store that writes it
_STORES: Final = {
    BOOL: "i32.store8", U8: "i32.store8", S8: "i32.store8", U16: "i32.store16", S16: "i32.store16",
    U32: "i32.store", S32: "i32.store", CHAR: "i32.store", U64: "i64.store", S64: "i64.store",
    F32: "f32.store", F64: "f64.store",
}  # fmt: skip
#: scalar type → what makes a core value of any bits one of the type; others take all bits
_NARROW: Final = {
    U8: "i32.const 255 i32.and", S8: "i32.extend8_s", U16: "i32.const 65535 i32.and",
    S16: "i32.extend16_s",
}  # fmt: skip
#: scalar type → the core type that it is on the stack; all others are an i32
_ON_STACK: Final = {S64: core.I64, U64: core.I64, F32: core.F32, F64: core.F64}
#: (what is there, what is wanted) → how one becomes the other: where cases of a variant share
#: core values of different types (CanonicalABI.md, "Flat Lifting", "Flat Lowering")
_COERCE: Final[dict[tuple[ValType, ValType], str]] = {
    (core.I32, core.F32): "f32.reinterpret_i32",
    (core.I64, core.I32): "i32.wrap_i64",
    (core.I64, core.F32): "i32.wrap_i64 f32.reinterpret_i32",
    (core.I64, core.F64): "f64.reinterpret_i64",
    (core.F32, core.I32): "i32.reinterpret_f32",
    (core.I32, core.I64): "i64.extend_i32_u",
    (core.F32, core.I64): "i32.reinterpret_f32 i64.extend_i32_u",
    (core.F64, core.I64): "i64.reinterpret_f64",
}


def on_stack(t: Prim) -> NumType:
    """The core type that a scalar is on the stack."""
    return _ON_STACK.get(t, core.I32)


@final
class InMemory:
    """At an address, a local plus an offset, of the memory with this name."""

    __slots__ = ("memory", "offset", "pointer")

    def __init__(self, memory: str, pointer: str, offset: int = 0) -> None:
        self.memory: Final = memory
        self.pointer: Final = pointer
        self.offset: Final = offset

    def at(self, offset: int) -> "InMemory":
        """What lies so many bytes further."""
        return InMemory(self.memory, self.pointer, self.offset + offset)

    def read(self, f: Function, t: Prim) -> None:
        """Put a scalar on the stack."""
        f.write(f"${self.pointer} {_LOADS[t]} {self.memory}+{self.offset}")

    def begin(self, f: Function) -> None:
        """What stands before the instructions that put a scalar on the stack to be written."""
        f.write(f"${self.pointer}")

    def end(self, f: Function, t: Prim) -> None:
        """What stands after them."""
        f.write(f"{_STORES[t]} {self.memory}+{self.offset}")


@final
class Flat:
    """In locals, each with its type, which may be wider than the value's own."""

    __slots__ = ("slots",)

    def __init__(self, slots: Sequence[tuple[str, ValType]]) -> None:
        self.slots: Final = slots

    def part(self, start: int, count: int) -> "Flat":
        """Some of the locals."""
        return Flat(self.slots[start : start + count])

    def read(self, f: Function, t: Prim) -> None:
        """Put a scalar on the stack."""
        name, have = self.slots[0]
        f.write(f"${name} {_COERCE.get((have, on_stack(t)), '')} {_NARROW.get(t, '')}")

    def begin(self, f: Function) -> None:
        """What stands before the instructions that put a scalar on the stack to be written."""

    def end(self, f: Function, t: Prim) -> None:
        """What stands after them."""
        name, want = self.slots[0]
        f.write(f"{_COERCE.get((on_stack(t), want), '')} ={name}")


Place = InMemory | Flat
