"""Built-ins of streams and futures (CanonicalABI.md, "`canon stream.read`" and its kin)."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from wadjet.canon.context import Context
from wadjet.canon.instance import ComponentInstance
from wadjet.canon.streams import (
    CANCELLING, COMPLETED, COPYING, DONE, DROPPED, IDLE, CopyEnd, Future, GuestBuffer, Reclaim,
    Stream, Window,
)  # fmt: skip
from wadjet.canon.tasks import Thread
from wadjet.canon.traps import IN_SET, trap
from wadjet.canon.waitables import (
    FUTURE_READ, FUTURE_WRITE, STREAM_READ, STREAM_WRITE, Event, Waitable,
)  # fmt: skip
from wadjet.component.closed import closed
from wadjet.component.types import Defined
from wadjet.component.types import Future as FutureShape
from wadjet.component.types import Stream as StreamShape
from wadjet.component.validate import Canonical

Pick = Callable[[str, int | None], Any]
Core = Callable[..., Any]
Maker = Callable[[ComponentInstance, Canonical, Pick], Core]

_BLOCKED: Final = 0xFFFF_FFFF
_CODES: Final = {
    ("stream", True): STREAM_READ,
    ("stream", False): STREAM_WRITE,
    ("future", True): FUTURE_READ,
    ("future", False): FUTURE_WRITE,
}


def settle(
    thread: Thread,
    waitable: Waitable,
    over: Callable[[], bool],
    is_async: bool,
    code: int,
    blocked: int,
) -> Any:
    """The payload of the event that something under way ends with; where it is not over, what
    says so, or a wait."""

    def finish(cancelled: bool) -> int:
        assert not cancelled, "nobody can cancel it"
        waitable.sync_waiter = False
        event, _, payload = waitable.take_event()
        assert event == code, "an event of its own kind"
        return payload

    if over():
        return finish(False)
    if is_async:
        return blocked
    waitable.sync_waiter = True
    return thread.block(finish, waitable.has_event)


def _thread(inst: ComponentInstance) -> Thread:
    thread = inst.scheduler.current
    assert thread is not None, "whatever has streams runs in threads"
    return thread


def _element(step: Canonical) -> Any:
    assert isinstance(step.type, Defined)
    assert isinstance(step.type.shape, StreamShape | FutureShape)
    element = step.type.shape.element
    return None if element is None else closed(element)


def _new(noun: str, inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    element = _element(step)
    assert isinstance(step.type, Defined)
    key = inst.key(step.type)

    def new() -> int:
        inst.check_leave()
        shared = Stream(key, element) if noun == "stream" else Future(key, element)
        readable = inst.handles.add(CopyEnd(shared, True))
        writable = inst.handles.add(CopyEnd(shared, False))
        return readable | writable << 32

    return new


def _copy(noun: str, reads: bool, inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    """`stream.read` and `stream.write`, `future.read` and `future.write`."""
    options = step.options
    realloc = pick("core func", options.realloc)
    entry = None if realloc is None else realloc.entry
    memory = pick("core memory", options.memory)
    cx = Context(inst, memory, entry, inst, options.ptr.size)
    assert isinstance(step.type, Defined)
    key, code = inst.key(step.type), _CODES[noun, reads]
    window = Window(cx, _element(step), options.ptr, options.encoding)
    verb = "read from" if reads else "write to"

    def copy(index: int, p: int, length: int = 1) -> Any:
        inst.check_leave()
        end = inst.end(index, noun, key, readable=reads)
        end.check_idle(verb)
        if end.set is not None and not options.is_async:
            trap(IN_SET)
        p, length = p & cx.mask, length & cx.mask
        buffer = GuestBuffer(window, p, length)
        end.state = COPYING
        begin = _begin_stream if noun == "stream" else _begin_future
        begin(end, buffer, code, index)
        return settle(_thread(inst), end, end.has_event, options.is_async, code, _BLOCKED)

    return copy


def _begin_stream(end: CopyEnd, buffer: GuestBuffer, code: int, index: int) -> None:
    shared = end.shared
    assert isinstance(shared, Stream)

    def event(result: int, reclaim: Reclaim | None) -> Event:
        if reclaim is not None:
            end.partial = False
            reclaim()
        end.state = DONE if result == DROPPED else IDLE
        return code, index, result | buffer.progress << 4

    def on_copy(reclaim: Reclaim) -> None:
        end.partial = True
        end.event = partial(event, COMPLETED, reclaim)

    def on_done(result: int) -> None:
        end.partial = False
        end.event = partial(event, result, None)

    (shared.read if end.readable else shared.write)(buffer, on_copy, on_done)


def _begin_future(end: CopyEnd, buffer: GuestBuffer, code: int, index: int) -> None:
    shared = end.shared
    assert isinstance(shared, Future)

    def event(result: int) -> Event:
        end.state = DONE if result in (DROPPED, COMPLETED) else IDLE
        return code, index, result

    def on_done(result: int) -> None:
        end.event = partial(event, result)

    (shared.read if end.readable else shared.write)(buffer, on_done)


def _cancel(noun: str, reads: bool, inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    """`stream.cancel-read` and its kin."""
    is_async, code = step.options.is_async, _CODES[noun, reads]
    assert isinstance(step.type, Defined)
    key = inst.key(step.type)

    def cancel(index: int) -> Any:
        inst.check_leave()
        end = inst.end(index, noun, key, readable=reads)
        if end.state != COPYING or end.sync_waiter:
            trap(f"cannot cancel: no {'read' if reads else 'write'} of the {noun} is pending")
        if end.set is not None and not is_async:
            trap(IN_SET)
        end.state = CANCELLING
        if end.partial or not end.has_event():
            end.shared.cancel()
        return settle(_thread(inst), end, end.has_event, is_async, code, _BLOCKED)

    return cancel


def _drop(noun: str, reads: bool, inst: ComponentInstance, step: Canonical, pick: Pick) -> Core:
    """`stream.drop-readable` and its kin."""
    assert isinstance(step.type, Defined)
    key = inst.key(step.type)

    def drop(index: int) -> None:
        inst.check_leave()
        inst.end(index, noun, key, readable=reads).drop()
        inst.handles.remove(index)

    return drop


_WAYS: Final = (("read", "readable", True), ("write", "writable", False))
_NOUNS: Final = ("stream", "future")

MAKERS: Final[dict[str, Maker]] = {
    **{f"{noun}.new": partial(_new, noun) for noun in _NOUNS},
    **{
        f"{noun}.drop-{side}": partial(_drop, noun, reads)
        for noun in _NOUNS
        for _, side, reads in _WAYS
    },
}
PAUSING: Final[dict[str, Maker]] = {
    f"{noun}.{prefix}{verb}": partial(make, noun, reads)
    for noun in _NOUNS
    for verb, _, reads in _WAYS
    for prefix, make in (("", _copy), ("cancel-", _cancel))
}
