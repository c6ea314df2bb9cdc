"""Values and start functions (Explainer.md, "Value Definitions", "Start Definitions")."""

import struct

from wadjet.base.errors import Invalid, Malformed
from wadjet.base.leb128 import read_signed, read_unsigned
from wadjet.component import limits
from wadjet.component.abi import despecialize
from wadjet.component.closed import closed
from wadjet.component.component import Start, Value
from wadjet.component.renaming import Work
from wadjet.component.subtyping import Matcher
from wadjet.component.types import (
    BOOL, CHAR, F32, F64, S8, S16, S32, S64, STRING, U8, U16, U32, U64, Flags, List, Prim, Record,
    ValType, Variant,
)  # fmt: skip
from wadjet.component.validate.scope import Scope, ValueEntry
from wadjet.component.validate.valuetypes import close_value
from wadjet.core.binary.reader import Reader

_SIGNED = {S16: 16, S32: 32, S64: 64}
_UNSIGNED = {U16: 16, U32: 32, U64: 64}


def add_value(scope: Scope, d: Value) -> None:
    """Check a value definition and add the value."""
    scope.session.require("cm-values", "a value", d.place)
    t = close_value(scope, d.type, d.place)
    reader = Reader(d.data)
    try:
        _read(reader, t, scope.session.work)
    except (Invalid, Malformed) as error:
        scope.fail(f"value does not match its type: {error.message}", d.place)
    if reader.pos != reader.size:
        scope.fail("value does not match its type: there are bytes after it", d.place)
    scope.add(scope.values, ValueEntry(t, d.place), "values", limits.VALUES, d.place)


def _read(reader: Reader, t: ValType, work: Work) -> None:
    """Read one value, which may be of any type."""
    work.spend()
    t = closed(t)
    if isinstance(t, Prim):
        _read_prim(reader, t)
        return
    shape = despecialize(t.shape)
    match shape:
        case Record(fields):
            for _, part in fields:
                _read(reader, part, work)
        case Variant(cases):
            case = reader.byte() if len(cases) == 2 and shape is not t.shape else reader.u32()
            if case >= len(cases):
                raise Invalid(f"there is no case {case}")
            payload = cases[case][1]
            if payload is not None:
                _read(reader, payload, work)
        case List(element, length):
            for _ in range(reader.length() if length is None else length):
                _read(reader, element, work)
        case Flags(labels):
            bits = int.from_bytes(reader.take((len(labels) + 7) // 8), "little")
            if bits >> len(labels):
                raise Invalid("there are more flags than labels")
        case _:
            raise Invalid("a handle, stream or future is no constant")


def _read_prim(reader: Reader, t: Prim) -> None:
    if t is BOOL:
        if reader.byte() > 1:
            raise Invalid("a bool is 0 or 1")
    elif t is S8 or t is U8:
        reader.byte()
    elif t in _SIGNED:
        _, reader.pos = read_signed(reader.data, reader.pos, _SIGNED[t])
    elif t in _UNSIGNED:
        _, reader.pos = read_unsigned(reader.data, reader.pos, _UNSIGNED[t])
    elif t is F32 or t is F64:
        _read_float(reader, t)
    elif t is CHAR:
        _read_char(reader)
    elif t is STRING:
        reader.name()
    else:
        raise Invalid(f"there is no constant {t}")


def _read_float(reader: Reader, t: Prim) -> None:
    data = reader.take(4 if t is F32 else 8)
    value: float = struct.unpack("<f" if t is F32 else "<d", data)[0]
    canonical = bytes.fromhex("0000c07f" if t is F32 else "000000000000f87f")
    if value != value and data != canonical:
        raise Invalid("a NaN that is not canonical")


def _read_char(reader: Reader) -> None:
    first = reader.peek()
    size = 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    try:
        reader.take(size).decode()
    except UnicodeDecodeError:
        raise Invalid("a char that is not UTF-8") from None


def add_start(scope: Scope, d: Start) -> None:
    """Check a start definition and add its results."""
    scope.session.require("cm-values", "a start function", d.place)
    if scope.started:
        scope.fail("component cannot have more than one start function", d.place)
    scope.started = True
    ft = scope.at(scope.funcs, d.func, "function", d.place)
    if len(ft.params) != len(d.args):
        counts = f"{len(ft.params)} arguments but was given {len(d.args)}"
        scope.fail(f"component start function requires {counts}", d.place)
    if d.results != (ft.result is not None):
        counts = f"{d.results}, but the function has {int(ft.result is not None)}"
        scope.fail(f"component start function has a result count of {counts}", d.place)
    matcher = Matcher(scope.session.work)
    for i, ((_, wanted), arg) in enumerate(zip(ft.params, d.args, strict=True)):
        problem = matcher.value(scope.use_value(arg, d.place), wanted)
        if problem is not None:
            what = f"value type mismatch for component start function argument {i}"
            scope.fail(f"{what}: {problem}", d.place)
    if ft.result is not None:
        entry = ValueEntry(closed(ft.result), d.place)
        scope.add(scope.values, entry, "values", limits.VALUES, d.place)


def check_all_used(scope: Scope) -> None:
    """Every value must be used exactly once; that none is used twice has been checked."""
    for i, entry in enumerate(scope.values):
        if not entry.used:
            where = "an instantiation, start function or export"
            scope.fail(f"value index {i} was not used as part of {where}", entry.place)
