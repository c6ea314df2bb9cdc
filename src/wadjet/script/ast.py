"""What a `.wast` script says: commands, modules, actions, values and patterns of results.

A script is the format of the official test suite (interpreter/README.md of the specification). It
is no part of the standard, so its nouns live here and nowhere below.
"""

from dataclasses import dataclass, field
from typing import Final

from wadjet.core.text.lexer import Tokens
from wadjet.core.types import ValType


@dataclass(slots=True)
class Source:
    """A module or component in a script: text in place, or `binary` or `quote` with the bytes of
    its strings. `what` is "module" or "component".

    Text is parsed only when the command runs: `tokens` and `at` say where it begins.
    """

    form: str
    name: str | None
    tokens: Tokens
    at: int
    data: bytes = b""
    what: str = "module"


@dataclass(slots=True)
class Const:
    """A number or vector to pass or to expect, as its bit pattern."""

    type: ValType
    bits: int


@dataclass(slots=True)
class RefConst:
    """A reference to pass or to expect.

    `kind` is "null", "extern" or "host" (with `payload`, the number of the host object), or, in
    patterns only, "func", "i31", "struct", "array", "eq", "any", "exn" … for any such reference.
    `heap` is the heap type after ref.null.
    """

    kind: str
    payload: int | None = None
    heap: str | None = None


@dataclass(slots=True)
class ComponentConst:
    """A value of a component to pass or to expect.

    `kind` is the word before `.const`, `option.some` or the like. `parts` are what follows: numbers
    (floats as bit patterns), strings, other values; pairs of label and value for a record.
    """

    kind: str
    parts: "list[int | str | Value | Pattern | tuple[str, Value | Pattern]]"


#: A NaN whose payload is exactly, or at least, the highest bit.
CANONICAL: Final = "nan:canonical"
ARITHMETIC: Final = "nan:arithmetic"


@dataclass(slots=True)
class FloatPattern:
    """A float result of 32 or 64 bits that is some NaN: `nan` is CANONICAL or ARITHMETIC."""

    bits: int
    nan: str


@dataclass(slots=True)
class VectorPattern:
    """A vector result, lane by lane: bit patterns of `width` bits, or kinds of NaN."""

    width: int
    lanes: list[int | str]


@dataclass(slots=True)
class Either:
    """One of several patterns."""

    choices: "list[Pattern]"


Value = Const | RefConst | ComponentConst
Pattern = Const | RefConst | ComponentConst | FloatPattern | VectorPattern | Either


@dataclass(slots=True)
class Invoke:
    """Call an exported function; `module` None means the latest instance."""

    module: str | None
    name: str
    args: list[Value]


@dataclass(slots=True)
class Get:
    """Read an exported global."""

    module: str | None
    name: str


Action = Invoke | Get


@dataclass(slots=True)
class Command:
    """The base of all commands; `line` is where it begins."""

    line: int = field(kw_only=True)


@dataclass(slots=True)
class Define(Command):
    """A module or component; instantiated at once unless it is only a `definition`."""

    source: Source
    definition: bool


@dataclass(slots=True)
class Instantiate(Command):
    """`(module instance instance? module?)`, or the same of a component."""

    instance: str | None
    module: str | None
    what: str = field(default="module", kw_only=True)


@dataclass(slots=True)
class Register(Command):
    """Offer the exports of an instance under a module name."""

    as_name: str
    instance: str | None


@dataclass(slots=True)
class Perform(Command):
    """An action whose results nobody looks at."""

    action: Action


@dataclass(slots=True)
class AssertReturn(Command):
    """An action and the results it must have."""

    action: Action
    expected: list[Pattern]


@dataclass(slots=True)
class AssertFails(Command):
    """An action that must end in a trap, an exception, exhaustion or an unhandled suspension.

    `how` is "trap", "exception", "exhaustion" or "suspension".
    """

    action: Action
    how: str
    message: str


@dataclass(slots=True)
class AssertRejects(Command):
    """A module or component that must be rejected.

    `how` is "malformed", "invalid", "unlinkable" or "trap".
    """

    source: Source
    how: str
    message: str
    custom: bool = False


@dataclass(slots=True)
class Thread(Command):
    """Commands to run beside the others, with some instances shared."""

    name: str
    shared: list[str]
    commands: list[Command]


@dataclass(slots=True)
class Wait(Command):
    """Wait for a thread and take its results."""

    name: str


@dataclass(slots=True)
class Unknown(Command):
    """A command that is none of the above."""

    word: str


@dataclass(slots=True)
class Script:
    """All commands of one file, in order."""

    commands: list[Command]
