"""What copies of an instance import: Python callables stand in each one's own native memory, other
functions where they are."""

import gc
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.engine.processes import succeeds
from wadjet import (
    Exhaustion, Function, Global, Instance, Limits, Memory, Module, Store, Table, Tag, Timeout,
    Trap, WasmException,
)  # fmt: skip
from wadjet.core.types import I32, FuncType

TIERS = ["interpreter", "auto", "optimizing"]
#: Imported functions in a table and in a global, handed out, called in every way; $pair has two
#: results, for which Python must convert.
TEXT = """
(module
  (type $one (func (param i32) (result i32)))
  (type $pair (func (param i32) (result i32 i64)))
  (import "host" "f" (func $f (type $one)))
  (import "host" "pair" (func $pair (type $pair)))
  (memory 1) (data (i32.const 0) "\\07")
  (data $passive "\\09\\0b")
  (table 4 funcref) (elem (i32.const 1) $f $own $pair)
  (global $kept funcref (ref.func $f))
  (func $own (type $one) (i32.add (i32.load8_u (i32.const 0)) (call $f (local.get 0))))
  (func (export "own") (type $one) (call $own (local.get 0)))
  (func (export "tail") (type $one) (return_call $f (local.get 0)))
  (func (export "pair") (type $pair) (call $pair (local.get 0)))
  (func (export "at") (param i32 i32) (result i32)
    (call_indirect (type $one) (local.get 1) (local.get 0)))
  (func (export "pair_at") (type $pair)
    (call_indirect (type $pair) (local.get 0) (i32.const 3)))
  (func (export "init") (result i32)
    (memory.init $passive (i32.const 16) (i32.const 0) (i32.const 2))
    (data.drop $passive)
    (i32.load16_u (i32.const 16)))
  (func (export "kept") (result funcref) (global.get $kept))
  (func (export "loop") (loop $again (br $again)))
  (export "given" (func $f))
  (export "given pair" (func $pair)))
"""
PRIVATE = TEXT.replace('(func (export "kept") (result funcref)', "(func (result funcref)")
GUEST = """(module
  (func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
  (func (export "pair") (param i32) (result i32 i64) (local.get 0) (i64.const -3)))"""

FORKING = '''
import faulthandler, os
import pytest
from tests.engine.test_instance_imports import TEXT, callables, check, copies
from wadjet import Instance, Module, Trap
module = Module.from_text(TEXT)
copies(module)
fault = Module.from_text("""(module (memory 1)
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))""")
for turn in range(6):
    one = Instance(fault, tier="optimizing")
    if turn in (3, 4):
        faulthandler.disable()
        faulthandler.enable()
        one = Instance(fault, tier="optimizing")
    with pytest.raises(Trap):
        one.exports.load(-1)
child = os.fork()
given, f, second = callables(9)
check(Instance(module, {"host": given}, tier="optimizing"), f, second)
with pytest.raises(Trap):
    Instance(fault, tier="optimizing").exports.load(-1)
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
'''


class Host:
    """Callables of several kinds."""

    def __init__(self, number: int) -> None:
        self.number = number

    def add(self, value: int) -> int:
        return value + self.number

    def both(self, value: int) -> tuple[int, int]:
        return value, self.number

    __call__ = add


def callables(k: int) -> tuple[dict[str, Callable[..., Any]], int, int]:
    """Imports, what `f` makes of 100, and the second result of `pair`."""
    host = Host(k)
    pairs: list[Callable[..., Any]] = [host.both, lambda v: (v, k), partial(Host.both, host)]
    functions: list[Callable[..., Any]] = [host.add, lambda v: v + k, host, partial(Host.add, host)]
    return {"f": functions[k % 4], "pair": pairs[k % 3]}, 100 + k, k


def check(instance: Instance, f: int, second: int) -> None:
    e = instance.exports
    assert [e.own(100), e.tail(100), e.at(1, 100), e.at(2, 100)] == [f + 7, f, f, f + 7]
    assert e.pair(5) == e.pair_at(5) == (5, second)
    assert e.given(100) == f
    assert e["given pair"](6) == (6, second)
    assert e.init() == 0x0B09


@pytest.mark.parametrize("tier", TIERS)
def test_each_calls_its_own(tier: str) -> None:
    module = Module.from_text(TEXT)
    guest = Instance(Module.from_text(GUEST), tier=tier)
    kept = []
    for k in range(24):
        given, f, second = callables(k)
        if k in (4, 7, 9, 20):
            given["f"], f = guest.exports.f, 300
        if k in (7, 8, 21):
            given["pair"], second = guest.exports.pair, -3
        instance = Instance(module, {"host": given}, tier=tier)
        check(instance, f, second)
        assert instance.exports.kept()(100) == f
        assert instance.exports.kept() == instance.exports.kept()
        kept.append((instance, f))
    assert tier == "interpreter" or module.code(tier).template is not None
    assert [instance.exports.tail(100) for instance, _ in kept] == [f for _, f in kept]


def test_functions_made_for_a_store_stay_one_function() -> None:
    module, store = Module.from_text(TEXT), Store()
    f = Function(FuncType((I32,), (I32,)), lambda v: v * 2, store=store)
    given, _, second = callables(1)
    for _ in range(5):
        instance = Instance(module, {"host": given | {"f": f}}, tier="optimizing", store=store)
        check(instance, 200, second)
        assert instance.exports.given == f
        assert instance.runtime.func_imports[0].address == f.__self__.address


def copies(module: Module, tier: str = "optimizing", **options: Any) -> list[Instance]:
    """Some instances, the last of which are copies."""
    return [Instance(module, {"host": callables(k)[0]}, tier=tier, **options) for k in range(5)]


def test_a_function_outlives_the_instance_that_imports_it() -> None:
    module = Module.from_text(PRIVATE)
    last = copies(module)[-1]
    f, pair, gone = last.exports.given, last.exports["given pair"], weakref.ref(last.runtime)
    del last
    gc.collect()
    assert gone() is None
    assert (f(100), pair(5)) == (104, (5, 4))
    taker = Module.from_text(PRIVATE)
    for _ in range(4):
        check(Instance(taker, {"host": {"f": f, "pair": pair}}, tier="optimizing"), 104, 4)


def test_all_goes_at_once_with_the_last_handle() -> None:
    module = Module.from_text(PRIVATE)
    copies(module)
    gc.collect()
    gc.disable()
    try:
        host = Host(3)
        instance = Instance(module, {"host": {"f": host, "pair": host.both}}, tier="optimizing")
        check(instance, 103, 3)
        gone = [weakref.ref(x) for x in (host, instance.runtime, instance.store)]
        del host, instance
        assert [each() for each in gone] == [None] * 3
    finally:
        gc.enable()


def test_cycles_through_callables_are_collected() -> None:
    module = Module.from_text(PRIVATE)
    copies(module)
    gone = []
    for looked_at in (False, True):
        cell: list[Instance] = []

        def call(value: int, cell: list[Instance] = cell) -> int:
            return len(cell) + value

        pair = partial(Host.both, Host(1))
        cell.append(Instance(module, {"host": {"f": call, "pair": pair}}, tier="optimizing"))
        if looked_at:
            check(cell[0], 101, 1)
        gone += [weakref.ref(call), weakref.ref(cell[0].runtime), weakref.ref(pair)]
        del call, cell, pair
    gc.collect()
    assert [each() for each in gone] == [None] * 6


def test_copies_move_when_stores_unite() -> None:
    module = Module.from_text(TEXT)
    one, two = copies(module)[-2:]
    seen = one.exports.given
    both = Module.from_text("""(module
      (import "a" "pair" (func $a (param i32) (result i32 i64)))
      (import "b" "pair" (func $b (param i32) (result i32 i64)))
      (func (export "sum") (param $v i32) (result i64) (local $second i64)
        (call $a (local.get $v))
        (local.set $second) (drop)
        (call $b (local.get $v))
        (local.set $second (i64.add (local.get $second))) (drop)
        (local.get $second)))""")
    joined = Instance(both, {"a": one.exports, "b": two.exports}, tier="optimizing")
    assert joined.exports.sum(1) == 7
    assert one.store is two.store is joined.store
    check(one, 103, 3)
    check(two, 104, 4)
    assert seen == one.exports.given
    assert one.exports.kept()(1) == 4


@pytest.mark.parametrize("tier", ["auto", "optimizing"])
def test_eight_threads_share_a_module(tier: str) -> None:
    module = Module.from_text(TEXT)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            store = Store()
            for turn in range(40):
                given, f, second = callables(seed * 100 + turn)
                own = {"store": store} if turn % 2 else {}
                instance = Instance(module, {"host": given}, tier=tier, **own)
                if turn % 4 == 0:
                    check(instance, f, second)
                assert instance.exports.tail(100) == f
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert not any(thread.is_alive() for thread in threads)


def test_limits_of_copies() -> None:
    module = Module.from_text(TEXT)
    copies(module)
    given = {"host": callables(1)[0]}
    with pytest.raises(Exhaustion):
        Instance(module, given, limits=Limits(memory=1 << 15), tier="optimizing")
    store = Store(Limits(memory=(1 << 16) + 32, seconds=0.05))
    instance = Instance(module, given, store=store, tier="optimizing")
    with pytest.raises(Exhaustion):
        Instance(module, given, store=store, tier="optimizing")
    with pytest.raises(Timeout):
        instance.exports.loop()
    assert store.budget.used == (1 << 16) + 32
    check(instance, 101, 1)


def test_budgets_are_given_back() -> None:
    module, store = Module.from_text(PRIVATE), Store(Limits(memory=1 << 17))
    for _ in range(20):
        instance = Instance(module, {"host": callables(2)[0]}, store=store, tier="optimizing")
        check(instance, 102, 2)
        del instance
        assert store.budget.used == 0


def test_exceptions_of_callables_pass_through_copies() -> None:
    tag = Tag(I32)
    thrower = Module.from_text("""(module
      (import "host" "f" (func $f (param i32) (result i32)))
      (func (export "g") (param i32) (result i32) (call $f (local.get 0))))""")
    catcher = Module.from_text("""(module
      (import "a" "g" (func $g (param i32) (result i32)))
      (import "a" "tag" (tag $t (param i32)))
      (func (export "h") (param i32) (result i32)
        (block $caught (result i32)
          (return (try_table (result i32) (catch $t $caught) (call $g (local.get 0)))))
        (i32.add (i32.const 1000))))""")

    def f(value: int) -> int:
        if value > 10:
            raise WasmException(tag, value)
        return value

    for _ in range(4):
        inner = Instance(thrower, {"host": {"f": f}}, tier="optimizing")
        outer = Instance(catcher, {"a": {"g": inner.exports.g, "tag": tag}}, tier="optimizing")
        assert [outer.exports.h(5), outer.exports.h(50)] == [5, 1050]


def test_copies_after_a_fork_and_after_others_took_the_signals() -> None:
    succeeds(FORKING)


EVERYTHING = """
(module
  (type $pair (struct (field i32) (field i64)))
  (import "m" "memory" (memory 1))
  (import "m" "f" (func $f (param i32) (result i32)))
  (import "m" "table" (table 4 funcref))
  (import "m" "global" (global $given (mut i32)))
  (import "m" "tag" (tag $tag (param i32)))
  (memory $own 1)
  (table $mine 2 funcref)
  (global $count (mut i32) (i32.const 5))
  (tag $private (param i32))
  (data (i32.const 4) "\\07")
  (data (memory $own) (i32.const 4) "\\09")
  (elem (table 0) (i32.const 1) func $f $sum)
  (elem (table $mine) (i32.const 1) func $sum)
  (func $sum (result i32)
    (i32.add (i32.load8_u (i32.const 4)) (i32.load8_u $own (i32.const 4))))
  (func (export "sum") (result i32) (call_indirect $mine (result i32) (i32.const 1)))
  (func (export "count") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.set $given (i32.add (global.get $given) (global.get $count)))
    (global.get $given))
  (func (export "throw") (param i32) (throw $tag (local.get 0)))
  (func $raise (param i32) (throw $private (local.get 0)))
  (func (export "caught") (param i32) (result i32)
    (block $here (result i32)
      (try_table (catch $private $here) (call $raise (local.get 0)))
      (i32.const -1)))
  (func (export "raise") (param i32) (call $raise (local.get 0)))
  (func (export "field") (param i32) (result i32)
    (struct.get $pair 0 (struct.new $pair (local.get 0) (i64.const 0))))
  (export "private" (tag $private)))
"""


@pytest.mark.parametrize("tier", TIERS)
def test_copies_import_every_kind(tier: str) -> None:
    module, kept = Module.from_text(EVERYTHING), []
    for k in range(6):
        memory, table, tag = Memory(1), Table(4), Tag(I32)
        given = Global(I32, 10 * k, mutable=True)
        imports = {"memory": memory, "table": table, "global": given, "tag": tag}
        imports["f"] = lambda v, k=k: v + k
        e = Instance(module, {"m": imports}, tier=tier).exports
        assert (e.sum(), e.count(), given.value, memory[4]) == (16, 10 * k + 6, 10 * k + 6, 7)
        assert (table[1](100), table[2](), e.caught(k), e.field(-k)) == (100 + k, 16, k, -k)
        memory[4] = k
        assert e.sum() == 9 + k
        with pytest.raises(WasmException) as thrown:
            e.throw(k)
        assert thrown.value.tag is tag
        with pytest.raises(WasmException) as private:
            e["raise"](k)
        assert private.value.tag is e.private
        kept.append((e, k))
    assert len({e.private for e, _ in kept}) == 6
    assert [e.sum() - k for e, k in kept] == [9] * 6
    assert tier == "interpreter" or module.code(tier).template is not None


def test_segments_of_copies_may_not_fit_what_is_imported() -> None:
    module = Module.from_text("""(module
      (import "m" "memory" (memory 0)) (import "m" "table" (table 1 funcref))
      (func $f (result i32) (i32.const 3))
      (elem (i32.const 0) $f) (data (i32.const 65535) "ab"))""")
    for _ in range(4):
        table, memory = Table(1), Memory(1)
        with pytest.raises(Trap, match="out of bounds memory access"):
            Instance(module, {"m": {"memory": memory, "table": table}}, tier="optimizing")
        assert table[0]() == 3
        Instance(module, {"m": {"memory": Memory(2), "table": table}}, tier="optimizing")
    assert module.code("optimizing").template is not None
