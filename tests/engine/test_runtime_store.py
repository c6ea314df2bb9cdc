"""Stores: who is inside, what stays alive, uniting, host references."""

import gc
import sys
import threading
import time
import weakref

import pytest

from tests.engine.stub import StubCode, make, mappings
from wadjet.base.errors import Unlinkable
from wadjet.core.types import FuncType, Limits, TableType, FUNCREF
from wadjet.engine.contract.layout import VM_CONTEXT, VM_FUNC, VM_HOST_FUNC, VM_STORE
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.runtime.budget import Limits as StoreLimits
from wadjet.engine.runtime.func import Function, HostFunc
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store, unite
from wadjet.engine.runtime.table import Table

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


# --- entering ------------------------------------------------------------------------------------


def test_entering_counts_and_names_the_thread() -> None:
    store = Store()
    store.enter()
    store.enter()
    assert VM_STORE.read(store.address, "owner") == threading.get_ident()
    assert VM_STORE.read(store.address, "depth") == 2
    store.leave()
    assert VM_STORE.read(store.address, "owner") == threading.get_ident()
    store.leave()
    assert VM_STORE.read(store.address, "owner") == 0


def test_a_second_thread_waits() -> None:
    store, events = Store(), []

    def second() -> None:
        store.enter()
        events.append("second in")
        store.leave()

    store.enter()
    thread = threading.Thread(target=second)
    thread.start()
    time.sleep(0.05)
    events.append("first out")
    store.leave()
    thread.join(5)
    assert events == ["first out", "second in"]


def test_different_stores_do_not_wait_for_each_other() -> None:
    first, second = Store(), Store()
    first.enter()
    done = threading.Event()

    def run() -> None:
        second.enter()
        done.set()
        second.leave()

    threading.Thread(target=run).start()
    assert done.wait(5)
    first.leave()


def test_the_time_limit_interrupts_the_outermost_call_and_no_other() -> None:
    store = Store(StoreLimits(seconds=0.02))
    store.enter()
    store.enter()
    deadline = time.monotonic() + 5
    while not VM_STORE.read(store.address, "interrupt") and time.monotonic() < deadline:
        time.sleep(0.005)
    assert VM_STORE.read(store.address, "interrupt") == TrapCode.TIMEOUT
    store.leave()
    assert VM_STORE.read(store.address, "interrupt")
    store.leave()
    assert VM_STORE.read(store.address, "interrupt") == 0
    store.enter()
    store.leave()
    time.sleep(0.05)
    assert VM_STORE.read(store.address, "interrupt") == 0


def test_limits_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="seconds"):
        StoreLimits(seconds=-1)


# --- host references -----------------------------------------------------------------------------


def test_words_of_host_references() -> None:
    store = Store()
    assert store.extern(None) == 0
    assert store.object(0) is None
    first, second = [], []
    words = [store.extern(thing) for thing in (first, second, first)]
    assert words[0] == words[2] != words[1]
    assert all(word & 3 == 2 for word in words)
    assert store.object(words[1]) is second


def test_a_handle_is_one_object_as_long_as_it_lives() -> None:
    store = Store()
    handle = store.ref(64)
    assert store.ref(64) is handle
    assert store.ref(72) != handle


# --- lifetime ------------------------------------------------------------------------------------


def test_an_instance_goes_with_its_last_handle() -> None:
    store = Store()
    instance = make('(memory 1) (func (export "f"))', store=store)
    seen = weakref.ref(instance)
    entry = instance.func(0).entry
    del instance
    assert seen() is not None, "a function keeps its instance"
    del entry
    assert seen() is None, "without waiting for the garbage collector"


@pytest.mark.parametrize(
    "text",
    [
        '(table (export "t") 1 funcref)',
        '(func (export "f") (param funcref))',
        '(func (export "f") (result externref) (ref.null extern))',
        '(global (export "g") funcref (ref.null func))',
        '(tag (export "e") (param funcref))',
        '(import "m" "n" (func (param anyref)))',
    ],
)
def test_an_instance_that_lets_references_out_stays_with_the_store(text: str) -> None:
    store = Store()
    code = StubCode(text)
    instance = instantiate(store, code, [print] * len(code.valid.module.imports))
    seen = weakref.ref(instance)
    del instance
    gc.collect()
    assert seen() is not None
    del store
    gc.collect()
    assert seen() is None


def test_what_a_table_holds_stays_callable_when_its_handles_are_gone() -> None:
    store = Store()
    table = Table(TableType(FUNCREF, Limits(1)))
    make('(import "m" "t" (table 1 funcref)) (func $f) (elem (i32.const 0) func $f)', table,
         store=store)  # fmt: skip
    gc.collect()
    assert store.func_at(table.get(0)).call_raw([]) == []


@linux_only
def test_a_thousand_instances_leave_no_mapping_behind() -> None:
    code = StubCode('(memory (export "m") 1) (table 3 funcref) (func (export "f"))')
    before = mappings()
    for _ in range(1000):
        instantiate(Store(), code, [])
    # neighbouring mappings merge and split as they like, hence a little slack
    assert mappings() <= before + 3


@linux_only
def test_cycles_through_host_functions_are_collected() -> None:
    code = StubCode('(import "m" "f" (func)) (memory 1) (table (export "t") 3 funcref)')
    gc.collect()
    before = mappings()
    for _ in range(300):
        instances: list[Instance] = []

        def host(held: list[Instance] = instances) -> None:
            held.clear()

        instances.append(instantiate(Store(), code, [host]))
    del instances, host
    gc.collect()
    assert mappings() <= before + 3


# --- uniting -------------------------------------------------------------------------------------


def test_implicit_stores_unite() -> None:
    first = make("(func)", store=Store(implicit=True))
    second = make("(func)", store=Store(implicit=True))
    host = Function(FuncType((), ()), print)
    home = unite([first.store, second.store, host.__self__.store])
    assert first.store is second.store is home
    for instance in (first, second):
        assert VM_CONTEXT.read(instance.context, "store") == home.address
        assert home.func_at(instance.func_address(0)) == instance.func(0)
    func = host.__self__
    assert isinstance(func, HostFunc)
    assert func.store is home
    assert VM_HOST_FUNC.read(func.address + VM_FUNC.size, "store") == home.address
    first.func(0).call_raw([])
    assert VM_STORE.read(home.address, "owner") == 0


def test_an_explicit_store_stays() -> None:
    mine = Store()
    other = make("(func)", store=Store(implicit=True))
    assert unite([other.store, mine]) is mine
    assert other.store is mine


def test_two_explicit_stores_do_not_unite() -> None:
    with pytest.raises(Unlinkable, match="different stores"):
        unite([Store(), Store()])


def test_a_store_that_runs_is_not_moved() -> None:
    running, idle = Store(implicit=True), Store(implicit=True)
    running.enter()
    assert unite([idle, running]) is running
    with pytest.raises(Unlinkable, match="running"):
        unite([running, Store()])
    running.leave()


def test_references_survive_uniting() -> None:
    first, second = Store(implicit=True), Store()
    thing, other = object(), object()
    word, theirs = first.extern(thing), second.extern(other)
    assert word != theirs
    home = unite([first, second])
    assert home.object(word) is thing
    assert home.object(theirs) is other
    assert home.extern(thing) == word
    assert first.current() is home


def test_a_thread_that_enters_a_united_store_enters_the_whole() -> None:
    first, second = Store(implicit=True), Store()
    unite([first, second])
    first.enter()
    assert VM_STORE.read(second.address, "depth") == 1
    second.enter()
    second.leave()
    first.leave()
    assert VM_STORE.read(second.address, "owner") == 0


def test_objects_survive_uniting() -> None:
    text = "(type $s (struct (field i32))) (global (ref $s) (struct.new $s (i32.const {})))"
    first, second = (make(text.format(n), store=Store(implicit=True)) for n in (1, 2))
    heaps = [instance.store.heap for instance in (first, second)]
    home = unite([first.store, second.store])
    words = [instance.globals[0].get_raw() for instance in (first, second)]
    for heap in (*heaps, home.heap):
        assert [heap.get(word, 0) for word in words] == [1, 2]
    made = heaps[0].new(first.types[0], [3])
    assert heaps[1].get(made, 0) == 3
