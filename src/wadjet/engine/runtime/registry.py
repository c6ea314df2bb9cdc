"""What is found as long as it lives, without being kept alive."""

from functools import partial
from typing import TypeVar
from weakref import ref

_T = TypeVar("_T")


def note(found: dict[int, ref[_T]], key: int, value: _T) -> None:
    """Have something found by a number as long as it lives. A WeakValueDictionary does the same,
    but runs Python code when the value comes and goes."""
    found[key] = ref(value, partial(dict.pop, found, key))
