"""Records behave as the standard library's dataclasses do."""

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from wadjet.base import records


def make(library: Any, **options: bool) -> Any:
    """The same class, made by one library or the other."""

    @library.dataclass(**options)
    class Pair:
        left: int
        right: list[int] = library.field(default_factory=list)
        place: int = library.field(default=0, compare=False)
        hidden: str = library.field(default="", repr=False)

        def total(self) -> int:
            return self.left + sum(self.right)

    return Pair


OPTIONS = [{"frozen": f, "slots": s} for f in (False, True) for s in (False, True)]


@pytest.mark.parametrize("options", OPTIONS)
def test_made_compared_and_shown_alike(options: dict[str, bool]) -> None:
    ours, theirs = make(records, **options), make(dataclasses, **options)
    for args in ((1,), (1, [2]), (1, [2], 3), (1, [2], 3, "x")):
        assert repr(ours(*args)) == repr(theirs(*args))
        assert ours(*args) == ours(*args)
        assert ours(*args).total() == theirs(*args).total()
    assert ours(1, place=5) == ours(1)
    assert ours(1) != ours(2)
    assert ours(1) != theirs(1)
    assert ours(1).right is not ours(1).right
    assert ours.__match_args__ == theirs.__match_args__
    for library, cls in ((records, ours), (dataclasses, theirs)):
        changed = library.replace(cls(1, [2]), left=7)
        assert (changed.left, changed.right) == (7, [2])
        with pytest.raises(TypeError):
            cls()
        with pytest.raises(TypeError):
            cls(1, nothing=1)


@pytest.mark.parametrize("options", OPTIONS)
def test_hashed_or_not_and_closed_or_not(options: dict[str, bool]) -> None:
    for library in (records, dataclasses):
        cls = make(library, **options)
        pair = cls(1, ())
        if options["frozen"]:
            assert hash(pair) == hash(cls(1, (), 9))
            with pytest.raises(AttributeError):
                pair.left = 2
            with pytest.raises(AttributeError):
                del pair.left
        else:
            pair.left = 2
            assert pair.left == 2
            with pytest.raises(TypeError):
                hash(pair)
        assert hasattr(pair, "__dict__") is not options["slots"]


def test_what_a_class_says_itself_stays() -> None:
    @records.dataclass(frozen=True, slots=True)
    class Own:
        value: int

        def __post_init__(self) -> None:
            if self.value < 0:
                raise ValueError("negative")

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

    assert repr(Own(1)) == "own"
    assert Own(1) == Own(2)
    assert hash(Own(1)) == hash(Own(1))
    with pytest.raises(ValueError, match="negative"):
        Own(-1)


def test_copied_and_pickled() -> None:
    from wadjet.base.spans import Place

    place = Place(offset=3)
    assert copy.deepcopy(place) == pickle.loads(pickle.dumps(place)) == place
