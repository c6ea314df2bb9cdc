"""Exceptions of the guest while they are under way (spec 4.6.5)."""

from typing import NoReturn, final

from wadjet.base.errors import WasmException
from wadjet.core.types import FuncType
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.runtime.store import Store
from wadjet.engine.runtime.tag import Tag
from wadjet.engine.runtime.values import to_python, to_raw
from wadjet.engine.tiers.interpreter.references import require
from wadjet.engine.tiers.interpreter.unit import Unit, Work


@final
class Thrown(WasmException):
    """An exception with raw arguments. `word` refers to it in the heap, 0 as long as nobody has
    asked; `origin` is the host's own exception, if it came from there."""

    def __init__(self, tag: object, raw: list[int], origin: WasmException | None = None) -> None:
        super().__init__(tag)
        self.raw = raw
        self.word = 0
        self.origin = origin

    def held(self) -> list[int]:
        """Its arguments, for collections."""
        return self.raw


def thrower(tag: Tag) -> Work:
    """throw: a function of the tag's arguments."""

    def throw(*args: int) -> NoReturn:
        raise Thrown(tag, list(args))

    return throw


def throw_ref(unit: Unit) -> Work:
    """throw_ref: a function of the reference."""

    def throw(word: int) -> NoReturn:
        error = unit.heap.thing(require(word, TrapCode.NULL_EXCEPTION))
        assert isinstance(error, Thrown), "an exnref refers to an exception"
        raise error.with_traceback(None)

    return throw


def _parameters(tag: Tag) -> FuncType:
    comp = tag.deftype.comp
    assert isinstance(comp, FuncType), "a tag has a function type"
    return comp


def enter_guest(error: WasmException, store: Store) -> Thrown:
    """An exception as guests handle it: one that the host raised gets raw arguments (TypeError,
    OverflowError where they do not fit the tag)."""
    if isinstance(error, Thrown):
        return error
    tag = error.tag
    if not isinstance(tag, Tag):
        return Thrown(tag, [], error)  # only a catch_all can want it
    params = _parameters(tag).params
    raw = [to_raw(value, t, store) for value, t in zip(error.payload, params, strict=True)]
    return Thrown(tag, raw, error)


def leave_guest(error: Thrown, store: Store) -> WasmException:
    """An exception that no guest caught, as the host sees it."""
    if error.origin is not None:
        return error.origin
    assert isinstance(error.tag, Tag), "guests throw tags"
    params = _parameters(error.tag).params
    error.payload = tuple(to_python(word, t, store) for word, t in zip(error.raw, params))
    return error
