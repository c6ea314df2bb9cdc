"""Small core modules that hold a component's parts together, written as text.

What a module imports must be there before it, and what is lowered for it needs its memory: so it is
given functions that call through a table, and the table is filled when the module is there.
"""

from collections.abc import Sequence

from wadjet.component.component import CoreModule
from wadjet.core.features import ALL
from wadjet.core.module import Export, Module
from wadjet.core.text import parse
from wadjet.core.types import FuncType, MemoryType, ValType

#: the export that the indirect functions call through
TABLE = "$imports"


def _module(text: str) -> CoreModule:
    return CoreModule(parse(text, ALL))


def _type(ft: FuncType) -> str:
    return f"(param {_words(ft.params)}) (result {_words(ft.results)})"


def _words(types: Sequence[ValType]) -> str:
    return " ".join(map(repr, types))


def indirect(types: Sequence[FuncType]) -> CoreModule:
    """A module of functions, exported by number, each of which calls its entry of a table."""
    funcs = []
    for i, ft in enumerate(types):
        gets = " ".join(f"local.get {n}" for n in range(len(ft.params)))
        call = f"{gets} i32.const {i} call_indirect {_type(ft)}"
        funcs.append(f'(func (export "{i}") {_type(ft)} {call})')
    count = len(types)
    table = f'(table (export "{TABLE}") {count} {count} funcref)'
    return _module(f"(module {table} {' '.join(funcs)})")


def fixup(types: Sequence[FuncType]) -> CoreModule:
    """A module that fills the table when it is instantiated, with functions of the same numbers."""
    count = len(types)
    funcs = [f'(import "" "{i}" (func {_type(ft)}))' for i, ft in enumerate(types)]
    table = f'(import "" "{TABLE}" (table {count} {count} funcref))'
    entries = " ".join(map(str, range(count)))
    return _module(f"(module {' '.join(funcs)} {table} (elem (i32.const 0) func {entries}))")


def starter() -> CoreModule:
    """A module that calls a function when it is instantiated."""
    return _module('(module (import "" "" (func)) (start 0))')


def holder(memory: MemoryType) -> CoreModule:
    """A module that has a memory of this type."""
    module = Module(memories=[memory], exports=[Export("memory", "memory", 0)])
    return CoreModule(module)


def grower() -> CoreModule:
    """A module whose `cabi_realloc` takes fresh pages of a memory for each block: for guests that
    have no allocator of their own. Blocks only grow, which copies them."""
    return _module(
        """(module
        (import "" "memory" (memory 0))
        (func (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32)
            (param $new i32) (result i32) (local $page i32)
            (local.set $page
                (memory.grow (i32.shr_u (i32.add (local.get $new) (i32.const 65535))
                    (i32.const 16))))
            (if (i32.eq (local.get $page) (i32.const -1)) (then unreachable))
            (local.set $page (i32.shl (local.get $page) (i32.const 16)))
            (memory.copy (local.get $page) (local.get $old)
                (select (local.get $size) (local.get $new)
                    (i32.lt_u (local.get $size) (local.get $new))))
            (local.get $page)))"""
    )
