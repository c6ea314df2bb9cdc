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
        """Its arguments and its word, for collections."""
        return [*self.raw, self.word]

    def kept(self, heap: Heap) -> int:
        """Its word in the heap; Exhaustion where there is no room."""
        if self.word == 0:
            self.word = heap.keep(self, self.held)
        return self.word


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
    known = error.ref
    if not isinstance(known, Ref) or known.store is not store.current():
        return Thrown(error.tag, raw_payload(error, error.tag, store), error)
    assert isinstance(store.heap, Heap), "it is interpreted code that handles it"
    before = store.heap.thing(known.word)
    assert isinstance(before, Thrown), "what an exception keeps alive is one"
    thrown = Thrown(error.tag, before.raw, error)
    thrown.word = known.word
    return thrown


def leave_guest(error: Thrown, store: "Store") -> WasmException:
    """An exception that no interpreted code caught, as the host sees it. Exhaustion where there is
    no room to keep what it carries."""
    if error.origin is not None:
        return error.origin
    assert isinstance(error.tag, Tag), "guests throw tags"
    assert isinstance(store.heap, Heap), "it is interpreted code that threw it"
    return from_raw(error.tag, error.raw, error.kept(store.heap), store)


def from_raw(tag: Tag, raw: list[int], word: int, store: "Store") -> WasmException:
    """An exception of the guest for Python, which keeps the guest's own alive."""
    values = (to_python(bits, t, store) for bits, t in zip(raw, tag.type.params))
    error = WasmException(tag, *values)
    error.ref = store.ref(word)
    return error


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
    return Thrown(tag, raw).kept(heap)


def from_word(word: int, store: "Store") -> WasmException:
    """What an exnref (not null) refers to."""
    heap = store.heap
    if isinstance(heap, NativeHeap):
        tag = heap.tag_of(word)
        assert isinstance(tag, Tag), "vm_tag was given a Tag"
        return from_raw(tag, heap.payload(word, tag.type), word, store)
    assert isinstance(heap, Heap), "there are two kinds"
    thrown = heap.thing(word)
    assert isinstance(thrown, Thrown), "an exnref refers to an exception"
    if isinstance(thrown.tag, Tag):
        return from_raw(thrown.tag, thrown.raw, word, store)
    assert thrown.origin is not None, "only the host throws what is no tag"
    error = WasmException(thrown.tag, *thrown.origin.payload)
    error.ref = store.ref(word)
    return error
