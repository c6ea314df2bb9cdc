"""Instructions in text (spec 6.5): flat and folded forms → `Body`.

Blocks and folded instructions nest on a stack of frames, never on Python's own.
"""

from typing import Final, final

from wadjet.core.body import Body
from wadjet.core.features import Features
from wadjet.core.opcodes import Op
from wadjet.core.text.immediates import STRUCTURE, Form, ImmediateParser, forms_of
from wadjet.core.text.lexer import Tokens

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
class Frame:
    """One open group or block; `op`, `imm`, `place` are those of an instruction yet to come."""

    __slots__ = ("imm", "kind", "label", "op", "place")

    def __init__(self, kind: int, op: int, imm: object, place: int, label: str | None) -> None:
        self.kind = kind
        self.op: Final = op
        self.imm: Final = imm
        self.place: Final = place
        self.label: Final = label


class BodyParser(ImmediateParser):
    """Reads expressions: instructions of both forms."""

    __slots__ = ("body", "forms", "frames", "label_names", "label_total")

    def __init__(self, tokens: Tokens, features: Features) -> None:
        super().__init__(tokens, features)
        self.forms = forms_of(features)
        self.body = Body()
        self.frames: list[Frame] = []
        #: names of the function's labels by their order
        self.label_names: dict[int, str] = {}
        self.label_total = 0

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
                    imm = self.immediates(form)
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
        imm = self.immediates(form)
        if self.texts[self.at] == ")":
            self.at += 1
            self.body.add(self.op, imm, place)
        else:
            frames.append(Frame(_OPERANDS, self.op, imm, place, None))

    # control instructions

    def _open_control(self, form: Form | None) -> None:
        """`(block`, `(if`, `(then`, …: everything in parentheses that is not a plain operator."""
        self.at += 1
        word = self.texts[self.at]
        place = self.starts[self.at]
        frames = self.frames
        kind = frames[-1].kind if frames else _TOP
        if form is None or form.op in STRUCTURE:
            self._clause_group(word, kind)
            return
        if kind > _LAST_FOLDED:
            raise self.unexpected("')'")
        self.at += 1
        label = self.identifier()
        imm = self.immediates(form)
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
        if op not in STRUCTURE:
            self.at += 1
            label = self.identifier()
            imm = self.immediates(form)
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
        self.body.add(Op.DELEGATE, self.label(), place)

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
