"""Exceptions of the guest while they are under way (spec 4.6.5)."""

from typing import NoReturn

from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.runtime.exceptions import Thrown
from wadjet.engine.runtime.tag import Tag
from wadjet.engine.tiers.interpreter.references import require
from wadjet.engine.tiers.interpreter.unit import Unit, Work


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
