"""`.wast` text → `Script`."""

from typing import Final, final

from wadjet.core.features import ALL, Features
from wadjet.core.text.cursor import SHAPES, Cursor
from wadjet.core.text.lexer import Tokens, tokenize
from wadjet.core.types import F32, F64, I32, I64, V128, NumType
from wadjet.script.ast import (
    ARITHMETIC, CANONICAL, Action, AssertFails, AssertRejects, AssertReturn, Command,
    ComponentConst, Const, Define, Either, FloatPattern, Get, Instantiate, Invoke, Pattern, Perform,
    RefConst, Register, Script, Source, Thread, Unknown, Value, VectorPattern, Wait,
)  # fmt: skip

_NANS: Final = (CANONICAL, ARITHMETIC)
_FIELDS: Final = frozenset(
    "type rec import func table memory global tag export start elem data".split()
)
_NUMBERS: Final[dict[str, NumType]] = {f"{t.name}.const": t for t in (I32, I64, F32, F64)}
#: what a script defines and instantiates
_UNITS: Final = ("module", "component")
_INTEGERS: Final = frozenset(f"{t}.const" for t in "u8 s8 u16 s16 u32 s32 u64 s64".split())
_COMPONENT_VALUES: Final = _INTEGERS | frozenset(
    """
    bool.const char.const str.const list.const tuple.const record.const variant.const enum.const
    flags.const option.none option.some result.ok result.err
    """.split()
)
_FAILURES: Final = {
    "assert_trap": "trap",
    "assert_exhaustion": "exhaustion",
    "assert_exception": "exception",
    "assert_suspension": "suspension",
}
_REJECTIONS: Final = {
    "assert_malformed": "malformed",
    "assert_invalid": "invalid",
    "assert_unlinkable": "unlinkable",
    "assert_trap": "trap",
    "assert_malformed_custom": "malformed",
    "assert_invalid_custom": "invalid",
}


def parse_script(source: str | bytes, features: Features = ALL) -> Script:
    """Read a script. Raises Malformed if its own grammar is broken; modules are not looked at."""
    parser = ScriptParser(tokenize(source), features)
    if parser.texts[0] == "(" and parser.texts[1] in _FIELDS:
        bare = Source("fields", None, parser.tokens, 0)
        return Script([Define(bare, False, line=1)])
    commands = parser.commands("")
    return Script(commands)


@final
class ScriptParser(Cursor):
    """Reads commands."""

    __slots__ = ("_line", "_line_at")

    def __init__(self, tokens: Tokens, features: Features) -> None:
        super().__init__(tokens, features)
        self._line = 1
        self._line_at = 0

    def _here(self) -> int:
        """The line of the current token; asked for ever later tokens."""
        start = self.starts[self.at]
        self._line += self.tokens.source.count("\n", self._line_at, start)
        self._line_at = start
        return self._line

    def commands(self, end: str) -> list[Command]:
        """Commands up to the token `end`, which is left."""
        commands: list[Command] = []
        while self.texts[self.at] != end:
            commands.append(self._command())
        return commands

    def _command(self) -> Command:
        line, start = self._here(), self.at
        self.expect("(")
        word = self.texts[self.at]
        self.at += 1
        made: Command
        if word in _UNITS:
            self.at = start
            return self._module(line)
        if word in ("invoke", "get"):
            self.at = start
            return Perform(self._action(), line=line)
        if word == "register":
            made = Register(self.name(), self.identifier(), line=line)
        elif word == "assert_return":
            made = AssertReturn(self._action(), self._patterns(), line=line)
        elif word in _REJECTIONS and self.texts[self.at + 1] in _UNITS:
            source, _ = self._source()
            custom = word.endswith("_custom")
            made = AssertRejects(source, _REJECTIONS[word], self.name(), custom, line=line)
        elif word in _FAILURES:
            action = self._action()
            message = self.name() if self.texts[self.at] != ")" else ""
            made = AssertFails(action, _FAILURES[word], message, line=line)
        elif word == "thread":
            made = self._thread(line)
        elif word == "wait":
            made = Wait(self._wanted_identifier(), line=line)
        else:
            self.at = start
            self.skip()
            return Unknown(word, line=line)
        self.expect(")")
        return made

    def _wanted_identifier(self) -> str:
        name = self.identifier()
        if name is None:
            raise self.unexpected("an identifier")
        return name

    def _thread(self, line: int) -> Thread:
        name, shared = self._wanted_identifier(), []
        while self.opens("shared"):
            self.at += 2
            self.expect("(")
            self.expect("module")
            shared.append(self._wanted_identifier())
            self.expect(")")
            self.expect(")")
        return Thread(name, shared, self.commands(")"), line=line)

    # modules

    def _module(self, line: int) -> Command:
        what = self.texts[self.at + 1]
        if self.texts[self.at + 2] == "instance":
            self.at += 3
            first, second = self.identifier(), self.identifier()
            self.expect(")")
            if second is None:
                first, second = None, first
            return Instantiate(first, second, what=what, line=line)
        source, definition = self._source()
        return Define(source, definition, line=line)

    def _source(self) -> tuple[Source, bool]:
        """A module or component, and whether it is a definition only."""
        start = self.at
        self.expect("(")
        what = self.texts[self.at]
        self.at += 1
        definition = self.take("definition")
        name = self.identifier()
        form = self.texts[self.at]
        if form not in ("binary", "quote"):
            self.at = start
            self.skip()
            return Source("text", name, self.tokens, start, what=what), definition
        self.at += 1
        parts = []
        while self.texts[self.at] != ")":
            parts.append(self.string())
        self.at += 1
        data = (b" " if form == "quote" else b"").join(parts)
        return Source(form, name, self.tokens, start, data, what), definition

    # actions and values

    def _action(self) -> Action:
        self.expect("(")
        word = self.texts[self.at]
        self.at += 1
        made: Action
        if word == "invoke":
            module, name = self.identifier(), self.name()
            args = []
            while self.texts[self.at] == "(":
                args.append(self._value())
            made = Invoke(module, name, args)
        elif word == "get":
            made = Get(self.identifier(), self.name())
        else:
            self.at -= 1
            raise self.unexpected("invoke or get")
        self.expect(")")
        return made

    def _value(self) -> Value:
        pattern = self._pattern()
        if isinstance(pattern, Const | ComponentConst):
            return pattern
        if isinstance(pattern, RefConst) and (
            pattern.kind == "null" or pattern.payload is not None
        ):
            return pattern
        raise self.error("unexpected token: expected a constant, not a pattern", self.at - 1)

    def _patterns(self) -> list[Pattern]:
        patterns = []
        while self.texts[self.at] == "(":
            patterns.append(self._pattern())
        return patterns

    def _pattern(self) -> Pattern:
        choices: list[Pattern] = []
        if not self.opens("either"):
            return self._single()
        self.at += 2
        while self.texts[self.at] == "(":
            choices.append(self._single())
        self.expect(")")
        return Either(choices)

    def _single(self) -> Pattern:
        self.expect("(")
        made = self._inside()
        self.expect(")")
        return made

    def _inside(self) -> Pattern:
        """A pattern without the parentheses around it."""
        word = self.texts[self.at]
        self.at += 1
        number = _NUMBERS.get(word)
        made: Pattern
        if number is not None:
            made = self._number(number)
        elif word == "v128.const":
            made = self._vector()
        elif word == "ref" or word.startswith("ref."):
            made = self._reference(word)
        elif word in _COMPONENT_VALUES:
            made = self._component_value(word)
        else:
            self.at -= 1
            raise self.unexpected("a constant")
        return made

    def _component_value(self, word: str) -> ComponentConst:
        made = ComponentConst(word.removesuffix(".const"), [])
        if word == "bool.const":
            made.parts.append(int(self.texts[self.at] == "true"))
            self.at += 1
        elif word in _INTEGERS:
            made.parts.append(self.number(64))
        while self.texts[self.at] != ")":
            if self.texts[self.at][:1] == '"':
                made.parts.append(self.name())
            elif self.opens("field"):
                self.at += 2
                label = self.name()
                bare = self.texts[self.at] != "("
                made.parts.append((label, self._inside() if bare else self._pattern()))
                self.expect(")")
            else:
                made.parts.append(self._pattern())
        return made

    def _number(self, type_: NumType) -> Pattern:
        bits = type_.size * 8
        if type_ is I32 or type_ is I64:
            return Const(type_, self.number(bits) & (1 << bits) - 1)
        text = self.texts[self.at]
        if text in _NANS:
            self.at += 1
            return FloatPattern(bits, text)
        return Const(type_, self.float_bits(bits))

    def _vector(self) -> Pattern:
        shape = SHAPES.get(self.texts[self.at])
        if shape is None or not shape[2]:
            return Const(V128, self.vector())
        count, width, _ = shape
        self.at += 1
        lanes: list[int | str] = []
        while self.texts[self.at] != ")":
            text = self.texts[self.at]
            if text in _NANS:
                self.at += 1
                lanes.append(text)
            else:
                lanes.append(self.float_bits(width))
        if len(lanes) != count:
            raise self.error(f"wrong number of lane literals: expected {count}")
        if any(isinstance(lane, str) for lane in lanes):
            return VectorPattern(width, lanes)
        bits = sum(lane << i * width for i, lane in enumerate(lanes) if isinstance(lane, int))
        return Const(V128, bits)

    def _reference(self, word: str) -> RefConst:
        kind = word.partition(".")[2].removesuffix("_shared") or "any"
        if kind == "null":
            heap = None
            if self.texts[self.at] != ")":
                end = self.at
                if self.texts[end] == "(":
                    self.skip()
                    heap = " ".join(self.texts[end + 1 : self.at - 1])
                else:
                    heap = self.texts[end]
                    self.at += 1
            return RefConst("null", heap=heap)
        if kind in ("extern", "host") and self.texts[self.at] != ")":
            return RefConst(kind, self.natural(32, "the number of a host reference"))
        return RefConst(kind)
