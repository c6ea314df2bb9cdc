"""Objects of interpreted guests: what keeps them alive, and that nothing else does."""

import gc

import pytest

from tests.engine.interpreted import call, export, make, run
from wadjet.base.errors import Exhaustion, Trap
from wadjet.engine.gc.heap import Heap
from wadjet.engine.runtime.budget import Limits
from wadjet.engine.runtime.store import Store

#: 1000 structs that nobody keeps, in a heap where a few thousand objects fit
CHURN = """(type $s (struct (field (mut i32)))) (type $a (array (mut i32)))
  (type $n (struct (field (mut (ref null $n))) (field i32)))
  (func $churn (local i32) (local.set 0 (i32.const 3000))
    (loop $l (drop (array.new $a (i32.const 5) (i32.const 100)))
      (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))"""
ROOM = Limits(memory=1 << 20)


def objects(store: Store) -> int:
    store.heap.collect(store.referred())
    return len(store.heap._objects)


def test_garbage_makes_room() -> None:
    store = Store(ROOM)
    run(f'{CHURN} (func (export "run") (call $churn) (call $churn))', store=store)
    assert 0 < store.budget.used <= 1 << 20


def test_what_is_reachable_is_not_garbage() -> None:
    text = f"""{CHURN} (func (export "run") (local (ref null $n))
      (loop $l (local.set 0 (struct.new $n (local.get 0) (i32.const 1))) (br $l)))"""
    with pytest.raises(Exhaustion, match="out of memory"):
        run(text, store=Store(ROOM))


@pytest.mark.parametrize(
    ("extra", "keep", "use"),
    [
        ("(local $x (ref null $s))", "(local.set $x {new})", "(local.get $x)"),
        ("", "{new}", ""),
        ("", "(global.set $g {new})", "(global.get $g)"),
        ("", "(table.set (i32.const 3) {new})", "(table.get (i32.const 3))"),
        (
            "(local $x (ref null $h))",
            "(local.set $x (struct.new $h (array.new_fixed $as 1 {new})))",
            "(array.get $as (struct.get $h 0 (local.get $x)) (i32.const 0))",
        ),
        (
            "(local $x externref)",
            "(local.set $x (extern.convert_any {new}))",
            "(ref.cast (ref $s) (any.convert_extern (local.get $x)))",
        ),
        (
            "(local $x exnref)",
            """(local.set $x (block $k (result exnref)
              (try_table (catch_all_ref $k) (throw $e {new})) (unreachable)))""",
            """(block $h (result (ref null $s))
              (try_table (catch $e $h) (throw_ref (local.get $x))) (unreachable))""",
        ),
        (
            "(local $x (ref null $c))",
            "(local.set $x (cont.bind $ca $c {new} (cont.new $ca (ref.func $f))))",
            "(resume $c (local.get $x))",
        ),
    ],
    ids=["local", "operand", "global", "table", "object", "externref", "exception", "continuation"],
)
def test_roots(extra: str, keep: str, use: str) -> None:
    text = f"""{CHURN}
      (type $as (array (mut (ref null $s)))) (type $h (struct (field (ref $as))))
      (type $fa (func (param (ref null $s)) (result (ref null $s)))) (type $ca (cont $fa))
      (type $fr (func (result (ref null $s)))) (type $c (cont $fr))
      (tag $e (param (ref null $s)))
      (global $g (mut (ref null $s)) (ref.null $s)) (table 5 (ref null $s))
      (func $f (type $fa) (call $churn) (local.get 0)) (elem declare func $f)
      (func (export "run") (result i32) {extra}
        {keep.format(new="(struct.new $s (i32.const 42))")}
        (call $churn) (call $churn)
        (struct.get $s 0 {use}))"""
    assert run(text, store=Store(ROOM)) == 42


def test_callers_and_runs_below_the_host_keep_their_values() -> None:
    def host() -> None:
        call(instance, "churn")

    instance = make(
        f"""(module (import "" "h" (func $h)) {CHURN} (export "churn" (func $churn))
          (func $mid (call $h) (call $churn))
          (func (export "run") (result i32)
            (struct.new $s (i32.const 9)) (call $mid) (struct.get $s 0)))""",
        host,
        store=Store(ROOM),
    )
    assert call(instance, "run") == 9


def test_passive_segments_keep_their_objects() -> None:
    text = f"""{CHURN} (table 1 anyref)
      (elem $x (ref null $s) (item (struct.new $s (i32.const 8))))
      (func (export "run") (result i32) (call $churn)
        (table.init 0 $x (i32.const 0) (i32.const 0) (i32.const 1))
        (call $churn)
        (struct.get $s 0 (ref.cast (ref $s) (table.get (i32.const 0)))))"""
    assert run(text, store=Store(ROOM)) == 8


def test_handles_of_the_host_keep_objects_alive_and_nothing_else_does() -> None:
    instance = make(
        f"""(module {CHURN}
          (func (export "make") (result (ref $s)) (struct.new $s (i32.const 6)))
          (func (export "read") (param (ref null $s)) (result i32)
            (call $churn) (struct.get $s 0 (local.get 0)))
          (export "churn" (func $churn)))""",
        store=Store(ROOM),
    )
    store = instance.store
    ref = store.ref(call(instance, "make"))
    call(instance, "churn")
    assert call(instance, "read", ref.word) == 6
    assert objects(store) == 1
    del ref
    gc.collect()
    assert objects(store) == 0
    assert store.budget.used == 0


def test_cycles_are_garbage_too() -> None:
    store = Store(ROOM)
    text = f"""{CHURN} (func (export "run") (local (ref null $n) i32)
      (local.set 1 (i32.const 40000))
      (loop $l
        (local.set 0 (struct.new $n (ref.null $n) (i32.const 1)))
        (struct.set $n 0 (local.get 0) (local.get 0))
        (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))"""
    run(text, store=store)
    assert objects(store) == 0


def test_an_array_that_cannot_be_is_exhaustion() -> None:
    text = f"""{CHURN} (func (export "run") (param i32) (result i32)
      (array.len (array.new_default $a (local.get 0))))"""
    with pytest.raises(Exhaustion, match="out of memory"):
        run(text, (1 << 32) - 1)
    with pytest.raises(Exhaustion, match="out of memory"):
        run(text, 1 << 20, store=Store(ROOM))
    assert run(text, 1000) == 1000


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("(drop (array.get_u $b (array.new $b (i32.const 0) (i32.const 2)) (i32.const 2)))",
         "out of bounds array access"),
        ("(array.copy $b $b (array.new $b (i32.const 0) (i32.const 2)) (i32.const 1)"
         " (array.new $b (i32.const 0) (i32.const 2)) (i32.const 0) (i32.const 2))",
         "out of bounds array access"),
        ("(drop (array.new_data $b 0 (i32.const 1) (i32.const 3)))", "out of bounds memory access"),
        ("(drop (struct.get $p 0 (ref.null $p)))", "null structure reference"),
        ("(array.set $b (ref.null $b) (i32.const 0) (i32.const 0))", "null array reference"),
    ],
)  # fmt: skip
def test_traps(body: str, words: str) -> None:
    text = f"""(type $b (array (mut i8))) (type $p (struct (field i32))) (data "abc")
      (func (export "run") {body})"""
    with pytest.raises(Trap, match=words):
        run(text)


def test_packed_fields_are_cut_and_extended() -> None:
    text = """(type $b (array (mut i8))) (type $p (struct (field (mut i16))))
      (func (export "run") (param i32) (result i32 i32 i32 i32) (local (ref null $p) (ref null $b))
        (local.set 1 (struct.new $p (local.get 0)))
        (local.set 2 (array.new $b (local.get 0) (i32.const 1)))
        (struct.get_s $p 0 (local.get 1)) (struct.get_u $p 0 (local.get 1))
        (array.get_s $b (local.get 2) (i32.const 0))
        (array.get_u $b (local.get 2) (i32.const 0)))"""
    assert run(text, 0x12FF80) == [0xFFFFFF80, 0xFF80, 0xFFFFFF80, 0x80]


def test_joined_heaps_are_one() -> None:
    one, two = (Heap(lambda _: True, lambda _: None) for _ in range(2))
    word = one.keep("thing", list)
    two.join(one)
    assert two.thing(word) == "thing"
    two.collect([])
    with pytest.raises(KeyError):
        one.thing(word)


def test_host_made_globals_hold_references() -> None:
    instance = make(
        f"""(module {CHURN} (global (export "g") (mut anyref) (ref.null any))
          (func (export "set") (global.set 0 (struct.new $s (i32.const 4))))
          (func (export "churn") (call $churn)))""",
        store=Store(ROOM),
    )
    call(instance, "set")
    call(instance, "churn")
    assert instance.store.heap.get(export(instance, "g").get_raw(), 0) == 4
