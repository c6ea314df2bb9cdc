"""The tree of everything that can go wrong.

Error
├── Malformed          the bytes or the text are not a module         (spec: chapters 5 and 6)
├── Invalid            a module, but not a valid one                  (spec: chapter 3)
├── Unlinkable         imports do not fit                             (spec: 4.5, instantiation)
├── Trap               the guest did what it must not                 (spec: 4.2, administrative)
├── Exhaustion         a limit was reached: stack, memory, fuel
│   └── Timeout        … the clock (also a builtin TimeoutError)
├── Interrupted        somebody asked the guest to stop (`Store.interrupt`)
├── WasmException      an exception left the guest uncaught
└── Exit               the guest asked to end (WASI proc_exit, exit)

EngineBug              ours: what cannot happen in a valid module (an AssertionError)
"""

from collections.abc import Sequence
from wadjet.base.records import dataclass

from wadjet.base.spans import Place


class Error(Exception):
    """The root of every failure wadjet reports."""


class _Placed(Error):
    """A rejection that knows where the offending bytes or characters are."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place

    def __str__(self) -> str:
        if self.place is None or not str(self.place):
            return self.message
        text = f"{self.message} ({self.place})"
        pointer = self.place.pointer()
        return text if pointer is None else f"{text}\n{pointer}"


class Malformed(_Placed):
    """The input does not follow the binary or the text grammar."""


class Invalid(_Placed):
    """The module is well-formed but breaks a validation rule."""


class Unlinkable(Error):
    """An import is missing, or what was given does not match its declared type."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One guest function on the stack when a trap struck."""

    module: str | None
    function: int
    name: str | None

    def __str__(self) -> str:
        name = self.name if self.name is not None else f"function {self.function}"
        return name if self.module is None else f"{self.module}!{name}"


class _Guest(Error):
    """A failure inside running guest code: carries the guest's backtrace, innermost first."""

    def __init__(self, message: str, backtrace: Sequence[Frame] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.backtrace = tuple(backtrace)

    def __str__(self) -> str:
        lines = [self.message, *(f"  at {frame}" for frame in self.backtrace)]
        return "\n".join(lines)


class Trap(_Guest):
    """Execution was aborted because of an operation with no defined result (spec 4.2.2).

    `message` is the standard's own wording, for instance "integer divide by zero".
    """


class Exhaustion(_Guest):
    """The guest ran out of something it was given: call stack, memory or fuel."""


class Timeout(Exhaustion, TimeoutError):
    """The guest ran for longer than `Limits.seconds`."""


class Interrupted(_Guest):
    """The guest was asked to stop, by another thread of the host or of the program itself."""


class WasmException(Error):
    """An exception of the guest: `tag` says which kind it is, `payload` are its values.

    It is raised where no guest caught it; a host function that raises one throws it into the guest
    that called. `ref` keeps the guest's own exception alive where there is one.
    """

    def __init__(self, tag: object, *payload: object) -> None:
        super().__init__(tag, *payload)
        self.tag = tag
        self.payload = payload
        self.ref: object = None

    def __str__(self) -> str:
        return f"uncaught exception {self.tag!r} with {self.payload!r}"


class Exit(Error):
    """The guest ended itself with an exit status."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit with status {code}")
        self.code = code


class EngineBug(AssertionError):
    """What cannot happen in a valid module has happened: a defect of wadjet, not of the guest."""
