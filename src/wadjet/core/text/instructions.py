"""Instructions in text (spec 6.5): flat and folded forms → `Body`.

Immediates are read by their kind, as the instruction table tells; blocks and folded instructions
nest on a stack of frames, never on Python's own.
"""

from collections.abc import Callable
from typing import Final, final

from wadjet.base.errors import Malformed
from wadjet.core.body import Body, Catch, Handler, MemArg
from wadjet.core.features import Features
from wadjet.core.opcodes import BY_NAME, Op, Row
from wadjet.core.text import literals
from wadjet.core.text.cursor import shorten
from wadjet.core.text.lexer import Tokens
from wadjet.core.text.resolve import Space
from wadjet.core.text.types import TypeParser
from wadjet.core.types import RefType

_STRUCTURE: Final = frozenset({Op.ELSE, Op.END, Op.CATCH, Op.CATCH_ALL, Op.DELEGATE})

# What a frame is: which words it allows and what closes it. The first group takes instructions of
# both forms, the second folded ones alone, the third neither.
_TOP: Final = 0  # the expression itself
_FOLDED_BLOCK: Final = 1  # (block … | (loop … | (try_table …
_THEN: Final = 2  # (then …
_ELSE: Final = 3  # (else …
_DO: Final = 4  # (do …
_CLAUSE: Final = 5  # (catch … | (catch_all …
_BLOCK: Final = 6  # block …, which needs end
_IF: Final = 7  # if …
_IF_ELSE: Final = 8  # if … else …
_TRY: Final = 9  # try …
_TRY_CATCH: Final = 10  # try … catch …
_TRY_ALL: Final = 11  # try … catch_all …
_LAST_SEQUENCE: Final = 11
_OPERANDS: Final = 12  # (op …
_CONDITION: Final = 13  # (if …, before (then
_LAST_FOLDED: Final = 13
_IF_THEN: Final = 14  # (if … (then …)
_IF_DONE: Final = 15  # (if … (then …) (else …)
_TRY_OPEN: Final = 16  # (try, before (do
_TRY_DONE: Final = 17  # (try (do …) …
_TRY_CAUGHT: Final = 18  # (try (do …) (catch …)
_TRY_CLOSED: Final = 19  # (try (do …) (delegate …) | (catch_all …)


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
        self.control: Final = self.kinds[:1] == ("block",) or row.op in _STRUCTURE
        self.read: Final = None if not row.immediates and len(rows) == 1 else _reader(self)


@final
class Frame:
    """One open group or block; `op`, `imm`, `place` are those of an instruction yet to come."""

    __slots__ = ("imm", "kind", "label", "op", "place")

    def __init__(self, kind: int, op: int, imm: object, place: int, label: str | None) -> None:
        self.kind = kind
        self.op: Final = op
        self.imm: Final = imm
        self.place: Final = place
        self.label: Final = label


class BodyParser(TypeParser):
    """Reads instructions; the spaces hold the names of the module, `locals` of the function."""

    __slots__ = (
        "body", "datas", "elems", "forms", "frames", "funcs", "globals", "label_depths",
        "label_names", "label_total", "labels", "last_type", "locals", "memories", "op",
        "tables", "tags",
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
        self.forms = _forms(features)
        self.body = Body()
        self.frames: list[Frame] = []
        self.labels: list[str | None] = []
        self.label_depths: dict[str, list[int]] = {}
        self.label_names: dict[int, str] = {}
        self.label_total = 0
        self.last_type = 0
        self.op = 0

    def expression(self) -> Body:
        """Instructions up to the parenthesis that closes the surrounding group, which is left."""
        return self._sequence(single=False)

    def folded_expression(self) -> Body:
        """One folded instruction that stands for a whole expression."""
        if self.texts[self.at] != "(":
            raise self.unexpected("an expression in parentheses")
        return self._sequence(single=True)

    def _sequence(self, single: bool) -> Body:
        body = self.body = Body()
        texts, frames, forms = self.texts, self.frames, self.forms
        frames.clear()
        self.labels.clear()
        self.label_depths.clear()
        self.label_names = {}
        self.label_total = 0
        while True:
            text = texts[self.at]
            if text == "(":
                form = forms.get(texts[self.at + 1])
                if form is None or form.control:
                    self._open_control(form)
                else:
                    self._open_plain(form)
            elif text == ")":
                if not frames:
                    break
                self._close()
            else:
                form = forms.get(text)
                if form is None or (frames and frames[-1].kind > _LAST_SEQUENCE):
                    raise self.unexpected("an instruction")
                if form.control:
                    self._flat_control(form)
                else:
                    place = self.starts[self.at]
                    self.at += 1
                    imm = self._immediates(form)
                    body.add(self.op, imm, place)
            if single and not frames:
                break
        body.add(Op.END, None, self.starts[self.at])
        return body

    # plain instructions

    def _open_plain(self, form: Form) -> None:
        """`(op immediates`: operands come first, so the instruction waits for its `)`."""
        frames = self.frames
        if frames and frames[-1].kind > _LAST_FOLDED:
            self.at += 1
            raise self.unexpected("')'")
        place = self.starts[self.at + 1]
        self.at += 2
        imm = self._immediates(form)
        if self.texts[self.at] == ")":
            self.at += 1
            self.body.add(self.op, imm, place)
        else:
            frames.append(Frame(_OPERANDS, self.op, imm, place, None))

    def _immediates(self, form: Form) -> object:
        """What follows the mnemonic. Sets `op`: some mnemonics stand for several rows."""
        self.op = form.op
        return None if form.read is None else form.read(self, form)

    # control instructions

    def _open_control(self, form: Form | None) -> None:
        """`(block`, `(if`, `(then`, …: everything in parentheses that is not a plain operator."""
        self.at += 1
        word = self.texts[self.at]
        place = self.starts[self.at]
        frames = self.frames
        kind = frames[-1].kind if frames else _TOP
        if form is None or form.op in _STRUCTURE:
            self._clause_group(word, kind)
            return
        if kind > _LAST_FOLDED:
            raise self.unexpected("')'")
        self.at += 1
        label = self.identifier()
        imm = form.read(self, form) if form.read is not None else None
        if form.op == Op.IF:
            frames.append(Frame(_CONDITION, form.op, imm, place, label))
            return
        self.body.add(form.op, imm, place)
        self._push_label(label)
        inner = _TRY_OPEN if form.op == Op.TRY else _FOLDED_BLOCK
        frames.append(Frame(inner, form.op, imm, place, label))

    def _clause_group(self, word: str, kind: int) -> None:
        """`(then`, `(else`, `(do`, `(catch`, `(catch_all`, `(delegate` inside their blocks."""
        frames, place = self.frames, self.starts[self.at]
        if word == "then" and kind == _CONDITION:
            frame = frames[-1]
            self.at += 1
            self.body.add(frame.op, frame.imm, frame.place)
            self._push_label(frame.label)
            frame.kind = _IF_THEN
            frames.append(Frame(_THEN, 0, None, place, None))
        elif word == "else" and kind == _IF_THEN:
            self.at += 1
            self.body.add(Op.ELSE, None, place)
            frames[-1].kind = _IF_DONE
            frames.append(Frame(_ELSE, 0, None, place, None))
        elif word == "do" and kind == _TRY_OPEN:
            self.at += 1
            frames[-1].kind = _TRY_DONE
            frames.append(Frame(_DO, 0, None, place, None))
        elif word in ("catch", "catch_all") and kind in (_TRY_DONE, _TRY_CAUGHT):
            self.at += 1
            self._catch(word, place)
            frames[-1].kind = _TRY_CAUGHT if word == "catch" else _TRY_CLOSED
            frames.append(Frame(_CLAUSE, 0, None, place, None))
        elif word == "delegate" and kind == _TRY_DONE:
            self.at += 1
            self._delegate(place)
            self.expect(")")
            frames[-1] = Frame(_TRY_CLOSED, Op.DELEGATE, None, place, None)
        else:
            raise self.unexpected(_EXPECTED.get(kind, "an instruction"))

    def _close(self) -> None:
        """`)`: emit what the group was waiting to emit."""
        frame = self.frames[-1]
        kind, place = frame.kind, self.starts[self.at]
        if kind == _OPERANDS:
            self.body.add(frame.op, frame.imm, frame.place)
        elif kind in (_FOLDED_BLOCK, _IF_THEN, _IF_DONE) or kind >= _TRY_DONE:
            if frame.op != Op.DELEGATE:
                self._pop_label()
                self.body.add(Op.END, None, place)
        elif kind not in (_THEN, _ELSE, _DO, _CLAUSE):
            raise self.unexpected(_EXPECTED.get(kind, "end"))
        self.frames.pop()
        self.at += 1

    def _flat_control(self, form: Form) -> None:
        """`block`, `if`, `else`, `end`, … written without parentheses."""
        frames, place = self.frames, self.starts[self.at]
        op = form.op
        if op not in _STRUCTURE:
            self.at += 1
            label = self.identifier()
            imm = form.read(self, form) if form.read is not None else None
            self.body.add(op, imm, place)
            self._push_label(label)
            kind = _IF if op == Op.IF else _TRY if op == Op.TRY else _BLOCK
            frames.append(Frame(kind, op, imm, place, label))
            return
        kind = frames[-1].kind if frames else _TOP
        if not _BLOCK <= kind <= _TRY_ALL or kind not in _CLOSES.get(op, _ENDED):
            raise self.unexpected(_EXPECTED.get(kind, "an instruction"))
        word = self.texts[self.at]
        self.at += 1
        if op == Op.DELEGATE:
            frames.pop()
            self._delegate(place)
        elif op in (Op.CATCH, Op.CATCH_ALL):
            self._catch(word, place)
            frames[-1].kind = _TRY_CATCH if op == Op.CATCH else _TRY_ALL
        else:
            self._check_label(frames[-1].label)
            self.body.add(op, None, place)
            if op == Op.END:
                frames.pop()
                self._pop_label()
            else:
                frames[-1].kind = _IF_ELSE

    def _catch(self, word: str, place: int) -> None:
        if word == "catch":
            self.body.add(Op.CATCH, self.tags.index(self), place)
        else:
            self.body.add(Op.CATCH_ALL, None, place)

    def _delegate(self, place: int) -> None:
        self._pop_label()
        self.body.add(Op.DELEGATE, _label(self, self.forms["delegate"]), place)

    def _push_label(self, name: str | None) -> None:
        if name is not None:
            self.label_depths.setdefault(name, []).append(len(self.labels))
            self.label_names[self.label_total] = name
        self.labels.append(name)
        self.label_total += 1

    def _pop_label(self) -> None:
        name = self.labels.pop()
        if name is not None:
            self.label_depths[name].pop()

    def _check_label(self, label: str | None) -> None:
        """The optional identifier after `else` and `end` must repeat that of the block."""
        repeated = self.identifier()
        if repeated is not None and repeated != label:
            raise self.error(f"mismatching label ${repeated}", self.at - 1)

    def number(self, bits: int) -> int:
        """An integer constant, in signed form."""
        text = self.texts[self.at]
        if not literals.is_integer(text):
            raise self._no_number("an integer")
        value = literals.integer(text, bits)
        if value is None:
            raise self.error(f"constant out of range: {shorten(text)} does not fit i{bits}")
        self.at += 1
        return value

    def float_bits(self, bits: int) -> int:
        """A float constant, as its bit pattern."""
        text = self.texts[self.at]
        if not literals.is_number(text):
            raise self._no_number("a number")
        value = literals.floating(text, bits)
        if value is None:
            raise self.error(f"constant out of range: {shorten(text)} does not fit f{bits}")
        self.at += 1
        return value

    def _no_number(self, expected: str) -> Malformed:
        if literals.is_number(self.texts[self.at]):
            return self.error("constant out of range: not an integer")
        return self.unexpected(expected)


_EXPECTED: Final = {
    _CONDITION: "(then",
    _IF_THEN: "(else or ')'",
    _IF_DONE: "')'",
    _TRY_OPEN: "(do",
    _TRY_DONE: "(catch, (catch_all, (delegate or ')'",
    _TRY_CAUGHT: "(catch, (catch_all or ')'",
    _TRY_CLOSED: "')'",
    _BLOCK: "end",
    _IF: "else or end",
    _IF_ELSE: "end",
    _TRY: "catch, catch_all, delegate or end",
    _TRY_CATCH: "catch, catch_all or end",
    _TRY_ALL: "end",
}
#: structure words → the blocks they may stand in; `end` may close any
_ENDED: Final = frozenset(range(_BLOCK, _TRY_ALL + 1))
_CLOSES: Final = {
    Op.ELSE: frozenset({_IF}),
    Op.CATCH: frozenset({_TRY, _TRY_CATCH}),
    Op.CATCH_ALL: frozenset({_TRY, _TRY_CATCH}),
    Op.DELEGATE: frozenset({_TRY}),
}

# Immediates: one reader per kind, `read(parser, form)` → the value as `Body` documents it.


def _label(p: BodyParser, form: Form) -> int:
    text = p.texts[p.at]
    if text[:1] != "$":
        return p.natural(32, "a label")
    depths = p.label_depths.get(p.identifier_of(text))
    if not depths:
        raise p.error(f"unknown label {shorten(text)}")
    p.at += 1
    return len(p.labels) - 1 - depths[-1]


def _labels(p: BodyParser, form: Form) -> tuple[int, ...]:
    labels = [_label(p, form)]
    while p.is_index():
        labels.append(_label(p, form))
    return tuple(labels)


def _func(p: BodyParser, form: Form) -> int:
    return p.funcs.index(p)


def _type(p: BodyParser, form: Form) -> int:
    p.last_type = p.types.names.index(p)
    return p.last_type


def _table(p: BodyParser, form: Form) -> int:
    return p.tables.index(p) if p.is_index() else 0


def _mem(p: BodyParser, form: Form) -> int:
    return p.memories.index(p) if p.is_index() else 0


def _global(p: BodyParser, form: Form) -> int:
    return p.globals.index(p)


def _local(p: BodyParser, form: Form) -> int:
    return p.locals.index(p)


def _tag(p: BodyParser, form: Form) -> int:
    return p.tags.index(p)


def _data(p: BodyParser, form: Form) -> int:
    return p.datas.index(p)


def _elem(p: BodyParser, form: Form) -> int:
    return p.elems.index(p)


def _field(p: BodyParser, form: Form) -> int:
    return p.types.field(p.last_type, p)


def _u32(p: BodyParser, form: Form) -> int:
    return p.natural(32, "a number")


def _i32(p: BodyParser, form: Form) -> int:
    return p.number(32)


def _i64(p: BodyParser, form: Form) -> int:
    return p.number(64)


def _f32(p: BodyParser, form: Form) -> int:
    return p.float_bits(32)


def _f64(p: BodyParser, form: Form) -> int:
    return p.float_bits(64)


#: shape → (lanes, bits of a lane, whether they are floats)
SHAPES: Final = {
    "i8x16": (16, 8, False),
    "i16x8": (8, 16, False),
    "i32x4": (4, 32, False),
    "i64x2": (2, 64, False),
    "f32x4": (4, 32, True),
    "f64x2": (2, 64, True),
}


def v128(p: BodyParser, form: Form | None = None) -> int:
    """A shape and its lanes, as one little-endian number of 128 bits."""
    shape = SHAPES.get(p.texts[p.at])
    if shape is None:
        raise p.unexpected("a vector shape")
    count, bits, floats = shape
    p.at += 1
    _expect_numbers(p, count, "wrong number of lane literals")
    value = 0
    for index in range(count):
        lane = p.float_bits(bits) if floats else p.number(bits) & (1 << bits) - 1
        value |= lane << index * bits
    return value


def _expect_numbers(p: BodyParser, count: int, complaint: str) -> None:
    """Reject anything but exactly `count` numbers here."""
    end = p.at
    while end - p.at <= count and literals.is_number(p.texts[end]):
        end += 1
    if end - p.at == count:
        return
    if end - p.at < count and p.texts[end] not in ("(", ")"):
        p.at = end
        raise p.unexpected("a number")
    raise p.error(f"{complaint}: expected {count} numbers")


def _memarg(p: BodyParser, form: Form) -> MemArg:
    return _memarg_of(p, form, _mem(p, form))


def _memarg_of(p: BodyParser, form: Form, memory: int) -> MemArg:
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


def _assigned(p: BodyParser, number: str) -> int:
    if not literals.is_nat(number):
        raise p.unexpected("a number")
    value = literals.nat(number, 64)
    if value is None:
        raise p.error("i64 constant out of range")
    p.at += 1
    return value


def _lane(p: BodyParser, form: Form) -> int:
    return p.natural(8, "a lane index")


def _lanes(p: BodyParser, form: Form) -> bytes:
    _expect_numbers(p, 16, "invalid lane length")
    lanes = bytearray()
    for _ in range(16):
        if not literals.is_nat(p.texts[p.at]):
            raise p.error(f"i8 constant out of range: {shorten(p.texts[p.at])}")
        lanes.append(_lane(p, form))
    return bytes(lanes)


def _block(p: BodyParser, form: Form) -> object:
    return p.blocktype()


_CATCHES: Final = {"catch": 0, "catch_ref": 1, "catch_all": 2, "catch_all_ref": 3}


def _catches(p: BodyParser, form: Form) -> tuple[Catch, ...]:
    clauses = []
    while p.texts[p.at] == "(" and (kind := _CATCHES.get(p.texts[p.at + 1])) is not None:
        p.at += 2
        tag = p.tags.index(p) if kind < 2 else None
        clauses.append(Catch(kind, tag, _label(p, form)))
        p.expect(")")
    return tuple(clauses)


def _handlers(p: BodyParser, form: Form) -> tuple[Handler, ...]:
    clauses = []
    while p.opens("on"):
        p.at += 2
        tag = p.tags.index(p)
        clauses.append(Handler(tag, None if p.take("switch") else _label(p, form)))
        p.expect(")")
    return tuple(clauses)


def _refnull(p: BodyParser, form: Form) -> RefType:
    return p.heaptype(True)


def _cast(p: BodyParser, form: Form) -> tuple[int, RefType, RefType]:
    return _label(p, form), p.reftype(), p.reftype()


def _fence(p: BodyParser, form: Form) -> int:
    return 0


def _select(p: BodyParser, form: Form) -> object:
    """`select` has a second row for `(result …)`."""
    if not p.opens("result"):
        return None
    p.op = form.rows[1].op
    return tuple(p.results())


def _ref_or_null(p: BodyParser, form: Form) -> RefType:
    """ref.test and its kin have one row for non-null types and one for nullable ones."""
    made = p.reftype()
    p.op = form.rows[made.nullable].op
    return made


def _indirect(p: BodyParser, form: Form) -> tuple[int, int]:
    """`call_indirect x? typeuse`: the other way round than in binary."""
    table = _table(p, form)
    return p.typeuse(), table


def _two_or_none(p: BodyParser, form: Form) -> tuple[int, int]:
    """`memory.copy`, `table.copy`: both indices or neither."""
    if not p.is_index():
        return 0, 0
    space = p.memories if form.kinds[0] == "mem" else p.tables
    return space.index(p), space.index(p)


def _init(p: BodyParser, form: Form) -> tuple[int, int]:
    """`memory.init x? y`, `table.init x? y`: the segment comes last, other than in binary."""
    data = form.kinds[0] == "data"
    target = 0
    p.at += 1
    both = p.is_index()
    p.at -= 1
    if both:
        target = _mem(p, form) if data else _table(p, form)
    return (_data(p, form) if data else _elem(p, form)), target


def _memarg_lane(p: BodyParser, form: Form) -> tuple[MemArg, int]:
    """`v128.load8_lane x? memarg lane`: a single number is the lane."""
    memory = 0
    following = p.texts[p.at + 1] if p.is_index() else ""
    if p.texts[p.at][:1] == "$" or following[:1].isdecimal() or "=" in following:
        memory = _mem(p, form)
    return _memarg_of(p, form, memory), _lane(p, form)


def _in_order(p: BodyParser, form: Form) -> tuple[object, ...]:
    """Several immediates, written as in binary."""
    return tuple(_KINDS[kind](p, form) for kind in form.kinds)


Reader = Callable[[BodyParser, Form], object]
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
    "v128": v128,
    "memarg": _memarg,
    "lane": _lane,
    "lanes": _lanes,
    "catches": _catches,
    "refnull": _refnull,
    "cast": _cast,
    "u32": _u32,
    "handlers": _handlers,
    "fence": _fence,
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


def _reader(form: Form) -> Reader:
    """The function that reads the immediates of a form."""
    if len(form.rows) == 2:
        return _select if form.rows[1].immediates == ("types",) else _ref_or_null
    if len(form.kinds) == 1:
        return _KINDS[form.kinds[0]]
    return _COMBINED.get(form.kinds, _in_order)


_FORMS: Final = {name: Form(rows) for name, rows in BY_NAME.items()}
_ENABLED: Final[dict[Features, dict[str, Form]]] = {}


def _forms(features: Features) -> dict[str, Form]:
    """The mnemonics that a feature set knows."""
    found = _ENABLED.get(features)
    if found is None:
        found = {n: f for n, f in _FORMS.items() if f.rows[0].feature in features}
        _ENABLED[features] = found
    return found
