"""How value types look in LLVM text."""

import struct
from typing import Final, final

from wadjet.core.types import F32, F64, I32, I64, V128, FuncType, RefType, ValType

_NAMES: Final[dict[ValType, str]] = {
    I32: "i32",
    I64: "i64",
    F32: "float",
    F64: "double",
    V128: "<2 x i64>",
}
_ZEROS: Final = {"float": "0.0", "double": "0.0", "<2 x i64>": "zeroinitializer"}

#: Raw references (see `wadjet.engine.contract.layout`) are plain words.
REF: Final = "i64"


def llvm_type(t: ValType) -> str:
    """The LLVM type of a value."""
    return REF if isinstance(t, RefType) else _NAMES[t]


def zero(type_: str) -> str:
    """The default value of an LLVM type (null for references)."""
    return _ZEROS.get(type_, "0")


def in_memory(results: tuple[ValType, ...]) -> bool:
    """Whether a function leaves its results in memory: those that do not fit the registers that
    every target has for them. It then takes, after the context, a pointer to cells."""
    integers = sum(llvm_type(t) in ("i32", "i64") for t in results)
    return integers > 2 or len(results) - integers > 2


def result_type(results: tuple[ValType, ...]) -> str:
    """The LLVM return type: void (also where results go to memory), the one type, or a struct."""
    if not results or in_memory(results):
        return "void"
    if len(results) == 1:
        return llvm_type(results[0])
    return "{ " + ", ".join(map(llvm_type, results)) + " }"


def signature(type_: FuncType) -> str:
    """A key that is equal for types that look the same to LLVM, usable in symbol names."""
    letters = {"i32": "i", "i64": "l", "float": "f", "double": "d", "<2 x i64>": "v"}
    params = "".join(letters[llvm_type(t)] for t in type_.params)
    return f"{params}_{''.join(letters[llvm_type(t)] for t in type_.results)}"


def float_bits(bits: int, double: bool) -> str:
    """A float constant with exactly these bits (NaN payloads included)."""
    if double:
        return f"0x{bits:016X}"
    return f"bitcast (i32 {bits} to float)"


@final
class Float:
    """A floating-point format: the standard's name, LLVM's type, and patterns of some numbers."""

    __slots__ = ("bits", "inf", "name", "nan", "precision", "sign", "type")

    def __init__(self, name: str, type_: str, bits: int, precision: int) -> None:
        self.name: Final = name
        self.type: Final = type_
        self.bits: Final = bits
        self.precision: Final = precision  # significant bits, the hidden one included
        self.sign: Final = 1 << (bits - 1)
        self.inf: Final = self.sign - (1 << (precision - 1))
        self.nan: Final = self.inf | 1 << (precision - 2)  # the canonical one

    def constant(self, bits: int) -> str:
        """The constant with this pattern."""
        return float_bits(bits, self.bits == 64)

    def literal(self, value: float) -> str:
        """The constant that is nearest to a number."""
        code = ("<f", "<I") if self.bits == 32 else ("<d", "<Q")
        return self.constant(struct.unpack(code[1], struct.pack(code[0], value))[0])


FLOATS: Final = {
    "f32": Float("f32", "float", 32, 24),
    "f64": Float("f64", "double", 64, 53),
}
