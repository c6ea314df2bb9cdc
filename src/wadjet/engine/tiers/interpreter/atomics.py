"""Atomic accesses to memory, wait and notify (threads proposal)."""

import re
import threading
from typing import Final

from wadjet.core.body import MemArg
from wadjet.core.numerics import integers
from wadjet.core.opcodes import BY_NAME, ROWS, Row
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.runtime import waiters
from wadjet.engine.tiers.interpreter.memory import load, store
from wadjet.engine.tiers.interpreter.unit import Maker, Plain, Unit, Work

#: Read-modify-write is one step among all threads that interpret.
_lock: Final = threading.Lock()

_ACCESS: Final = re.compile(
    r"i(?:32|64)\.atomic\.(load|store|rmw)(?:8|16|32)?_?u?(?:\.(\w+?))?(?:_u)?"
)

_signed64: Final = integers.signed(64)

_OPERATIONS: Final = {
    "add": integers.iadd, "sub": integers.isub, "and": integers.iand, "or": integers.ior,
    "xor": integers.ixor,
}  # fmt: skip


def _aligned(work: Work, offset: int, size: int) -> Work:
    """The same, after a check that the address is a multiple of the size."""
    low = size - 1

    def checked(address: int, *operands: int) -> object:
        if address + offset & low:
            raise failure(TrapCode.UNALIGNED_ATOMIC)
        return work(address, *operands)

    return checked


def _modify(read: Work, write: Work, operation: Work) -> Work:
    """rmw: replace the value by an operation on it and the operand; the old value."""

    def rmw(address: int, operand: int) -> int:
        with _lock:
            old: int = read(address)
            write(address, operation(old, operand))
        return old

    return rmw


def _compare_exchange(read: Work, write: Work, size: int) -> Work:
    """cmpxchg: replace the value if it is the expected one, of which only `size` bytes count; the
    old value."""
    mask = (1 << 8 * size) - 1

    def cmpxchg(address: int, expected: int, value: int) -> int:
        with _lock:
            old: int = read(address)
            if old == expected & mask:
                write(address, value)
        return old

    return cmpxchg


def _access(row: Row) -> Maker:
    found = _ACCESS.fullmatch(row.mnemonic)
    assert found is not None, row
    verb, name = found.groups()
    size = row.natural

    def make(unit: Unit, arg: MemArg) -> Work:
        window = unit.windows[arg.memory]
        read = load(window, arg.offset, size)
        write = store(window, arg.offset, size, cut=True)
        if verb == "rmw" and name == "cmpxchg":
            work = _compare_exchange(read, write, size)
        elif verb == "rmw" and name == "xchg":
            work = _modify(read, write, lambda _old, operand: operand)
        elif verb == "rmw":
            work = _modify(read, write, _OPERATIONS[name](8 * size))
        else:
            work = read if verb == "load" else write
        return _aligned(work, arg.offset, size)

    return make


def _wait(size: int) -> Maker:
    def make(unit: Unit, arg: MemArg) -> Work:
        memory, read = unit.instance.memories[arg.memory], _reader(unit, arg, size)
        instance = unit.instance

        def wait(address: int, expected: int, timeout: int) -> int:
            read(address)
            if not memory.shared:
                raise failure(TrapCode.EXPECTED_SHARED)
            return waiters.wait(
                memory.base + address + arg.offset,
                lambda: read(address) == expected,
                _signed64(timeout),
                instance.store.check_interrupt,
            )

        return wait

    return make


def _reader(unit: Unit, arg: MemArg, size: int) -> Work:
    return _aligned(load(unit.windows[arg.memory], arg.offset, size), arg.offset, size)


def _notify(unit: Unit, arg: MemArg) -> Work:
    memory, read = unit.instance.memories[arg.memory], _reader(unit, arg, 4)

    def notify(address: int, count: int) -> int:
        read(address)
        return waiters.notify(memory.base + address + arg.offset, count)

    return notify


def _fence(_unit: Unit, _order: int) -> Work:
    return lambda: None


def _accesses() -> dict[int, Plain]:
    table: dict[int, Plain] = {}
    for row in ROWS:
        if row.feature == "threads" and ".atomic." in row.mnemonic and row.mnemonic[0] == "i":
            assert row.params is not None, "accesses tell their effect"
            assert row.results is not None, "accesses tell their effect"
            table[row.op] = Plain(len(row.params), len(row.results), _access(row))
    return table


ATOMICS: Final[dict[int, Plain]] = _accesses() | {
    BY_NAME["memory.atomic.notify"][0].op: Plain(2, 1, _notify),
    BY_NAME["memory.atomic.wait32"][0].op: Plain(3, 1, _wait(4)),
    BY_NAME["memory.atomic.wait64"][0].op: Plain(3, 1, _wait(8)),
    BY_NAME["atomic.fence"][0].op: Plain(0, 0, _fence),
}
