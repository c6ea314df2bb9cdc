"""Instances by the thousand: each begins as the first did, and what one does no other sees."""

import gc
import sys
import threading
import weakref
from pathlib import Path

import pytest

from wadjet import Exhaustion, Instance, Limits, Module, Trap, Unlinkable
from wadjet.engine.runtime import template
from wadjet.engine.runtime.pages import let_go
from wadjet.engine.tiers.native import native_machine

TIERS = ["interpreter", "auto", "optimizing"]
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, or needs memfd")
TEXT = """
(module
  (memory (export "memory") 3 5)
  (data (i32.const 65530) "across pages")
  (data (i32.const 0) "\\01\\02")
  (data (i32.const 1) "\\07")
  (type $step (func (result i32)))
  (table (export "table") 4 8 funcref)
  (elem (i32.const 1) $two $one)
  (global $count (export "count") (mut i32) (i32.const 5))
  (global $long (mut i64) (i64.const -9))
  (global $best (mut funcref) (ref.func $one))
  (func $one (type $step) (i32.const 1))
  (func $two (type $step) (i32.const 2))
  (func (export "call") (param i32) (result i32) (call_indirect (type $step) (local.get 0)))
  (func (export "best") (result funcref) (global.get $best))
  (func (export "long") (result i64) (global.get $long))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "spoil") (param $at i32)
    (i32.store8 (local.get $at) (i32.const 99))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.set $long (i64.const 1))
    (global.set $best (ref.func $two))
    (table.set (i32.const 1) (ref.null func))
    (drop (table.grow (ref.func $one) (i32.const 2)))))
"""


def state(instance: Instance) -> list[object]:
    """Everything there is to see."""
    e = instance.exports
    calls = []
    for index in range(len(e.table)):
        try:
            calls.append(e.call(index))
        except Trap:
            calls.append(None)
    bytes_ = bytes(e.memory)
    return [calls, e.best()(), e.long(), e.count.value, bytes_.strip(b"\0"), len(bytes_)]


@pytest.mark.parametrize("tier", TIERS)
def test_all_begin_alike_and_go_their_own_ways(tier: str) -> None:
    module = Module.from_text(TEXT)
    first = state(Instance(module, tier=tier))
    assert first[:4] == [[None, 2, 1, None], 1, -9, 5]
    kept = []
    for turn in range(8):
        instance = Instance(module, tier=tier)
        assert state(instance) == first
        for at in (0, 3, 65536, 3 * 65536 - 1):
            instance.exports.spoil(at)
        assert instance.exports.grow() == 3
        instance.exports.spoil(4 * 65536 - 1)
        assert instance.exports.load(4 * 65536 - 1) == 99
        assert instance.exports.count.value == 10
        assert instance.exports.best()() == 2
        if turn % 2:
            kept.append(instance)
    assert all(instance.exports.load(65536) == 99 for instance in kept)
    assert state(Instance(module, tier=tier)) == first


def test_what_lies_behind_a_memory_is_out_of_bounds_again() -> None:
    module = Module.from_text(TEXT)
    for _ in range(6):
        instance = Instance(module, tier="optimizing")
        with pytest.raises(Trap):
            instance.exports.load(3 * 65536)
        assert instance.exports.grow() == 3
        assert instance.exports.load(3 * 65536) == 0
        with pytest.raises(Trap):
            instance.exports.load(4 * 65536)


def test_a_copy_is_what_the_long_way_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module.from_text(TEXT)
    for _ in range(2):
        Instance(module, tier="optimizing")
    assert module.code("optimizing").template is not None
    copy = state(Instance(module, tier="optimizing"))
    monkeypatch.setattr(module.code("optimizing"), "template", None)
    assert state(Instance(module, tier="optimizing")) == copy


@pytest.mark.parametrize(
    "text",
    [
        '(module (import "a" "c" (global i32)) (global i32 (global.get 0)))',
        "(module (table 1 externref))",
        "(module (global (mut externref) (ref.null extern)))",
        "(module (func $f) (elem func $f))",
    ],
)
def test_what_cannot_be_copied_is_made(text: str) -> None:
    module = Module.from_text(text)
    for _ in range(3):
        Instance(module, {"a": {"c": 1}}, tier="optimizing")
    assert module.code("optimizing").template is None


def test_copies_have_imports_of_their_own() -> None:
    module = Module.from_text("""
        (module
          (import "a" "f" (func $f (param i32) (result i32)))
          (import "a" "g" (func $g (result i32)))
          (memory 1) (data (i32.const 0) "\\07")
          (table funcref (elem $h))
          (func $h (result i32) (call $f (i32.add (call $g) (i32.load8_u (i32.const 0)))))
          (func (export "h") (result i32) (call_indirect (result i32) (i32.const 0))))""")
    given = Instance(
        Module.from_text('(module (func (export "g") (result i32) (i32.const 100)))'),
        tier="optimizing",
    )
    kept = []
    for k in range(6):
        imports = {"f": lambda n, k=k: 1000 * k + n, "g": (lambda k=k: k)}
        if k % 2:
            imports["g"] = given.exports.g
        kept.append(Instance(module, {"a": imports}, tier="optimizing"))
    assert module.code("optimizing").template is not None
    expected = [1000 * k + (100 if k % 2 else k) + 7 for k in range(6)]
    assert [instance.exports.h() for instance in kept] == expected
    with pytest.raises(Unlinkable):
        Instance(module, {"a": {"f": given.exports.g, "g": given.exports.g}}, tier="optimizing")


def test_without_files_in_memory_all_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(template, "Origin", refuse)
    module = Module.from_text(TEXT)
    states = [state(Instance(module, tier="optimizing")) for _ in range(4)]
    assert states == [states[0]] * 4


def test_limits_hold_for_copies_too() -> None:
    module = Module.from_text(TEXT)
    for _ in range(3):
        Instance(module, tier="optimizing")
    with pytest.raises(Exhaustion):
        Instance(module, limits=Limits(memory=2 << 16), tier="optimizing")
    instance = Instance(module, limits=Limits(memory=(3 << 16) + 100), tier="optimizing")
    assert instance.exports.grow() == -1
    assert instance.store.budget.used == (3 << 16) + 4 * 8


def test_functions_compiled_later_are_everybodys() -> None:
    module = Module.from_text(TEXT)
    instances = [Instance(module, tier="optimizing") for _ in range(4)]
    assert [instance.exports.call(1) for instance in instances] == [2] * 4
    code = module.code("optimizing")
    slots = [instance.runtime.vmfuncs.tolist()[::5] for instance in instances]
    assert slots == [slots[0]] * 4
    index = next(e.index for e in module.core.exports if e.name == "call")
    found = native_machine()[0].functions_at(slots[0][index])
    assert found is not None
    assert (found[0], [each.function for each in found[1]]) == (code, [index])


def leads_to(instance: Instance) -> list[object]:
    """The code that the functions of an instance lead to, and which functions they are there."""
    found = [native_machine()[0].functions_at(w) for w in instance.runtime.vmfuncs.tolist()[::5]]
    return [None if each is None else (each[0], each[1][-1].function) for each in found]


def test_what_was_one_instance_becomes_another() -> None:
    count = 40
    functions = "".join(
        f'(func $f{k} (export "f{k}") (param i32) (result i32) '
        f"(i32.add (local.get 0) (i32.const {k})))"
        for k in range(count)
    )
    names = " ".join(f"$f{k}" for k in range(count))
    module = Module.from_text(f"""(module (memory 1) (global $g (mut i32) (i32.const 3))
      (table {count} funcref) (elem (i32.const 0) {names}) {functions}
      (func (export "next") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g))
      (func (export "at") (param i32 i32) (result i32)
        (call_indirect (param i32) (result i32) (local.get 1) (local.get 0))))""")
    for _ in range(2):
        Instance(module, tier="optimizing")
    contexts = set()
    for k in range(count):
        instance = Instance(module, tier="optimizing")
        contexts.add(instance.runtime.context)
        e = instance.exports
        assert [e.next(), e.at(k, 100), e.at(k // 2, 7), e[f"f{k}"](5)] == [
            4,
            100 + k,
            7 + k // 2,
            5 + k,
        ]
        compiled = [index for index, each in enumerate(leads_to(instance)) if each is not None]
        assert set(range(k + 1)) <= set(compiled)
        del instance, e
    assert len(contexts) == 1


def test_what_was_compiled_meanwhile_is_led_to() -> None:
    module = Module.from_text(TEXT)
    for _ in range(2):
        Instance(module, tier="optimizing")
    stays, goes = Instance(module, tier="optimizing"), Instance(module, tier="optimizing")
    context = goes.runtime.context
    goes.store._pins.clear()  # it exports a table
    del goes
    assert stays.exports.long() == -9
    comes = Instance(module, tier="optimizing")
    assert comes.runtime.context == context
    assert leads_to(comes) == leads_to(stays)


def test_copies_of_passive_segments_are_shared_until_dropped() -> None:
    module = Module.from_text("""(module (memory 1) (data $d "abc")
      (func (export "init") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3)))
      (func (export "drop") (data.drop $d)))""")
    kept = set()
    for _ in range(6):
        instance = Instance(module, tier="optimizing")
        kept.add(instance.runtime.kept["datas", 0])
        assert bytes(instance.runtime.data(0)) == b"abc"
        instance.exports.init()
        instance.exports.drop()
        with pytest.raises(Trap):
            instance.exports.init()
    assert len(kept) == 2  # the first has its own


def test_what_led_to_other_code_becomes_another() -> None:
    module = Module.from_text("""(module
      (import "host" "f" (func $f (result i32)))
      (func $g (export "g") (result i32) (call $f)))""")
    taker = Module.from_text("""(module
      (import "a" "g" (func $g (result i32))) (func (export "h") (result i32) (call $g)))""")
    code = module.code("optimizing")
    for k in range(6):
        inner = Instance(module, {"host": {"f": lambda k=k: k}}, tier="optimizing")
        assert inner.exports.g() == k
        assert leads_to(inner) == [(code, 1)]
        if k % 2:
            outer = Instance(taker, {"a": inner.exports}, tier="optimizing")
            assert outer.exports.h() == k
            assert inner.runtime.code is not code
            assert leads_to(inner) == [(inner.runtime.code, 1)]
            del outer
        del inner


def test_nobody_waits_for_the_collector_of_cycles() -> None:
    # what may have references to its functions elsewhere lives as long as its store does
    private = TEXT.replace('(export "table")', "").replace(
        '(func (export "best") (result', "(func (result"
    )
    module = Module.from_text(private)
    gc.collect()
    gc.disable()
    try:
        for _ in range(4):
            instance = Instance(module, tier="optimizing")
            function = instance.exports.load
            assert function(0) == 1
            parts = [instance.runtime, instance.store, instance.runtime.memories[0]]
            gone = [weakref.ref(part) for part in parts]
            del instance, function, parts
            assert [ref() for ref in gone] == [None] * 3
    finally:
        gc.enable()


def private() -> int:
    """Bytes of memory that this process shares with nobody, not even with itself."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(s.split()[1]) for s in lines if s.startswith("Private_Dirty"))


@linux_only
def test_a_thousand_live_instances_take_little() -> None:
    data = "wadjet  " * (1 << 17)
    module = Module.from_text(
        f'(module (memory 16) (data (i32.const 0) "{data}") (func (export "load") (param i32) '
        "(result i32) (i32.load (local.get 0))))"
    )
    for _ in range(3):
        Instance(module, tier="optimizing").exports.load(0)
    gc.collect()
    before = private()
    instances = [Instance(module, tier="optimizing") for _ in range(1000)]
    assert {instance.exports.load(4096 * 9) for instance in instances} == {0x6A646177}
    assert private() - before < 64 << 20
    instances.clear()
    let_go()


@pytest.mark.parametrize("tier", ["auto", "optimizing"])
def test_many_at_once_from_several_threads(tier: str) -> None:
    module = Module.from_text(TEXT)
    expected = state(Instance(module, tier=tier))
    failures: list[object] = []

    def crowd(seed: int) -> None:
        for turn in range(150):
            instance = Instance(module, tier=tier)
            found = state(instance) if turn % 10 == 0 else expected
            instance.exports.spoil(seed)
            if found != expected or instance.exports.load(seed) != 99:
                failures.append(found)

    threads = [threading.Thread(target=crowd, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
