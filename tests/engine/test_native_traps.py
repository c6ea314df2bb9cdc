"""Whatever stops a guest: the exact exception with the guest's backtrace, a thousand times in a
row, in two threads at once, and the instance is as good as before."""

import sys
from collections.abc import Iterator

import pytest

from tests.engine.storm import storm
from wadjet import Exhaustion, Instance, Limits, Module, Store, Trap
from wadjet.core.types import I32, I64, FuncType

GUEST = """
(module $guest
  (import "host" "again" (func $again (param i32) (result i32)))
  (memory 1 2)
  (memory $wide i64 1)
  (table $table 8 funcref)
  (elem (i32.const 0) $good $other)
  (type $unary (func (param i32) (result i32)))
  (data $data "0123456789")
  (func $good (export "good") (type $unary)
    (i32.add (local.get 0) (i32.const 1)))
  (func $other (param i64))
  (func $load (export "load") (type $unary) (i32.load offset=4 (local.get 0)))
  (func $load_far (export "load_far") (type $unary) (i32.load offset=0xffffffff (local.get 0)))
  (func $store (export "store") (type $unary)
    (i32.store8 (local.get 0) (i32.const 1)) (i32.const 0))
  (func $load_wide (export "load_wide") (type $unary)
    (i32.load $wide (i64.extend_i32_s (local.get 0))))
  (func $fill (export "fill") (type $unary)
    (memory.fill (local.get 0) (i32.const 1) (i32.const 2)) (i32.const 0))
  (func $copy (export "copy") (type $unary)
    (memory.copy (i32.const 0) (local.get 0) (i32.const 2)) (i32.const 0))
  (func $init (export "init") (type $unary)
    (memory.init $data (local.get 0) (i32.const 0) (i32.const 2)) (i32.const 0))
  (func $table_fill (export "table_fill") (type $unary)
    (table.fill $table (local.get 0) (ref.null func) (i32.const 2)) (i32.const 0))
  (func $table_get (export "table_get") (type $unary)
    (drop (table.get $table (local.get 0))) (i32.const 0))
  (func $div (export "div") (type $unary) (i32.div_s (i32.const 1) (local.get 0)))
  (func $least (export "least") (type $unary)
    (i32.div_s (i32.const 0x80000000) (local.get 0)))
  (func $trunc (export "trunc") (type $unary)
    (i32.trunc_f64_s (f64.mul (f64.convert_i32_s (local.get 0)) (f64.const 1e10))))
  (func $nan (export "nan") (type $unary)
    (i32.trunc_f32_s (f32.div (f32.convert_i32_s (local.get 0)) (f32.const 0))))
  (func $indirect (export "indirect") (type $unary)
    (call_indirect $table (type $unary) (local.get 0) (local.get 0)))
  (func $unreachable (export "unreachable") (type $unary)
    (if (local.get 0) (then unreachable)) (i32.const 0))
  (func $null (export "null") (type $unary)
    (call_ref $unary (local.get 0) (ref.null $unary)))
  (func $recur (export "recur") (type $unary)
    (if (result i32) (local.get 0)
      (then (i32.add (call $recur (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
      (else (i32.const 0))))
  (func $even (export "even") (type $unary)
    (if (result i32) (local.get 0)
      (then (i32.eqz (call $odd (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 1))))
  (func $odd (type $unary)
    (if (result i32) (local.get 0)
      (then (i32.eqz (call $even (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func $spin (export "spin") (type $unary)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1)
        (call_indirect $table (type $unary) (i32.sub (local.get 0) (i32.const 1)) (i32.const 3))))
      (else (i32.const 0))))
  (elem (i32.const 3) $spin)
  (func $through (export "through") (type $unary)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $again (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
)
"""

OUT = "out of bounds memory access"
DEEP = "call stack exhausted"
#: There is no argument with which it would not fail.
NONE = 1 << 31

#: export: (argument that fails, exception, message, names in the backtrace, argument that does not)
CASES: dict[str, tuple[int, type[Exception], str, list[str], int]] = {
    "load": (65536 - 4, Trap, OUT, ["load"], 65536 - 8),
    "load_far": (-1, Trap, OUT, ["load_far"], NONE),
    "store": (65536, Trap, OUT, ["store"], 65535),
    "load_wide": (-1, Trap, OUT, ["load_wide"], 65532),
    "fill": (65535, Trap, OUT, ["fill"], 65534),
    "copy": (65535, Trap, OUT, ["copy"], 65534),
    "init": (65535, Trap, OUT, ["init"], 65534),
    "table_fill": (7, Trap, "out of bounds table access", ["table_fill"], 6),
    "table_get": (8, Trap, "out of bounds table access", ["table_get"], 3),
    "div": (0, Trap, "integer divide by zero", ["div"], 1),
    "least": (-1, Trap, "integer overflow", ["least"], 1),
    "trunc": (1, Trap, "integer overflow", ["trunc"], 0),
    "nan": (0, Trap, "invalid conversion to integer", ["nan"], NONE),
    "indirect": (1, Trap, "indirect call type mismatch", ["indirect"], 0),
    "indirect ": (2, Trap, "uninitialized element", ["indirect"], 0),
    "indirect  ": (8, Trap, "undefined element", ["indirect"], 0),
    "unreachable": (1, Trap, "unreachable", ["unreachable"], 0),
    "null": (0, Trap, "null function reference", ["null"], NONE),
    "recur": (10_000_000, Exhaustion, DEEP, ["recur"] * 64, 10),
    "even": (10_000_000, Exhaustion, DEEP, ["even", "odd"] * 32, 10),
    "spin": (10_000_000, Exhaustion, DEEP, ["spin"] * 64, 10),
}

#: Small, so that it is soon used up.
STACK = Limits(stack=256 << 10)


@pytest.fixture(scope="module")
def module() -> Module:
    return Module.from_text(GUEST)


@pytest.fixture
def deep() -> Iterator[None]:
    """Python does not count how deep calls are nested before the stack is used up."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    yield
    sys.setrecursionlimit(before)


def guest(module: Module, store: Store | None = None) -> Instance:
    """An instance whose import `again` calls its export `through`."""

    def again(x: int) -> int:
        result: int = made.exports.through(x)
        return result

    imports = {"host": {"again": again}}
    store = Store(STACK) if store is None else store
    made = Instance(module, imports, store=store, tier="optimizing")
    return made


def fails(instance: Instance, name: str) -> None:
    """One case: it fails as it must, and the next calls are as good as ever."""
    bad, class_, message, names, good = CASES[name]
    exports = instance.exports
    with pytest.raises((Trap, Exhaustion)) as caught:
        exports[name.strip()](bad)
    error = caught.value
    assert type(error) is class_
    assert error.message == message
    assert [frame.name for frame in error.backtrace] == names
    assert all(frame.module == "guest" for frame in error.backtrace)
    if good != NONE:
        exports[name.strip()](good)
    assert exports.good(41) == 42


def all_fail(instance: Instance) -> None:
    for name in CASES:
        fails(instance, name)


def test_two_threads_with_stores_of_their_own(module: Module) -> None:
    one, other = guest(module), guest(module)
    storm(lambda: all_fail(one), lambda: all_fail(other))


def test_two_threads_with_one_store(module: Module) -> None:
    store = Store(STACK)
    one, other = guest(module, store), guest(module, store)
    storm(lambda: all_fail(one), lambda: all_fail(other))


def test_two_threads_with_one_instance(module: Module) -> None:
    one = guest(module)
    storm(lambda: all_fail(one), lambda: all_fail(one), rounds=300)


@pytest.mark.usefixtures("deep")
def test_stack_exhaustion_through_python_and_back(module: Module) -> None:
    def exhausts(instance: Instance) -> None:
        with pytest.raises(Exhaustion) as caught:
            instance.exports.through(1_000_000)
        assert caught.value.message == DEEP
        # those of the innermost run
        assert [frame.name for frame in caught.value.backtrace] == ["through"]
        assert instance.exports.through(10) == 10

    one, other, store = guest(module), guest(module), Store(STACK)
    first, second = guest(module, store), guest(module, store)
    storm(lambda: exhausts(one), lambda: exhausts(other))
    storm(lambda: exhausts(first), lambda: exhausts(second), rounds=300)


def test_python_counts_nested_calls_too(module: Module) -> None:
    one = guest(module, Store(Limits(stack=6 << 20)))
    with pytest.raises(RecursionError):
        one.exports.through(1_000_000)
    assert one.exports.through(10) == 10


def test_a_frame_larger_than_what_the_stack_has_left() -> None:
    """The prologue of such a function leaves the stack before it could look at the limit."""
    # results in memory, of a hundred different sizes: all together 1.5 MB. What has a loop is not
    # inlined
    counts = range(900, 1000)
    many = "".join(f"(func $g{n} (result{' i32' * n}) (loop) unreachable)" for n in counts)
    calls = "".join(
        f"(if (i32.eq (local.get 0) (i32.const {-n})) (then (call $g{n}) (br 0)))" for n in counts
    )
    module = Module.from_text(f"""
    (module $large {many}
      (func $f (export "f") (param i32) (result i32)
        {calls}
        (if (result i32) (local.get 0)
          (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))
          (else (i32.const 0)))))""")
    instance = Instance(module, tier="optimizing", limits=Limits(stack=1 << 30))

    def exhausts() -> None:
        with pytest.raises(Exhaustion, match=DEEP) as caught:
            instance.exports.f(1000)
        assert {frame.name for frame in caught.value.backtrace} == {"f"}
        assert instance.exports.f(1) == 1

    storm(exhausts, exhausts, rounds=100)


def test_an_import_that_is_called_from_python_directly(module: Module) -> None:
    """Between the two there is no guest that could be in a backtrace."""
    text = """(module (import "" "f" (func $f (param i32) (result i64))) (export "f" (func $f)))"""
    from wadjet import Function

    good = guest(module).exports.good
    unary = Function(FuncType((I32,), (I64,)), lambda x: good(x))
    assert Instance(Module.from_text(text), {"": {"f": unary}}).exports.f(1) == 2
