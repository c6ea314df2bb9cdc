"""Instantiation: linking, allocation, initialisation, and what is left after a trap."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.engine.stub import StubCode, make
from wadjet.base.errors import Exhaustion, Trap, Unlinkable
from wadjet.core.types import (
    EXTERNREF, FUNCREF, I32, I64, FuncType, GlobalType, Limits, MemoryType, TableType,
)  # fmt: skip
from wadjet.engine.contract.layout import VM_CONTEXT, VM_FUNC, VM_SEGMENT, load64
from wadjet.engine.runtime.budget import Limits as StoreLimits
from wadjet.engine.runtime.func import Function, HostFunc, WasmFunc
from wadjet.engine.runtime.global_ import Global
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.memory import Memory
from wadjet.engine.runtime.store import Store, store_at
from wadjet.engine.runtime.table import Table
from wadjet.engine.runtime.tag import Tag


def memory(min_: int, max_: int | None = None, **more: Any) -> Memory:
    return Memory(MemoryType(Limits(min_, max_), **more))


def table(min_: int, max_: int | None = None, element: Any = FUNCREF) -> Table:
    return Table(TableType(element, Limits(min_, max_)))


def variable(type_: Any, mutable: bool, raw: int = 0) -> Global:
    return Global(GlobalType(type_, mutable), raw)


# --- linking -------------------------------------------------------------------------------------

FITS: list[tuple[str, Any]] = [
    ("(memory 1)", lambda: memory(1)),
    ("(memory 1)", lambda: memory(2, 3)),
    ("(memory 1 3)", lambda: memory(1, 3)),
    ("(memory 1 3 shared)", lambda: memory(1, 3, shared=True)),
    ("(table 2 funcref)", lambda: table(2)),
    ("(table 2 5 funcref)", lambda: table(3, 4)),
    ("(global i32)", lambda: variable(I32, False)),
    ("(global (mut i64))", lambda: variable(I64, True)),
    ("(global i32)", lambda: 7),
    ("(global externref)", lambda: "any object"),
    ("(func)", lambda: print),
]
MISFITS: list[tuple[str, Any]] = [
    ("(memory 2)", lambda: memory(1)),
    ("(memory 1 3)", lambda: memory(1)),
    ("(memory 1 3)", lambda: memory(1, 4)),
    ("(memory 1 3)", lambda: memory(1, 3, shared=True)),
    ("(memory i64 1)", lambda: memory(1)),
    ("(memory 1)", lambda: table(1)),
    ("(memory 1)", lambda: print),
    ("(table 2 funcref)", lambda: table(1)),
    ("(table 1 5 funcref)", lambda: table(1)),
    ("(table 1 funcref)", lambda: table(1, element=EXTERNREF)),
    ("(global i32)", lambda: variable(I64, False)),
    ("(global i32)", lambda: variable(I32, True)),
    ("(global (mut i32))", lambda: variable(I32, False)),
    ("(global (mut i32))", lambda: 7),
    ("(global i32)", lambda: "text"),
    ("(global i32)", lambda: 1 << 32),
    ("(func)", lambda: 5),
    ("(func)", lambda: memory(1)),
    ("(tag)", lambda: 5),
]


@pytest.mark.parametrize(("declared", "given"), FITS)
def test_imports_that_fit(declared: str, given: Any) -> None:
    make(f'(import "m" "n" {declared})', given())


@pytest.mark.parametrize(("declared", "given"), MISFITS)
def test_imports_that_do_not_fit(declared: str, given: Any) -> None:
    with pytest.raises(Unlinkable, match=r"^incompatible import type: 'm' 'n' must be "):
        make(f'(import "m" "n" {declared})', given())


def test_the_message_names_both_types() -> None:
    with pytest.raises(Unlinkable) as caught:
        make('(import "env" "m" (memory 2 3))', memory(1))
    assert str(caught.value) == (
        "incompatible import type: 'env' 'm' must be a memory of 2 to 3 pages, "
        "given is a memory of 1 pages"
    )


def test_a_memory_matches_by_its_present_size() -> None:
    grown = memory(1, 3)
    grown.grow(1)
    make('(import "m" "n" (memory 2))', grown)


def test_functions_match_by_canonical_type_across_modules() -> None:
    store = Store()
    giver = make("(type (func (param i32))) (func (type 0))", store=store)
    make('(type (func)) (type (func (param i32))) (import "m" "n" (func (type 1)))',
         giver.func(0), store=store)  # fmt: skip
    with pytest.raises(Unlinkable, match="must be a function"):
        make('(import "m" "n" (func (param i64)))', giver.func(0), store=store)


def test_subtypes_fit_supertypes() -> None:
    store = Store()
    types = "(type $a (sub (func))) (type $b (sub $a (func)))"
    giver = make(f"{types} (func (type $b)) (func (type $a))", store=store)
    wanted = f'{types} (import "m" "n" (func (type $a)))'
    make(wanted, giver.func(0), store=store)
    narrow = f'{types} (import "m" "n" (func (type $b)))'
    with pytest.raises(Unlinkable):
        make(narrow, giver.func(1), store=store)


def test_tags_are_told_apart_by_identity_but_match_by_type() -> None:
    giver = make("(tag (param i32)) (tag (param i32))")
    first, second = giver.tags
    assert first.id != second.id
    taker = make('(import "m" "n" (tag (param i32)))', first)
    assert taker.tags[0] is first
    with pytest.raises(Unlinkable, match="must be a tag"):
        make('(import "m" "n" (tag (param i64)))', first)


def test_a_function_of_another_store_is_refused_here() -> None:
    giver = make("(func)")
    with pytest.raises(Unlinkable, match="another store"):
        make('(import "m" "n" (func))', giver.func(0))


# --- index spaces --------------------------------------------------------------------------------

EVERYTHING = """
(module
  (import "m" "f" (func (param i32)))
  (import "m" "t" (table 1 funcref))
  (import "m" "g" (global i64))
  (import "m" "mem" (memory 1))
  (import "m" "tag" (tag))
  (func) (func (param i32))
  (table 2 externref)
  (global (mut i32) (i32.const -1))
  (global v128 (v128.const i64x2 1 2))
  (memory 2)
  (tag (param i64))
)"""


def everything() -> tuple[Instance, list[Any]]:
    given = [print, table(1), variable(I64, False, 5), memory(1)]
    tag = make("(tag)").tags[0]
    return make(EVERYTHING, *given, tag), [*given, tag]


def test_imports_come_first_in_every_space() -> None:
    instance, (_, a_table, a_global, a_memory, a_tag) = everything()
    assert isinstance(instance.func(0), HostFunc)
    assert isinstance(instance.func(1), WasmFunc)
    assert instance.tables[0] is a_table
    assert instance.globals[0] is a_global
    assert instance.memories[0] is a_memory
    assert instance.tags[0] is a_tag
    assert [len(s) for s in (instance.tables, instance.globals, instance.memories)] == [2, 3, 2]


def test_the_native_context_agrees_with_python() -> None:
    instance, _ = everything()
    context, layout = instance.context, instance.layout
    assert VM_CONTEXT.read(context, "store") == instance.store.address
    assert VM_CONTEXT.read(context, "memory") == instance.memories[0].address
    assert VM_CONTEXT.read(context, "memory_base") == instance.memories[0].base
    assert store_at(VM_CONTEXT.read(context, "store")).instance_at(context) is instance
    for space, column in {
        "memories": [m.address for m in instance.memories],
        "tables": [t.address for t in instance.tables],
        "globals": [g.address for g in instance.globals],
        "imports": [instance.func(0).address],
        "tags": [t.id for t in instance.tags],
        "types": [t.id for t in instance.types],
    }.items():
        found = [load64(context + layout(space, i)) for i in range(len(column))]
        assert found == column, space
    assert VM_CONTEXT.read(context, "funcs") == instance.func_address(1)


def test_vmfuncs_say_whose_they_are() -> None:
    instance, _ = everything()
    for index in (1, 2):
        address = instance.func_address(index)
        assert VM_FUNC.read(address, "context") == instance.context
        assert VM_FUNC.read(address, "index") == index
        assert VM_FUNC.read(address, "type") == instance.func(index).deftype.id
        assert instance.store.func_at(address) == instance.func(index)
    host = instance.func(0)
    assert instance.store.func_at(host.address) is host


def test_own_globals_lie_in_the_context() -> None:
    instance, _ = everything()
    for number, found in enumerate(instance.globals[1:]):
        assert found.address == instance.context + instance.layout("cells", number)
        assert found.address % 16 == 0
    assert instance.globals[1].get_raw() == 0xFFFF_FFFF
    assert instance.globals[2].get_raw() == 2 << 64 | 1


def test_an_exported_global_outlives_its_instance() -> None:
    instance = make("(global (mut i64) (i64.const 77))")
    found = instance.globals[0]
    del instance
    assert found.get_raw() == 77


def test_133_000_functions_take_30_ms_at_most() -> None:
    code = StubCode("(func)", count=133_000)
    assert min(_timed(code) for _ in range(3)) <= 0.030


def _timed(code: StubCode) -> float:
    start = time.perf_counter()
    instance = instantiate(Store(), code, [])
    taken = time.perf_counter() - start
    assert VM_FUNC.read(instance.func_address(132_999), "index") == 132_999
    return taken


# --- constant expressions ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "expression", "raw"),
    [
        ("i32", "(i32.const -2)", 0xFFFF_FFFE),
        ("i64", "(i64.const -2)", 0xFFFF_FFFF_FFFF_FFFE),
        ("f32", "(f32.const nan:0x200001)", 0x7FA0_0001),
        ("f64", "(f64.const -0)", 1 << 63),
        ("i32", "(i32.add (i32.const -1) (i32.const 2))", 1),
        ("i32", "(i32.sub (i32.const 1) (i32.const 2))", 0xFFFF_FFFF),
        ("i32", "(i32.mul (i32.const 0x10000) (i32.const 0x10001))", 0x10000),
        ("i64", "(i64.sub (i64.mul (i64.const 3) (i64.const 5)) (i64.const 1))", 14),
        ("i32", "(global.get 0)", 9),
        ("i32", "(i32.add (global.get 0) (global.get 1))", 20),
        ("funcref", "(ref.null func)", 0),
        ("i31ref", "(ref.i31 (i32.const -1))", 0xFFFF_FFFF),
        ("i31ref", "(ref.i31 (i32.const 0x40000000))", 0x8000_0001),
    ],
)
def test_constant_expressions(type_: str, expression: str, raw: int) -> None:
    instance = make(
        f'(import "m" "n" (global i32)) (global i32 (i32.const 11))(global {type_} {expression})',
        9,
    )
    assert instance.globals[2].get_raw() == raw


def test_constant_expressions_make_objects() -> None:
    instance = make("""
        (type $p (struct (field i32) (field i8)))
        (type $a (array i64))
        (global (ref $p) (struct.new $p (i32.const 5) (i32.const 0x1ff)))
        (global (ref $p) (struct.new_default $p))
        (global (ref $a) (array.new $a (i64.const 7) (i32.const 3)))
        (global (ref $a) (array.new_default $a (i32.const 2)))
        (global (ref $a) (array.new_fixed $a 2 (i64.const 1) (i64.const 2)))
        (global anyref (any.convert_extern (extern.convert_any (global.get 0))))
    """)
    heap = instance.store.heap
    words = [g.get_raw() for g in instance.globals]
    assert heap.type_of(words[0]) is instance.types[0]
    contents = [heap.read(word, 0, heap.length(word)) for word in words[:5]]
    assert contents == [[5, 0xFF], [0, 0], [7, 7, 7], [0, 0], [1, 2]]
    assert words[5] == words[0]


def test_function_references_and_table_initialisers() -> None:
    instance = make("""
        (func $f) (func $g)
        (global funcref (ref.func $g))
        (table 3 funcref (ref.func $f))
        (elem declare func $g)
    """)
    assert instance.globals[0].get_raw() == instance.func_address(1)
    assert instance.tables[0].words.tolist() == [instance.func_address(0)] * 3


# --- segments ------------------------------------------------------------------------------------


def test_active_segments_are_copied_and_dropped() -> None:
    instance = make("""
        (memory 1) (table 5 funcref) (func $f)
        (data (i32.const 3) "abc")
        (elem (i32.const 1) func $f $f)
        (elem (i32.const 3) funcref (ref.func $f) (ref.null func))
    """)
    assert bytes(instance.memories[0].view[:7]) == b"\0\0\0abc\0"
    f = instance.func_address(0)
    assert instance.tables[0].words.tolist() == [0, f, f, f, 0]
    assert len(instance.data(0)) == 0
    assert len(instance.elem(0)) == 0


def test_passive_segments_stay_until_dropped() -> None:
    instance = make('(memory 1) (func $f) (data "xyz") (elem func $f) (data "") (elem funcref)')
    assert bytes(instance.data(0)) == b"xyz"
    assert instance.elem(0).tolist() == [instance.func_address(0)]
    assert len(instance.data(1)) == 0
    assert len(instance.elem(1)) == 0
    at = instance.context + instance.layout("datas", 0)
    assert VM_SEGMENT.read(at, "length") == 3
    instance.drop_data(0)
    instance.drop_elem(0)
    assert (VM_SEGMENT.read(at, "base"), VM_SEGMENT.read(at, "length")) == (0, 0)
    assert len(instance.data(0)) == 0
    assert len(instance.elem(0)) == 0


def test_generated_code_may_drop_a_segment_without_telling() -> None:
    instance = make('(memory 1) (data "xyz")')
    VM_SEGMENT.write(instance.context + instance.layout("datas", 0), "length", 0)
    assert len(instance.data(0)) == 0


def test_declarative_segments_are_empty() -> None:
    instance = make("(func $f) (elem declare func $f)")
    assert len(instance.elem(0)) == 0


@pytest.mark.parametrize("offset", ["65534", "-1", "65537"])
def test_data_out_of_bounds_traps_and_earlier_writes_stay(offset: str) -> None:
    shared = memory(1)
    with pytest.raises(Trap, match=r"^out of bounds memory access"):
        make(
            '(import "m" "n" (memory 1)) (data (i32.const 0) "kept")'
            f'(data (i32.const {offset}) "abc") (data (i32.const 9) "never")',
            shared,
        )
    assert bytes(shared.view[:14]) == b"kept" + bytes(10)


def test_elements_are_written_before_data_and_stay() -> None:
    store = Store()
    shared_table, shared_memory = table(3), memory(1)
    text = (
        '(import "m" "t" (table 3 funcref)) (import "m" "m" (memory 1)) (func $f)'
        "(elem (i32.const 0) func $f) "
    )
    with pytest.raises(Trap, match=r"^out of bounds table access"):
        make(f'{text} (elem (i32.const 3) func $f) (data (i32.const 0) "x")',
             shared_table, shared_memory, store=store)  # fmt: skip
    assert shared_memory.view[0] == 0
    word = shared_table.get(0)
    # the failed instance's function is still there, and still callable
    assert isinstance(store.func_at(word), WasmFunc)


@pytest.mark.parametrize("what", ['(data (i32.const 65536) "")', "(elem (i32.const 2) func)"])
def test_empty_segments_may_touch_the_end(what: str) -> None:
    make(f"(memory 1) (table 2 funcref) {what}")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ('(data (i32.const 65537) "")', "out of bounds memory"),
        ("(elem (i32.const 3) func)", "out of bounds table"),
    ],
)
def test_empty_segments_beyond_the_end_trap(what: str, message: str) -> None:
    with pytest.raises(Trap, match=message):
        make(f"(memory 1) (table 2 funcref) {what}")


# --- start, attaching, limits --------------------------------------------------------------------


def test_the_start_function_runs_last() -> None:
    seen: list[bytes] = []

    def run(instance: Instance, index: int, args: Sequence[int]) -> list[int]:
        seen.append(bytes(instance.memories[0].view[:2]))
        return []

    make('(memory 1) (data (i32.const 0) "ok") (func $s) (start $s)', run=run)
    assert seen == [b"ok"]


def test_an_imported_function_may_be_the_start() -> None:
    calls: list[int] = []
    make('(import "m" "n" (func $s)) (start $s)', lambda: calls.append(1))
    assert calls == [1]


def test_a_tier_is_attached_once_before_the_segments() -> None:
    code = StubCode('(memory 1) (data (i32.const 70000) "x")')
    with pytest.raises(Trap):
        instantiate(Store(), code, [])
    assert len(code.attached) == 1


def test_memories_and_tables_share_the_limit_on_memory() -> None:
    store = Store(StoreLimits(memory=(1 << 16) + 80))
    instance = make("(memory 1) (table 10 funcref)", store=store)
    assert instance.memories[0].grow(1) == -1
    assert instance.tables[0].grow(1, 0) == -1
    with pytest.raises(Exhaustion, match="out of memory"):
        make("(memory 1)", store=store)


def test_a_python_callable_gets_and_returns_python_values() -> None:
    got: list[object] = []

    def host(*args: object) -> object:
        got.extend(args)
        return 5, -1.5

    instance = make('(import "m" "n" (func (param i32 i64 f64 externref) (result i64 f32)))', host)
    func = instance.func(0)
    args = [0xFFFF_FFFF, 1 << 63, 0x3FF0 << 48, func.store.extern("object")]
    assert func.call_raw(args) == [5, 0xBFC0_0000]
    assert got == [-1, -(1 << 63), 1.0, "object"]


@pytest.mark.parametrize("answer", [None, 5, (1,), (1, 2, 3), "ab", (1, "x"), (1 << 70, 1)])
def test_what_a_host_function_returns_is_checked(answer: object) -> None:
    store = Store()
    func = Function(FuncType((), (I32, I64)), lambda: answer, store=store)
    with pytest.raises((TypeError, OverflowError)):
        func.call_raw([])


def test_what_a_host_function_without_results_returns_does_not_matter() -> None:
    assert Function(FuncType((), ()), lambda: 5)() is None


def test_tags_and_tables_keep_their_kind(  # a Tag is no function although it has its type
) -> None:
    tag = make("(tag)").tags[0]
    assert isinstance(tag, Tag)
    with pytest.raises(Unlinkable):
        make('(import "m" "n" (func))', tag)
