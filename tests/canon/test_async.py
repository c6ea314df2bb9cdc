"""Calls that wait: host functions that answer later, streams, futures, cancellation, as a host
without any event loop of its own sees them.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from wadjet.base.errors import Error, Trap
from wadjet.canon.host import Done, Host
from wadjet.canon.root import Cancelled, Instance, instantiate
from wadjet.canon.values import ErrorContext, ResultError
from wadjet.component import text
from wadjet.component.features import ALL
from wadjet.component.validate import validate

TIERS = pytest.mark.parametrize("tier", ["interpreter", "auto"])


class Later:
    """Something that is over when somebody says so."""

    def __init__(self) -> None:
        self.result: tuple[Any, BaseException | None] | None = None

    def __await__(self) -> Generator[None, None, Any]:
        while self.result is None:
            yield
        value, error = self.result
        if error is not None:
            raise error
        return value

    def end(self, value: Any = None, error: BaseException | None = None) -> None:
        self.result = value, error


class Loop(Host):
    """Steps whatever waits, whenever it is asked."""

    def __init__(self) -> None:
        self.running: list[tuple[Any, Done]] = []
        self.stopped = 0

    def start(self, awaitable: Awaitable[Any], done: Done) -> Callable[[], object]:
        entry = (awaitable.__await__(), done)
        self.running.append(entry)

        def stop() -> None:
            self.stopped += 1
            if entry in self.running:
                self.running.remove(entry)

        self._step(entry)
        return stop

    def _step(self, entry: tuple[Any, Done]) -> bool:
        steps, done = entry
        try:
            next(steps)
        except StopIteration as end:
            self.running.remove(entry)
            done(end.value, None)
        except Exception as error:  # noqa: BLE001 - the guest's call ends with it
            self.running.remove(entry)
            done(None, error)
        else:
            return False
        return True

    def wait(self) -> bool:
        over = [self._step(entry) for entry in list(self.running)]
        return any(over)


def make(source: str, imports: dict[str, Any], tier: str, host: Host | None = None) -> Instance:
    valid = validate(text.parse(source, ALL), ALL)
    return instantiate(valid, imports, tier=tier, host=Loop() if host is None else host)


def pump(instance: Instance) -> None:
    host = instance.scheduler.host
    while instance.scheduler.tick() or host.wait():
        pass


class Call:
    """A call under way."""

    def __init__(self, instance: Instance, name: str, *args: Any) -> None:
        self.ends: list[tuple[Any, BaseException | None]] = []
        self.call = instance.exports[name].start(args, lambda v, e: self.ends.append((v, e)))

    @property
    def over(self) -> bool:
        return bool(self.ends)

    def result(self) -> Any:
        ((value, error),) = self.ends
        if error is not None:
            raise error
        return value


SYNC = """(component
  (import "get" (func $get (param "x" u32) (result u32)))
  (core func $get' (canon lower (func $get)))
  (core module $m
    (import "" "get" (func $get (param i32) (result i32)))
    (func (export "twice") (param i32) (result i32)
      (i32.add (call $get (local.get 0)) (call $get (i32.add (local.get 0) (i32.const 1))))))
  (core instance $i (instantiate $m (with "" (instance (export "get" (func $get'))))))
  (func (export "twice") (param "x" u32) (result u32) (canon lift (core func $i "twice"))))"""


@TIERS
def test_functions_that_are_not_async_are_suspended(tier: str) -> None:
    waiting: dict[int, Later] = {}

    def get(x: int) -> Later:
        return waiting.setdefault(x, Later())

    one = make(SYNC, {"get": get}, tier)
    other = make(SYNC, {"get": get}, tier)
    first, second = Call(one, "twice", 1), Call(other, "twice", 10)
    waiting[10].end(100)
    pump(other)
    assert not first.over
    assert not second.over
    with pytest.raises(Trap, match="cannot enter"):
        one.exports["twice"](5)
    waiting[11].end(11)
    pump(other)
    assert second.result() == 111
    waiting[1].end(1)
    waiting.setdefault(2, Later()).end(2)
    pump(one)
    assert first.result() == 3


@TIERS
def test_where_nothing_can_be_suspended_the_host_waits(tier: str) -> None:
    async def get(x: int) -> int:
        return x * 2

    instance = make(SYNC, {"get": get}, tier)
    assert instance.exports["twice"](4) == 18


@TIERS
def test_what_the_host_raises_ends_the_call(tier: str) -> None:
    later = Later()
    instance = make(SYNC, {"get": lambda x: later}, tier)
    call = Call(instance, "twice", 1)
    later.end(error=KeyError("gone"))
    pump(instance)
    with pytest.raises(KeyError, match="gone"):
        call.result()


ASYNC = """(component
  (import "get" (func $get async (param "x" u32) (result u32)))
  (core module $mem (memory (export "mem") 1))
  (core instance $mem (instantiate $mem))
  (core func $get' (canon lower (func $get)))
  (core func $yield (canon thread.yield))
  (core module $m
    (import "" "get" (func $get (param i32) (result i32)))
    (import "" "yield" (func $yield (result i32)))
    (func (export "one") (param i32) (result i32) (call $get (local.get 0)))
    (func (export "spin") (loop (drop (call $yield)) (br 0))))
  (core instance $i (instantiate $m (with "" (instance
    (export "get" (func $get')) (export "yield" (func $yield))))))
  (func (export "one") async (param "x" u32) (result u32) (canon lift (core func $i "one")))
  (func (export "spin") async (canon lift (core func $i "spin"))))"""


@TIERS
def test_async_calls_wait_side_by_side(tier: str) -> None:
    waiting: dict[int, Later] = {}
    instance = make(ASYNC, {"get": lambda x: waiting.setdefault(x, Later())}, tier)
    first = Call(instance, "one", 1)
    second = Call(instance, "one", 2)
    assert list(waiting) == [1], "lifted without async, one call after the other"
    waiting[1].end(10)
    pump(instance)
    assert first.result() == 10
    assert list(waiting) == [1, 2]
    waiting[2].end(20)
    pump(instance)
    assert second.result() == 20


@TIERS
def test_a_call_that_waits_can_be_made_at_once(tier: str) -> None:
    later = Later()
    later.end(7)
    instance = make(ASYNC, {"get": lambda x: later}, tier)
    assert instance.exports["one"](1) == 7


@TIERS
def test_a_call_before_its_start_is_cancelled(tier: str) -> None:
    waiting: dict[int, Later] = {}
    instance = make(ASYNC, {"get": lambda x: waiting.setdefault(x, Later())}, tier)
    first, second = Call(instance, "one", 1), Call(instance, "one", 2)
    second.call.cancel()
    with pytest.raises(Cancelled):
        second.result()
    waiting[1].end(5)
    pump(instance)
    assert first.result() == 5


@TIERS
def test_tasks_that_never_return_are_let_go(tier: str) -> None:
    instance = make(ASYNC, {"get": lambda x: x}, tier)
    call = Call(instance, "spin")
    for _ in range(100):
        assert instance.scheduler.tick()
    assert not call.over
    instance.close()
    assert not instance.scheduler.tick()
    with pytest.raises(Error, match="closed"):
        call.result()


def test_a_deadlock_traps() -> None:
    instance = make(ASYNC, {"get": lambda x: Later()}, "interpreter")
    with pytest.raises(Trap, match="deadlock"):
        instance.exports["one"](1)


STREAMS = """(component
  (type $s (stream u8))
  (type $t (stream string))
  (type $f (future (result u32 (error string))))
  (core module $libc (memory (export "mem") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $p i32)
       (local.set $p (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
       (global.set $next (i32.add (local.get $p) (local.get 3))) (local.get $p)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "mem" (core memory $mem))
  (alias core export $libc "realloc" (core func $realloc))
  (core func $read (canon stream.read $s (memory $mem)))
  (core func $write (canon stream.write $s (memory $mem)))
  (core func $new (canon stream.new $s))
  (core func $drop-r (canon stream.drop-readable $s))
  (core func $drop-w (canon stream.drop-writable $s))
  (core func $read-t (canon stream.read $t (memory $mem) (realloc $realloc)))
  (core func $drop-t (canon stream.drop-readable $t))
  (core func $read-f (canon future.read $f (memory $mem) (realloc $realloc)))
  (core func $drop-f (canon future.drop-readable $f))
  (core func $return-s (canon task.return (result $s) (memory $mem)))
  (core module $m
    (import "" "mem" (memory 1))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "" "write" (func $write (param i32 i32 i32) (result i32)))
    (import "" "new" (func $new (result i64)))
    (import "" "drop-r" (func $drop-r (param i32)))
    (import "" "drop-w" (func $drop-w (param i32)))
    (import "" "read-t" (func $read-t (param i32 i32 i32) (result i32)))
    (import "" "drop-t" (func $drop-t (param i32)))
    (import "" "read-f" (func $read-f (param i32 i32) (result i32)))
    (import "" "drop-f" (func $drop-f (param i32)))
    (import "" "return-s" (func $return-s (param i32)))
    ;; the sum of all bytes
    (func (export "sum") (param $r i32) (result i32)
      (local $got i32) (local $i i32) (local $sum i32)
      (loop $more
        (local.set $got (call $read (local.get $r) (i32.const 0) (i32.const 3)))
        (local.set $i (i32.const 0))
        (block $done (loop $each
          (br_if $done (i32.ge_u (local.get $i) (i32.shr_u (local.get $got) (i32.const 4))))
          (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $i))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $each)))
        (br_if $more (i32.eqz (i32.and (local.get $got) (i32.const 15)))))
      (call $drop-r (local.get $r))
      (local.get $sum))
    ;; the bytes n-1 ... 0, one at a time
    (func (export "count") (param $n i32) (local $both i64) (local $w i32)
      (local.set $both (call $new))
      (call $return-s (i32.wrap_i64 (local.get $both)))
      (local.set $w (i32.wrap_i64 (i64.shr_u (local.get $both) (i64.const 32))))
      (block $done (loop $more
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (i32.store8 (i32.const 64) (local.get $n))
        (br_if $done (i32.and (call $write (local.get $w) (i32.const 64) (i32.const 1))
          (i32.const 15)))
        (br $more)))
      (call $drop-w (local.get $w)))
    ;; how long the first string is
    (func (export "first") (param $r i32) (result i32)
      (drop (call $read-t (local.get $r) (i32.const 32) (i32.const 1)))
      (call $drop-t (local.get $r))
      (i32.load (i32.const 36)))
    ;; the value of a future, or 1000 and the length of its error
    (func (export "value") (param $r i32) (result i32)
      (drop (call $read-f (local.get $r) (i32.const 32)))
      (call $drop-f (local.get $r))
      (if (result i32) (i32.load8_u (i32.const 32))
        (then (i32.add (i32.const 1000) (i32.load (i32.const 40))))
        (else (i32.load (i32.const 36)))))
  )
  (core instance $i (instantiate $m (with "" (instance
    (export "mem" (memory $mem)) (export "read" (func $read)) (export "write" (func $write))
    (export "new" (func $new)) (export "drop-r" (func $drop-r)) (export "drop-w" (func $drop-w))
    (export "read-t" (func $read-t)) (export "drop-t" (func $drop-t))
    (export "read-f" (func $read-f)) (export "drop-f" (func $drop-f))
    (export "return-s" (func $return-s))))))
  (func (export "sum") async (param "s" $s) (result u32) (canon lift (core func $i "sum")))
  (func (export "first") async (param "s" $t) (result u32) (canon lift (core func $i "first")))
  (func (export "value") async (param "f" $f) (result u32) (canon lift (core func $i "value")))
  (func (export "count") async (param "n" u32) (result $s)
    (canon lift (core func $i "count") async (memory $mem))))"""


@TIERS
def test_guests_read_what_the_host_offers(tier: str) -> None:
    instance = make(STREAMS, {}, tier)
    assert instance.exports["sum"](bytes(range(100))) == 4950
    assert instance.exports["sum"]([1, 2, 3]) == 6
    assert instance.exports["sum"](b"") == 0
    assert instance.exports["first"](["héllo", "never asked for"]) == 6
    assert instance.exports["value"](5) == 5


@TIERS
def test_pieces_are_pulled_when_they_are_wanted(tier: str) -> None:
    pulled, closed, gates = [], [], [Later(), Later()]

    async def pieces() -> Any:
        try:
            for number, gate in enumerate(gates):
                pulled.append(number)
                yield await gate
        finally:
            closed.append(True)

    instance = make(STREAMS, {}, tier)
    call = Call(instance, "sum", pieces())
    pump(instance)
    assert pulled == [0]
    gates[0].end(b"\1\2\3\4\5")
    pump(instance)
    assert pulled == [0, 1]
    assert not call.over
    gates[1].end(b"\6")
    pump(instance)
    assert call.result() == 21
    assert closed == [True]


@TIERS
def test_iterators_are_closed_when_nobody_reads_any_more(tier: str) -> None:
    closed = []

    async def words() -> Any:
        try:
            while True:
                yield ["word"]
        finally:
            closed.append(True)

    instance = make(STREAMS, {}, tier)
    assert instance.exports["first"](words()) == 4
    pump(instance)
    assert closed == [True]


@TIERS
def test_the_host_reads_what_guests_write(tier: str) -> None:
    instance = make(STREAMS, {}, tier)
    end = instance.exports["count"](4)
    got: list[tuple[Any, bool]] = []
    for _ in range(5):
        end.read(2, lambda piece, over: got.append((piece, over)))
        pump(instance)
    assert [piece for piece, _ in got] == [b"\3", b"\2", b"\1", b"\0", b""]
    assert [over for _, over in got] == [False] * 4 + [True]


@TIERS
def test_a_writer_learns_that_the_host_is_gone(tier: str) -> None:
    instance = make(STREAMS, {}, tier)
    end = instance.exports["count"](200)
    end.read(1, lambda piece, over: None)
    end.drop()
    pump(instance)
    assert instance.inst.threads.all() == []


@TIERS
def test_a_stream_goes_from_guest_to_guest_by_way_of_the_host(tier: str) -> None:
    instance = make(STREAMS, {}, tier)
    assert instance.exports["sum"](instance.exports["count"](10)) == 45


@TIERS
def test_futures_fail_with_results(tier: str) -> None:
    instance = make(STREAMS, {}, tier)

    async def fails() -> int:
        raise ResultError("no!")

    assert instance.exports["value"](fails()) == 1003
    later = Later()
    call = Call(instance, "value", later)
    later.end(12)
    pump(instance)
    assert call.result() == 12


def test_error_contexts_are_of_their_class() -> None:
    assert ErrorContext("what").debug_message == "what"


@TIERS
@pytest.mark.parametrize("name", ["twice", "one"])
def test_arguments_that_do_not_fit_leave_the_instance_as_it_was(tier: str, name: str) -> None:
    source = SYNC if name == "twice" else ASYNC
    instance = make(source, {"get": lambda x: x}, tier)
    for wrong in ("x", -1, 1.0, None):
        with pytest.raises((TypeError, OverflowError)):
            Call(instance, name, wrong).result()
        with pytest.raises((TypeError, OverflowError)):
            instance.exports[name](wrong)
    assert Call(instance, name, 1).result() == (3 if name == "twice" else 1)
