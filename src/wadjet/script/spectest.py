"""The host module `spectest` that scripts may import from (interpreter/README.md, "Spectest")."""

from collections.abc import Callable
from typing import Final

from wadjet.api.global_ import Global
from wadjet.api.memory import Memory
from wadjet.api.runtime import Function, Store
from wadjet.api.table import Table
from wadjet.core.types import (
    F32, F64, FUNCREF, I32, I64, FuncType, GlobalType, Limits, MemoryType, NumType, TableType,
    ValType,
)  # fmt: skip

#: print functions and what they take
_PRINTS: Final[dict[str, tuple[ValType, ...]]] = {
    "print": (),
    "print_i32": (I32,),
    "print_i64": (I64,),
    "print_f32": (F32,),
    "print_f64": (F64,),
    "print_i32_f32": (I32, F32),
    "print_f64_f64": (F64, F64),
}
_GLOBALS: Final[tuple[tuple[NumType, int | float], ...]] = (
    (I32, 666),
    (I64, 666),
    (F32, 666.6),
    (F64, 666.6),
)


def spectest(store: Store, write: Callable[[str], object]) -> dict[str, object]:
    """The exports of `spectest` in a store; what its functions print goes to `write`."""
    exports: dict[str, object] = {
        name: Function(FuncType(params, ()), _printer(write), store=store)
        for name, params in _PRINTS.items()
    }
    for type_, value in _GLOBALS:
        exports[f"global_{type_.name}"] = Global(GlobalType(type_, False), value, store=store)
    exports["table"] = Table(TableType(FUNCREF, Limits(10, 20)), store=store)
    exports["table64"] = Table(TableType(FUNCREF, Limits(10, 20, I64)), store=store)
    exports["memory"] = Memory(MemoryType(Limits(1, 2)), store=store)
    exports["shared_memory"] = Memory(MemoryType(Limits(1, 2), shared=True), store=store)
    return exports


def _printer(write: Callable[[str], object]) -> Callable[..., None]:
    def print_values(*values: object) -> None:
        write(" ".join(map(str, values)) + "\n")

    return print_values
