"""Instructions on tables and globals (spec 4.6.8, 4.6.9)."""

from typing import Final

from wadjet.core.opcodes import Op
from wadjet.engine.tiers.interpreter.unit import Plain, Unit, Work


def _global_get(unit: Unit, index: int) -> Work:
    return unit.instance.globals[index].get_raw


def _global_set(unit: Unit, index: int) -> Work:
    return unit.instance.globals[index].set_raw


def _get(unit: Unit, table: int) -> Work:
    return unit.instance.tables[table].get


def _set(unit: Unit, table: int) -> Work:
    return unit.instance.tables[table].set


def _size(unit: Unit, table: int) -> Work:
    found = unit.instance.tables[table]
    return lambda: found.length


def _grow(unit: Unit, table: int) -> Work:
    found = unit.instance.tables[table]
    mask = (1 << 8 * unit.table_types[table].size) - 1
    return lambda word, count: found.grow(count, word) & mask


def _fill(unit: Unit, table: int) -> Work:
    return unit.instance.tables[table].fill


def _copy(unit: Unit, tables: tuple[int, int]) -> Work:
    target, source = (unit.instance.tables[table] for table in tables)
    return lambda to, start, count: target.copy(to, source, start, count)


def _init(unit: Unit, imm: tuple[int, int]) -> Work:
    elem, table = imm
    instance, found = unit.instance, unit.instance.tables[table]
    return lambda to, start, count: found.init(to, instance.elem(elem), start, count)


def _drop(unit: Unit, elem: int) -> Work:
    instance = unit.instance
    return lambda: instance.drop_elem(elem)


TABLES: Final[dict[int, Plain]] = {
    Op.GLOBAL_GET: Plain(0, 1, _global_get),
    Op.GLOBAL_SET: Plain(1, 0, _global_set),
    Op.TABLE_GET: Plain(1, 1, _get),
    Op.TABLE_SET: Plain(2, 0, _set),
    Op.TABLE_SIZE: Plain(0, 1, _size),
    Op.TABLE_GROW: Plain(2, 1, _grow),
    Op.TABLE_FILL: Plain(3, 0, _fill),
    Op.TABLE_COPY: Plain(3, 0, _copy),
    Op.TABLE_INIT: Plain(3, 0, _init),
    Op.ELEM_DROP: Plain(0, 0, _drop),
}
