"""`Instance` and `Exports`: where imports come from, what exports are, who shares what."""

import gc
import sys
import weakref
from collections.abc import Callable
from types import SimpleNamespace

import pytest

import wadjet
from tests.engine.stub import mappings
from wadjet import EXTERNREF, FUNCREF, I32, FuncType, Global, Memory, Table, Tag

Make = Callable[..., wadjet.Instance]
ADD = '(func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))'


# --- calling -------------------------------------------------------------------------------------


def test_calling(make: Make) -> None:
    add = make(ADD).exports.add
    assert add(1, 2) == 3
    assert add(0x7FFF_FFFF, 1) == -(1 << 31)
    assert add(0xFFFF_FFFF, 2) == 1


@pytest.mark.parametrize("arguments", [(), (1,), (1, 2, 3)])
def test_the_number_of_arguments_is_checked(make: Make, arguments: tuple[int, ...]) -> None:
    with pytest.raises(TypeError, match="2 arguments"):
        make(ADD).exports.add(*arguments)


@pytest.mark.parametrize(
    ("argument", "error"),
    [("1", TypeError), (1.5, TypeError), (None, TypeError), (1 << 32, OverflowError),
     (-(1 << 31) - 1, OverflowError)],
)  # fmt: skip
def test_arguments_are_checked(make: Make, argument: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        make(ADD).exports.add(1, argument)


def test_results(make: Make) -> None:
    exports = make("""
        (func (export "none"))
        (func (export "two") (param f32 f64) (result f32 f64) local.get 0 local.get 1)
        (func (export "vector") (param v128) (result v128) local.get 0)
        (func (export "wide") (param i64) (result i64) local.get 0)
    """).exports
    assert exports.none() is None
    assert exports.two(1.5, 0.1) == (1.5, 0.1)
    assert exports.vector(5) == (5).to_bytes(16, "little")
    assert exports.vector(bytes(range(16))) == bytes(range(16))
    assert exports.wide(1 << 63) == -(1 << 63)


def test_references(make: Make) -> None:
    exports = make("""
        (func (export "extern") (param externref) (result externref) local.get 0)
        (func (export "func") (param funcref) (result funcref) local.get 0)
        (func (export "self") (result funcref) (ref.func $f)) (elem declare func $f)
        (func $f (export "f") (result i32) (i32.const 42))
    """).exports
    thing = object()
    assert exports.extern(thing) is thing
    assert exports.extern(None) is None
    assert exports.func(None) is None
    assert exports.self() == exports.f
    assert exports.func(exports.f)() == 42
    with pytest.raises(TypeError):
        exports.func(print)


def test_traps(make: Make) -> None:
    exports = make("""
        (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    """).exports
    with pytest.raises(wadjet.Trap, match="integer divide by zero"):
        exports.div(1, 0)
    assert exports.div(6, 3) == 2


# --- imports -------------------------------------------------------------------------------------

LOG = '(import "env" "log" (func $log (param i32))) (func (export "go") (call $log (i32.const 7)))'


class Env:
    def __init__(self) -> None:
        self.seen: list[int] = []

    def log(self, number: int) -> None:
        self.seen.append(number)


def test_imports_from_mappings_and_objects(make: Make) -> None:
    env = Env()
    for imports in ({"env": {"log": env.log}}, {"env": env}, SimpleNamespace(env=env)):
        make(LOG, imports).exports.go()
    assert env.seen == [7, 7, 7]


def test_imports_from_instances_and_exports(make: Make) -> None:
    giver = make('(func (export "get") (result i32) (i32.const 5))')
    text = '(import "a" "get" (func $g (result i32))) (func (export "go") (result i32) (call $g))'
    assert make(text, {"a": giver}).exports.go() == 5
    assert make(text, {"a": giver.exports}).exports.go() == 5
    assert make(text, {"a": {"get": giver.exports.get}}).exports.go() == 5
    assert make(text, {"a": dict(giver.exports)}).exports.go() == 5


@pytest.mark.parametrize("imports", [None, {}, {"env": {}}, {"env": None}, {"env": object()}])
def test_missing_imports(make: Make, imports: object) -> None:
    with pytest.raises(wadjet.Unlinkable, match="unknown import: 'env' 'log'"):
        make(LOG, imports)


def test_exceptions_pass_through_the_guest(make: Make) -> None:
    class Custom(Exception):
        pass

    def log(number: int) -> None:
        raise Custom(number)

    exports = make(LOG, {"env": {"log": log}}).exports
    for _ in range(3):
        with pytest.raises(Custom, match="7"):
            exports.go()


def test_bad_answers_of_host_functions(make: Make) -> None:
    text = '(import "e" "f" (func $f (result i32))) (func (export "go") (result i32) (call $f))'
    for answer, error in (("x", TypeError), (1 << 40, OverflowError), (None, TypeError)):
        exports = make(text, {"e": {"f": lambda answer=answer: answer}}).exports
        with pytest.raises(error):
            exports.go()


def test_everything_can_be_given_and_comes_back(make: Make) -> None:
    given = {
        "memory": Memory(1),
        "table": Table(2, element=EXTERNREF, init="x"),
        "global": Global(I32, 5, mutable=True),
        "tag": Tag(I32),
        "func": wadjet.Function(FuncType((I32,), (I32,)), lambda n: n + 1),
    }
    instance = make(
        """
        (memory (export "memory") (import "e" "memory") 1)
        (table (export "table") (import "e" "table") 2 externref)
        (global (export "global") (import "e" "global") (mut i32))
        (tag (export "tag") (import "e" "tag") (param i32))
        (func (export "func") (import "e" "func") (param i32) (result i32))
        (func (export "bump") (global.set 0 (call 0 (global.get 0))))
        """,
        {"e": given},
    )
    for name, thing in given.items():
        assert instance.exports[name] == thing, name
    instance.exports.bump()
    assert given["global"].value == 6  # type: ignore[attr-defined]


def test_numbers_and_objects_serve_as_constant_globals(make: Make) -> None:
    text = """
        (import "e" "base" (global $b i32)) (import "e" "what" (global $w externref))
        (func (export "base") (result i32) (global.get $b))
        (func (export "what") (result externref) (global.get $w))
    """
    exports = make(text, {"e": {"base": 1024, "what": Env}}).exports
    assert exports.base() == 1024
    assert exports.what() is Env


# --- exports -------------------------------------------------------------------------------------


def test_exports_by_attribute_and_by_item(make: Make) -> None:
    instance = make("""
        (func (export "_start")) (func (export "with space")) (func (export ""))
        (func (export "keys") (result i32) (i32.const 1)) (func (export "__len__"))
        (memory (export "memory") 1)
    """)
    exports = instance.exports
    names = ["_start", "with space", "", "keys", "__len__", "memory"]
    assert list(exports) == names
    assert len(exports) == 6
    assert exports._start is exports["_start"]
    assert exports["with space"]() is None
    assert exports[""]() is None
    assert exports.keys() == 1
    assert exports["__len__"]() is None
    assert "memory" in exports
    assert "none" not in exports
    assert sorted(dir(exports)) == ["__len__", "_start", "keys", "memory"]
    assert repr(exports) == f"<wadjet.Exports {', '.join(names)}>"


def test_missing_exports(make: Make) -> None:
    exports = make("(module)").exports
    with pytest.raises(AttributeError, match="no export 'f'"):
        _ = exports.f
    with pytest.raises(KeyError):
        exports["f"]
    assert not hasattr(exports, "f")


def test_the_same_thing_under_two_names(make: Make) -> None:
    exports = make("""
        (func $f (export "a") (export "b")) (memory (export "m") (export "n") 1)
        (global (export "g") (export "h") (mut i32) (i32.const 0))
    """).exports
    assert exports.a is exports.b
    assert exports.m is exports.n
    assert exports.g is exports.h
    exports.g.value = 5
    assert exports.h.value == 5


# --- sharing -------------------------------------------------------------------------------------


def test_instances_of_different_origin_meet(make: Make) -> None:
    first = make('(func (export "f") (result i32) (i32.const 1))')
    second = make('(func (export "f") (result i32) (i32.const 2))')
    table = Table(2)
    both = make(
        """
        (import "a" "f" (func $a (result i32))) (import "b" "f" (func $b (result i32)))
        (import "c" "table" (table 2 funcref)) (elem (i32.const 0) func $a $b)
        (func (export "call") (param i32) (result i32)
          (call_indirect (result i32) (local.get 0)))
        """,
        {"a": first, "b": second, "c": {"table": table}},
    )
    assert [both.exports.call(0), both.exports.call(1)] == [1, 2]
    assert first.store is second.store is both.store is table.store
    assert [f() for f in table] == [1, 2]  # type: ignore[operator]
    assert first.exports.f() == 1


def test_stores_made_on_purpose_do_not_meet(make: Make) -> None:
    first = make('(func (export "f"))', store=wadjet.Store())
    with pytest.raises(wadjet.Unlinkable, match="different stores"):
        make('(import "a" "f" (func))', {"a": first}, store=wadjet.Store())


def test_a_memory_may_be_shared_without_sharing_a_store(make: Make) -> None:
    memory = Memory(1)
    text = '(import "e" "m" (memory 1))'
    first, second = (make(text, {"e": {"m": memory}}) for _ in range(2))
    assert first.store is not second.store


def test_tables_from_python(make: Make) -> None:
    exports = make("""
        (table (export "t") 3 10 funcref)
        (func (export "one") (result i32) (i32.const 1))
        (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
    """).exports
    table = exports.t
    assert list(table) == [None] * 3
    table[1] = exports.one
    assert table[1] is exports.one
    assert exports.call(1) == 1
    with pytest.raises(wadjet.Trap, match="uninitialized element"):
        exports.call(0)
    assert table.grow(2, exports.one) == 3
    assert exports.call(4) == 1
    table[-1] = wadjet.Function(FuncType((), (I32,)), lambda: 9, store=table.store)
    assert exports.call(4) == 9
    with pytest.raises(IndexError):
        table[5]
    with pytest.raises(TypeError):
        table[0] = print
    with pytest.raises(wadjet.Exhaustion):
        table.grow(6)
    assert repr(table) == "<wadjet.Table 5 funcref>"
    assert table.type.element is FUNCREF


def test_tables_of_their_own_take_functions_of_anyone(make: Make) -> None:
    table = Table(2)
    for index, number in enumerate((1, 2)):
        instance = make(f'(func (export "f") (result i32) (i32.const {number}))')
        table[index] = instance.exports.f
    del instance
    gc.collect()
    assert [f() for f in table] == [1, 2]  # type: ignore[operator]


def test_globals_from_python(make: Make) -> None:
    exports = make("""
        (global (export "c") i64 (i64.const -1)) (global (export "v") (mut f32) (f32.const 1.5))
        (global (export "r") (mut externref) (ref.null extern))
        (func (export "get") (result f32) (global.get 1))
    """).exports
    assert exports.c.value == -1
    with pytest.raises(TypeError, match="constant"):
        exports.c.value = 1
    exports.v.value = 0.1
    assert exports.get() == pytest.approx(0.1)
    with pytest.raises(TypeError):
        exports.v.value = "x"
    exports.r.value = exports
    assert exports.r.value is exports
    assert repr(exports.c) == "<wadjet.Global i64 -1>"


# --- lifetime ------------------------------------------------------------------------------------


def test_functions_keep_their_instance(make: Make) -> None:
    text = """
        (memory 1) (data (i32.const 0) "a")
        (func (export "get") (result i32) (i32.load8_u (i32.const 0)))
    """
    get = make(text).exports.get
    gc.collect()
    assert get() == ord("a")


def test_dropped_instances_are_gone(make: Make, clean: None) -> None:
    instance = make(ADD)
    seen = weakref.ref(instance.runtime)
    del instance
    gc.collect()
    assert seen() is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_thousand_instances_leave_no_mapping(tier: str, clean: None) -> None:
    module = wadjet.Module(
        '(import "e" "f" (func)) (memory (export "m") 1) (table (export "t") 3 funcref)'
        '(func (export "go") (call 0))'
    )
    wadjet.Instance(module, {"e": {"f": int}}, tier=tier).exports  # noqa: B018
    gc.collect()
    before = mappings()
    for _ in range(1000):
        held: list[wadjet.Instance] = []

        def host(held: list[wadjet.Instance] = held) -> None:
            held.clear()

        held.append(wadjet.Instance(module, {"e": {"f": host}}, tier=tier))
    del held, host
    gc.collect()
    assert mappings() <= before + 3


def test_tiers_do_not_mix_in_one_store() -> None:
    pytest.importorskip("llvmlite")
    giver, taker = wadjet.Module('(func (export "f"))'), wadjet.Module('(import "a" "f" (func))')
    for first, second in (("interpreter", "optimizing"), ("optimizing", "interpreter")):
        given = wadjet.Instance(giver, tier=first)
        with pytest.raises(wadjet.Unlinkable, match="cannot share a store"):
            wadjet.Instance(taker, {"a": given}, tier=second)
        given.exports.f()


def test_a_host_function_may_make_instances_that_share_with_the_running_one(make: Make) -> None:
    made: list[wadjet.Instance] = []
    helper = make('(func (export "seven") (result i32) (i32.const 7))')

    def grow() -> int:
        text = """
            (import "a" "table" (table 1 funcref)) (import "b" "seven" (func $s (result i32)))
            (elem (i32.const 0) func $s)
        """
        made.append(make(text, {"a": outer, "b": helper}))
        return int(outer.exports.call())

    outer = make(
        """
        (import "e" "grow" (func $grow (result i32))) (table (export "table") 1 funcref)
        (func (export "call") (result i32) (call_indirect (result i32) (i32.const 0)))
        (func (export "go") (result i32) (i32.add (call $grow) (call 1)))
        """,
        {"e": {"grow": grow}},
    )
    assert outer.exports.go() == 14
    assert made[0].store is outer.store is helper.store
    assert helper.exports.seven() == 7
