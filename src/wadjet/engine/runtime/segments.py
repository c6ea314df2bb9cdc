"""Active segments (spec 4.7.2): what they write when a module is instantiated."""

from array import array
from typing import Any

from wadjet.core.body import Body
from wadjet.core.module import Data, Elem
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.runtime.constants import evaluate
from wadjet.engine.runtime.instance import Instance


def run_elem(instance: Instance, elem: Elem) -> None:
    """Write an active element segment; Trap where it does not fit."""
    items = items_of(elem, instance)
    assert elem.offset is not None, "active segments have offsets"
    offset = evaluate(elem.offset, instance)
    instance.tables[elem.table].init(offset, memoryview(items), 0, len(items))


def items_of(elem: Elem, instance: Instance) -> "array[int]":
    """The reference words of an element segment."""
    items: Any = elem.items
    if items and isinstance(items[0], Body):
        return array("Q", [evaluate(body, instance) for body in items])
    return instance.func_addresses(items)


def run_data(instance: Instance, data: Data) -> None:
    """Write an active data segment; Trap where it does not fit."""
    assert data.offset is not None, "active segments have offsets"
    offset = evaluate(data.offset, instance)
    view = instance.memories[data.memory].view
    end = offset + len(data.data)
    if end > len(view):
        raise failure(TrapCode.OUT_OF_BOUNDS_MEMORY)
    view[offset:end] = data.data
