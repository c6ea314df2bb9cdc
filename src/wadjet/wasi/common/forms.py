"""How values of interfaces look to Python, as far as WASI makes and reads them.

Each component has classes of its own for the types of its interfaces, and one guest may import an
interface in two versions. So what a host makes is known by names: a variant's value by the name of
its class and `value`, an enum's by `name`, flags as bits, a record by its attributes.
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from wadjet.base.errors import Error
from wadjet.canon.naming import pascal
from wadjet.canon.values import Err, Ok, ResultError, Variant, variant
from wadjet.wasi.host.errors import Code, HostError, code_of

__all__ = [
    "Err", "Member", "Ok", "ResultError", "Variant", "answering", "answers", "bits", "case",
    "is_ok", "name",
]  # fmt: skip

P = ParamSpec("P")
T = TypeVar("T")
#: Nothing at all, where None would be a payload.
_NOTHING: Final = object()


@cache
def _class_of(label: str, has_payload: bool) -> type[Variant]:
    title = pascal(label)
    made: type[Variant] = getattr(variant("Case", [(title, has_payload)]), title)
    return made


@cache
def _bare(label: str) -> Variant:
    return _class_of(label, False)()


def case(label: str, payload: Any = _NOTHING) -> Variant:
    """The value of a variant that the interface calls `label`."""
    if payload is _NOTHING:
        return _bare(label)
    made: Callable[[Any], Variant] = _class_of(label, True)
    return made(payload)


@dataclass(frozen=True, slots=True)
class Member:
    """A value of an enum."""

    name: str

    @property
    def _name_(self) -> str:
        """As an `enum.Enum` has it."""
        return self.name


def name(value: object) -> str:
    """What a guest's value of an enum or a variant is called: NO_ENTRY, or NoEntry."""
    found = getattr(value, "name", None)
    return found if isinstance(found, str) else type(value).__name__


def bits(flags: Any) -> int:
    """A guest's flags as a number."""
    value: int = flags if isinstance(flags, int) else flags.value
    return value


def is_ok(result: object) -> bool:
    """Whether a guest's `result` is ok."""
    return isinstance(result, Ok)


class Refusing(Protocol):
    """What can say in its edition's words why something was refused."""

    def refusal(self, code: Code) -> object:
        """The error code of the interface."""


R = TypeVar("R", bound=Refusing)


def _refused(speaker: Refusing, error: Exception) -> ResultError:
    """What a guest is told of an error of the host."""
    assert isinstance(error, HostError | OSError | MemoryError)
    code = Code.INSUFFICIENT_MEMORY if isinstance(error, MemoryError) else code_of(error)
    return ResultError(speaker.refusal(code))


#: What is told to a guest. (`Timeout`, which is an OSError too, is not: it is an `Error`.)
_REFUSALS: Final = (HostError, OSError, MemoryError)


def answers(method: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
    """A method whose refusals a guest gets as error codes of its interface."""

    @wraps(method)
    def call(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except Error:
            raise
        except _REFUSALS as error:
            raise _refused(self, error) from None

    return call


def answering(
    method: Callable[Concatenate[R, P], Awaitable[T]],
) -> Callable[Concatenate[R, P], Coroutine[Any, Any, T]]:
    """As `answers`, for what may have to wait."""

    @wraps(method)
    async def call(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(self, *args, **kwargs)
        except Error:
            raise
        except _REFUSALS as error:
            raise _refused(self, error) from None

    return call
