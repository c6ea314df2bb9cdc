"""Immediates in text: one reader for each kind that the instruction table knows.

A reader `read(parser, form)` gives the value as `wadjet.core.body` documents it. The text writes
some immediates in another order than the binary, and leaves some out.
"""

from collections.abc import Callable
from typing import Final, final

from wadjet.core.body import Catch, Handler, MemArg
from wadjet.core.features import Features
from wadjet.core.opcodes import BY_NAME, Op, Row
from wadjet.core.text import literals
from wadjet.core.text.cursor import shorten
from wadjet.core.text.lexer import Tokens
from wadjet.core.text.resolve import Space
from wadjet.core.text.types import TypeParser
from wadjet.core.types import RefType

#: Words that divide or end a block.
STRUCTURE: Final = frozenset({Op.ELSE, Op.END, Op.CATCH, Op.CATCH_ALL, Op.DELEGATE})


@final
class Form:
    """How a mnemonic is read: its row, the kinds of its immediates without their parameters."""

    __slots__ = ("align", "control", "kinds", "op", "read", "rows")

    def __init__(self, rows: list[Row]) -> None:
        row = rows[0]
        self.rows: Final = rows
        self.op: Final = row.op
        self.kinds: Final = tuple(word.partition("/")[0] for word in row.immediates)
        self.align: Final = max(row.natural.bit_length() - 1, 0)
        self.control: Final = self.kinds[:1] == ("block",) or row.op in STRUCTURE
        self.read: Final = None if not row.immediates and len(rows) == 1 else _reader(self)


class ImmediateParser(TypeParser):
    """Reads immediates; the spaces hold the names of the module, `locals` of the function."""

    __slots__ = (
        "datas", "elems", "funcs", "globals", "label_depths", "labels", "last_type", "locals",
        "memories", "op", "tables", "tags", "uses_data",
    )  # fmt: skip

    def __init__(self, tokens: Tokens, features: Features) -> None:
        super().__init__(tokens, features)
        self.funcs = Space("function")
        self.tables = Space("table")
        self.memories = Space("memory")
        self.globals = Space("global")
        self.tags = Space("tag")
        self.elems = Space("elem segment")
        self.datas = Space("data segment")
        self.locals = Space("local")
        #: the labels in scope, outermost first, and at which depths each name stands
        self.labels: list[str | None] = []
        self.label_depths: dict[str, list[int]] = {}
        #: the type read last, for the field that follows
        self.last_type = 0
        #: whether some instruction names a data segment
        self.uses_data = False
        #: the row meant by the mnemonic read last
        self.op = 0

    def immediates(self, form: Form) -> object:
        """What follows the mnemonic. Sets `op`: some mnemonics stand for several rows."""
        self.op = form.op
        return None if form.read is None else form.read(self, form)

    def label(self) -> int:
        """A label, counted from the innermost."""
        text = self.texts[self.at]
        if text[:1] != "$":
            return self.natural(32, "a label")
        depths = self.label_depths.get(self.identifier_of(text))
        if not depths:
            raise self.error(f"unknown label {shorten(text)}")
        self.at += 1
        return len(self.labels) - 1 - depths[-1]


def _label(p: "ImmediateParser", form: "Form") -> int:
    return p.label()


def _labels(p: "ImmediateParser", form: "Form") -> tuple[int, ...]:
    labels = [p.label()]
    while p.is_index():
        labels.append(p.label())
    return tuple(labels)


def _func(p: "ImmediateParser", form: "Form") -> int:
    return p.funcs.index(p)


def _type(p: "ImmediateParser", form: "Form") -> int:
    p.last_type = p.types.names.index(p)
    return p.last_type


def _table(p: "ImmediateParser", form: "Form") -> int:
    return p.tables.index(p) if p.is_index() else 0


def _mem(p: "ImmediateParser", form: "Form") -> int:
    return p.memories.index(p) if p.is_index() else 0


def _global(p: "ImmediateParser", form: "Form") -> int:
    return p.globals.index(p)


def _local(p: "ImmediateParser", form: "Form") -> int:
    return p.locals.index(p)


def _tag(p: "ImmediateParser", form: "Form") -> int:
    return p.tags.index(p)


def _data(p: "ImmediateParser", form: "Form") -> int:
    p.uses_data = True
    return p.datas.index(p)


def _elem(p: "ImmediateParser", form: "Form") -> int:
    return p.elems.index(p)


def _field(p: "ImmediateParser", form: "Form") -> int:
    return p.types.field(p.last_type, p)


def _u32(p: "ImmediateParser", form: "Form") -> int:
    return p.natural(32, "a number")


def _i32(p: "ImmediateParser", form: "Form") -> int:
    return p.number(32)


def _i64(p: "ImmediateParser", form: "Form") -> int:
    return p.number(64)


def _f32(p: "ImmediateParser", form: "Form") -> int:
    return p.float_bits(32)


def _f64(p: "ImmediateParser", form: "Form") -> int:
    return p.float_bits(64)


def _v128(p: "ImmediateParser", form: "Form") -> int:
    return p.vector()


def _memarg(p: "ImmediateParser", form: "Form") -> MemArg:
    return _memarg_of(p, form, _mem(p, form))


def _memarg_of(p: "ImmediateParser", form: "Form", memory: int) -> MemArg:
    offset, align = 0, form.align
    text = p.texts[p.at]
    if text.startswith("offset="):
        offset = _assigned(p, text[7:])
        text = p.texts[p.at]
    if text.startswith("align="):
        written = _assigned(p, text[6:])
        if written == 0 or written & written - 1:
            raise p.error("alignment must be a power of two", p.at - 1)
        align = written.bit_length() - 1
    return MemArg(align, offset, memory)


def _assigned(p: "ImmediateParser", number: str) -> int:
    if not literals.is_nat(number):
        raise p.unexpected("a number")
    value = literals.nat(number, 64)
    if value is None:
        raise p.error("i64 constant out of range")
    p.at += 1
    return value


def _lane(p: "ImmediateParser", form: "Form") -> int:
    return p.natural(8, "a lane index")


def _lanes(p: "ImmediateParser", form: "Form") -> bytes:
    p.expect_numbers(16, "invalid lane length")
    lanes = bytearray()
    for _ in range(16):
        if not literals.is_nat(p.texts[p.at]):
            raise p.error(f"i8 constant out of range: {shorten(p.texts[p.at])}")
        lanes.append(_lane(p, form))
    return bytes(lanes)


def _block(p: "ImmediateParser", form: "Form") -> object:
    return p.blocktype()


_CATCHES: Final = {"catch": 0, "catch_ref": 1, "catch_all": 2, "catch_all_ref": 3}


def _catches(p: "ImmediateParser", form: "Form") -> tuple[Catch, ...]:
    clauses = []
    while p.texts[p.at] == "(" and (kind := _CATCHES.get(p.texts[p.at + 1])) is not None:
        p.at += 2
        tag = p.tags.index(p) if kind < 2 else None
        clauses.append(Catch(kind, tag, p.label()))
        p.expect(")")
    return tuple(clauses)


def _handlers(p: "ImmediateParser", form: "Form") -> tuple[Handler, ...]:
    clauses = []
    while p.opens("on"):
        p.at += 2
        tag = p.tags.index(p)
        clauses.append(Handler(tag, None if p.take("switch") else p.label()))
        p.expect(")")
    return tuple(clauses)


def _refnull(p: "ImmediateParser", form: "Form") -> RefType:
    return p.heaptype(True)


def _cast(p: "ImmediateParser", form: "Form") -> tuple[int, RefType, RefType]:
    return p.label(), p.reftype(), p.reftype()


def _fence(p: "ImmediateParser", form: "Form") -> int:
    return 0


def _order(p: "ImmediateParser", form: "Form") -> int:
    order = _ORDERS.get(p.texts[p.at])
    if order is None:
        raise p.unexpected("seq_cst or acq_rel")
    p.at += 1
    return order


_ORDERS: Final = {"seq_cst": 0, "acq_rel": 1}


def _select(p: "ImmediateParser", form: "Form") -> object:
    """`select` has a second row for `(result …)`."""
    if not p.opens("result"):
        return None
    p.op = form.rows[1].op
    return tuple(p.results())


def _ref_or_null(p: "ImmediateParser", form: "Form") -> RefType:
    """ref.test and its kin have one row for non-null types and one for nullable ones."""
    made = p.reftype()
    p.op = form.rows[made.nullable].op
    return made


def _indirect(p: "ImmediateParser", form: "Form") -> tuple[int, int]:
    """`call_indirect x? typeuse`: the other way round than in binary."""
    table = _table(p, form)
    return p.typeuse(), table


def _two_or_none(p: "ImmediateParser", form: "Form") -> tuple[int, int]:
    """`memory.copy`, `table.copy`: both indices or neither."""
    if not p.is_index():
        return 0, 0
    space = p.memories if form.kinds[0] == "mem" else p.tables
    return space.index(p), space.index(p)


def _init(p: "ImmediateParser", form: "Form") -> tuple[int, int]:
    """`memory.init x? y`, `table.init x? y`: the segment comes last, other than in binary."""
    data = form.kinds[0] == "data"
    target = 0
    p.at += 1
    both = p.is_index()
    p.at -= 1
    if both:
        target = _mem(p, form) if data else _table(p, form)
    return (_data(p, form) if data else _elem(p, form)), target


def _memarg_lane(p: "ImmediateParser", form: "Form") -> tuple[MemArg, int]:
    """`v128.load8_lane x? memarg lane`: a single number is the lane."""
    memory = 0
    following = p.texts[p.at + 1] if p.is_index() else ""
    if p.texts[p.at][:1] == "$" or following[:1].isdecimal() or "=" in following:
        memory = _mem(p, form)
    return _memarg_of(p, form, memory), _lane(p, form)


def _in_order(p: "ImmediateParser", form: "Form") -> tuple[object, ...]:
    """Several immediates, written as in binary."""
    return tuple(_KINDS[kind](p, form) for kind in form.kinds)


Reader = Callable[["ImmediateParser", "Form"], object]
_KINDS: Final[dict[str, Reader]] = {
    "block": _block,
    "labels": _labels,
    "label": _label,
    "func": _func,
    "type": _type,
    "table": _table,
    "mem": _mem,
    "global": _global,
    "tag": _tag,
    "local": _local,
    "data": _data,
    "elem": _elem,
    "field": _field,
    "i32": _i32,
    "i64": _i64,
    "f32": _f32,
    "f64": _f64,
    "v128": _v128,
    "memarg": _memarg,
    "lane": _lane,
    "lanes": _lanes,
    "catches": _catches,
    "refnull": _refnull,
    "cast": _cast,
    "u32": _u32,
    "handlers": _handlers,
    "fence": _fence,
    "order": _order,
    "orders": _order,
}
#: combinations that are not written in binary order, or leave something out
_COMBINED: Final[dict[tuple[str, ...], Reader]] = {
    ("type", "table"): _indirect,
    ("mem", "mem"): _two_or_none,
    ("table", "table"): _two_or_none,
    ("data", "mem"): _init,
    ("elem", "table"): _init,
    ("memarg", "lane"): _memarg_lane,
}


def _reader(form: "Form") -> Reader:
    """The function that reads the immediates of a form."""
    if len(form.rows) == 2:
        return _select if form.rows[1].immediates == ("types",) else _ref_or_null
    if len(form.kinds) == 1:
        return _KINDS[form.kinds[0]]
    return _COMBINED.get(form.kinds, _in_order)


_FORMS: Final = {name: Form(rows) for name, rows in BY_NAME.items()}
_ENABLED: Final[dict[Features, dict[str, Form]]] = {}


def forms_of(features: Features) -> dict[str, Form]:
    """The mnemonics that a feature set knows."""
    found = _ENABLED.get(features)
    if found is None:
        found = {n: f for n, f in _FORMS.items() if f.rows[0].feature in features}
        _ENABLED[features] = found
    return found
