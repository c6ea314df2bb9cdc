"""Exceptions between the guest and Python: values of a `WasmException`, words of the guest.

An exception that goes in or out is made anew on the other side: no guest can tell, since
exceptions are never compared. The Python object keeps the guest's alive (`WasmException.ref`).
"""

from typing import TYPE_CHECKING, final

from wadjet.base.errors import WasmException
from wadjet.engine.gc.heap import Heap
from wadjet.engine.gc.native import NativeHeap
from wadjet.engine.gc.objects import ObjectHeap
from wadjet.engine.runtime.tag import Tag
from wadjet.engine.runtime.values import Ref, to_python, to_raw

if TYPE_CHECKING:
    from wadjet.engine.runtime.store import Store


@final
class Thrown(WasmException):
    """An exception with raw arguments: what interpreted code throws. `word` refers to it in the
    heap, 0 as long as nobody has asked; `origin` is the host's own exception, if it came from
    there."""

    def __init__(self, tag: object, raw: list[int], origin: WasmException | None = None) -> None:
        super().__init__(tag)
        self.raw = raw
        self.word = 0
        self.origin = origin

    def held(self) -> list[int]:
        """Its arguments, for collections."""
        return self.raw


def raw_payload(error: WasmException, tag: Tag, store: "Store") -> list[int]:
    """What an exception of Python's carries, as raw values. TypeError, OverflowError where that
    does not fit its tag."""
    params = tag.type.params
    if len(params) != len(error.payload):
        given = len(error.payload)
        raise TypeError(f"an exception of {tag!r} carries {len(params)} values, {given} given")
    return [to_raw(value, t, store) for value, t in zip(error.payload, params)]


def enter_guest(error: WasmException, store: "Store") -> Thrown:
    """An exception as interpreted code handles it; errors as above."""
    if isinstance(error, Thrown):
        return error
    if not isinstance(error.tag, Tag):
        return Thrown(error.tag, [], error)  # only a catch_all can want it
    return Thrown(error.tag, raw_payload(error, error.tag, store), error)


def leave_guest(error: Thrown, store: "Store") -> WasmException:
    """An exception that no interpreted code caught, as the host sees it."""
    if error.origin is not None:
        return error.origin
    assert isinstance(error.tag, Tag), "guests throw tags"
    return from_raw(error.tag, error.raw, store)


def from_raw(tag: Tag, raw: list[int], store: "Store") -> WasmException:
    """An exception of the guest for Python."""
    values = (to_python(word, t, store) for word, t in zip(raw, tag.type.params))
    return WasmException(tag, *values)


def to_word(error: WasmException, store: "Store") -> int:
    """An exception as an exnref: the one that it came from, else a new one. Errors as above, and
    Exhaustion where there is no room."""
    known = error.ref
    if isinstance(known, Ref) and known.store is store.current():
        return known.word
    tag = error.tag
    if not isinstance(tag, Tag):
        raise TypeError(f"{tag!r} is no tag")
    raw = raw_payload(error, tag, store)
    made = error.ref = store.make(lambda heap: _allocate(heap, tag, raw))
    return made.word


def _allocate(heap: ObjectHeap, tag: Tag, raw: list[int]) -> int:
    if isinstance(heap, NativeHeap):
        return heap.new_exception(heap.vm_tag(tag.id, tag.type, tag), tag.type, raw)
    assert isinstance(heap, Heap), "there are two kinds"
    thrown = Thrown(tag, raw)
    thrown.word = heap.keep(thrown, thrown.held)
    return thrown.word


def from_word(word: int, store: "Store") -> WasmException:
    """What an exnref (not null) refers to."""
    heap = store.heap
    if isinstance(heap, NativeHeap):
        tag = heap.tag_of(word)
        assert isinstance(tag, Tag), "vm_tag was given a Tag"
        error = from_raw(tag, heap.payload(word, tag.type), store)
    else:
        assert isinstance(heap, Heap), "there are two kinds"
        thrown = heap.thing(word)
        assert isinstance(thrown, Thrown), "an exnref refers to an exception"
        error = _plain(thrown, store)
    error.ref = store.ref(word)
    return error


def _plain(thrown: Thrown, store: "Store") -> WasmException:
    """A new exception like it, which does not lead back to it (nor keep itself alive)."""
    if isinstance(thrown.tag, Tag):
        return from_raw(thrown.tag, thrown.raw, store)
    assert thrown.origin is not None, "only the host throws what is no tag"
    return WasmException(thrown.tag, *thrown.origin.payload)
