"""The bodies of the libcalls (contract/libcalls.py), row by row."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from wadjet.core.subtyping import match_def
from wadjet.engine.contract import libcalls as rows
from wadjet.engine.contract.layout import VM_STORE, octets
from wadjet.engine.contract.traps import failure
from wadjet.engine.gc.native import NativeHeap
from wadjet.engine.runtime import waiters

if TYPE_CHECKING:
    from wadjet.engine.runtime.instance import Instance

Body = Callable[..., int]


def _memory_grow(instance: "Instance", memory: int, pages: int) -> int:
    return instance.memories[memory].grow(pages)


def _table_grow(instance: "Instance", table: int, count: int, value: int) -> int:
    return instance.tables[table].grow(count, value)


def _table_fill(instance: "Instance", table: int, start: int, value: int, count: int) -> int:
    instance.tables[table].fill(start, value, count)
    return 0


def _table_copy(
    instance: "Instance", to: int, from_: int, target: int, source: int, count: int
) -> int:
    instance.tables[to].copy(target, instance.tables[from_], source, count)
    return 0


def _table_init(
    instance: "Instance", table: int, segment: int, target: int, source: int, count: int
) -> int:
    instance.tables[table].init(target, instance.elem(segment), source, count)
    return 0


def _elem_drop(instance: "Instance", segment: int) -> int:
    instance.drop_elem(segment)
    return 0


def _is_subtype(instance: "Instance", func: int, type_index: int) -> int:
    return int(match_def(instance.store.func_at(func).deftype, instance.types[type_index]))


def _gc_refill(instance: "Instance", size: int) -> int:
    heap = instance.store.heap
    assert isinstance(heap, NativeHeap), "native code allocates in a native heap"
    return heap.refill(size)


def _memory_wait(instance: "Instance", address: int, size: int, expected: int, timeout: int) -> int:
    def equal() -> bool:
        return int.from_bytes(octets(address, size), "little") == expected

    def poll() -> None:
        code = VM_STORE.read(instance.store.current().address, "interrupt")
        if code:
            raise failure(code)

    forever = timeout >> 63  # negative
    return waiters.wait(address, equal, -1 if forever else timeout, poll)


def _memory_notify(_instance: "Instance", address: int, count: int) -> int:
    return waiters.notify(address, count)


def _stack_new(instance: "Instance") -> int:
    store = instance.store.current()
    heap = store.heap
    assert isinstance(heap, NativeHeap), "continuations are objects of a native heap"
    store.keep_all()
    heap.add_stack()
    return 0


_BODIES: Final[dict[rows.Libcall, Body]] = {
    rows.MEMORY_GROW: _memory_grow,
    rows.TABLE_GROW: _table_grow,
    rows.TABLE_FILL: _table_fill,
    rows.TABLE_COPY: _table_copy,
    rows.TABLE_INIT: _table_init,
    rows.ELEM_DROP: _elem_drop,
    rows.IS_SUBTYPE: _is_subtype,
    rows.GC_REFILL: _gc_refill,
    rows.MEMORY_WAIT: _memory_wait,
    rows.MEMORY_NOTIFY: _memory_notify,
    rows.STACK_NEW: _stack_new,
}

#: libcall id → body
BODIES: Final = tuple(_BODIES[row] for row in rows.LIBCALLS)
