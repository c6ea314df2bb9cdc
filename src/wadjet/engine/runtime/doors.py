"""Doors between Python and guest code, per signature: made by the compiler, placed once.

`Doors` asks its `build` function for the object of a signature (the tier compiles it) and keeps
what is in place. Plain signatures have fast doors; for the others, Python converts.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.core.types import V128, FuncType, RefType
from wadjet.engine.contract.layout import CELL, Block
from wadjet.engine.runtime.func import Door, Function
from wadjet.engine.runtime.hostcalls import read_cells
from wadjet.engine.runtime.loader import Loaded
from wadjet.engine.runtime.machine import Machine

if TYPE_CHECKING:
    from wadjet.engine.runtime.func import WasmFunc

#: function type, and whether guests are entered (else left) → signature text, object
Build = Callable[[FuncType, bool], tuple[str, bytes]]

_METH_FASTCALL: Final = 0x80


class MethodDef(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("method", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_new_builtin: Final = ctypes.pythonapi.PyCFunction_NewEx
_new_builtin.restype = ctypes.py_object
_new_builtin.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]

_Raw: Final = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def is_plain(type_: FuncType) -> bool:
    """Numbers only, no references and no vectors."""
    types = (*type_.params, *type_.results)
    return not any(isinstance(t, RefType) or t is V128 for t in types)


@final
class Doors:
    """All doors of the process."""

    def __init__(self, machine: Machine, build: Build) -> None:
        self._machine = machine
        self._build = build
        self._keys: dict[tuple[FuncType, bool], str] = {}
        # references and i64 look the same to machine code, but not to Python: only plain
        # signatures have fast doors
        self._loaded: dict[tuple[str, bool, bool], Loaded] = {}
        self._raw: dict[FuncType, Callable[[int, int], int | None]] = {}
        self._hosts: dict[FuncType, tuple[int, int]] = {}

    def _symbol(self, kind: str, type_: FuncType, into: bool) -> int:
        """The address of a door into a guest, or out of it; 0 if the signature has none of this
        kind."""
        key, plain = self._keys.get((type_, into)), is_plain(type_)
        if key is None:
            key, image = self._build(type_, into)
            with self._machine.lock:
                # once there, doors stay where they are
                if (key, plain, into) not in self._loaded:
                    self._loaded[key, plain, into] = self._machine.load_own(image)
            self._keys[type_, into] = key
        return self._loaded[key, plain, into].symbols.get(f"{kind}_{key}", (0, 0))[0]

    def prepare(self, type_: FuncType, into: bool) -> None:
        """Have the doors of a signature ready."""
        self._symbol("raw" if into else "hostraw", type_, into)

    def host(self, type_: FuncType) -> tuple[int, int]:
        """Machine code for a host function of this type: what VMFunc.code and .tail must be."""
        found = self._hosts.get(type_)
        if found is None:
            kind = "host" if self._symbol("host", type_, into=False) else "hostraw"
            tail = self._symbol(f"{kind}tail", type_, into=False)
            found = self._hosts[type_] = self._symbol(kind, type_, into=False), tail
        return found

    def method(self, type_: FuncType, name: str) -> MethodDef | None:
        """How Python enters functions of a type; None where machine code cannot convert the
        values."""
        address = self._symbol("enter", type_, into=True)
        return MethodDef(name.encode(), address, _METH_FASTCALL, None) if address else None

    def entry(self, func: "WasmFunc", method: MethodDef | None) -> Callable[..., Any]:
        """What Python calls for a function: a builtin where there is a method for it."""
        if method is None:
            return Function.of(func)
        door = Door(func.address)
        door.func = func
        door.method = method
        builtin: Callable[..., Any] = _new_builtin(ctypes.addressof(method), door, None)
        return builtin

    def call(self, func: int, type_: FuncType, args: Sequence[int]) -> list[int]:
        """Call a VMFunc on raw values."""
        raw = self._raw.get(type_)
        if raw is None:
            raw = self._raw[type_] = _Raw(self._symbol("raw", type_, into=True))
        count = len(type_.results)
        cells = Block(CELL * max(len(args), count, 1))
        data = b"".join(value.to_bytes(CELL, "little") for value in args)
        ctypes.memmove(cells.address, data, len(data))
        raw(func, cells.address)
        if not count:
            return []
        masks = [_MASKS[getattr(t, "size", 8)] for t in type_.results]
        return [word & mask for word, mask in zip(read_cells(cells.address, count), masks)]


_MASKS: Final = {size: (1 << 8 * size) - 1 for size in (4, 8, 16)}
