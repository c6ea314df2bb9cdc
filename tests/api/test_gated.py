"""What the component model keeps behind a gate: refused without its name, and with it used from
end to end, in every tier."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import wadjet
from wadjet.base.errors import Invalid
from wadjet.component.features import DEFAULT

TIERS = pytest.mark.parametrize("tier", ["interpreter", "baseline", "optimizing", "auto"])


def make(text: str, *gates: str, tier: str = "auto", **imports: Any) -> Any:
    """An instance of a component that is invalid as long as any of the gates is closed."""
    opened = frozenset(f"cm-{gate}" for gate in gates)
    for gate in opened:
        with pytest.raises(Invalid):
            wadjet.Component(text, features=DEFAULT | opened - {gate})
    return wadjet.Component(text, features=DEFAULT | opened).instantiate(imports, tier=tier)


def allocator(address: str) -> str:
    """A memory and what makes room in it: what grows is copied, what shrinks stays."""
    return f"""
      (memory (export "mem") {address if address == "i64" else ""} 2)
      (global $free (mut {address}) ({address}.const 1024))
      (func (export "realloc") (param $old {address}) (param $size {address})
          (param $align {address}) (param $new {address}) (result {address})
        (local $made {address})
        (if ({address}.le_u (local.get $new) (local.get $size))
          (then (if ({address}.ne (local.get $size) ({address}.const 0))
            (then (return (local.get $old))))))
        (local.set $made ({address}.and ({address}.add (global.get $free) ({address}.const 15))
          ({address}.const -16)))
        (global.set $free ({address}.add (local.get $made) (local.get $new)))
        (if ({address}.gt_u (global.get $free) ({address}.const 0x20000)) (then unreachable))
        (memory.copy (local.get $made) (local.get $old) (local.get $size))
        (local.get $made))"""


def echo(address: str, encoding: str) -> str:
    """A component whose function gives back the string and the numbers that it is given."""
    size = 4 if address == "i32" else 8
    stores = " ".join(
        f"({address}.store offset={i * size} (i{8 * size}.const 16) (local.get {i}))"
        for i in range(4)
    )
    return f"""
      (core module $m {allocator(address)}
        (func (export "echo") (param {address} {address} {address} {address}) (result {address})
          {stores} ({address}.const 16)))
      (core instance $i (instantiate $m))
      (func $echo (export "echo") (param "s" string) (param "n" (list u16))
          (result (tuple string (list u16)))
        (canon lift (core func $i "echo") (memory (core memory $i "mem")) string-encoding={encoding}
          (realloc (core func $i "realloc"))))"""


TEXT = "héλ🎈" * 20


@TIERS
@pytest.mark.parametrize("encoding", ["utf8", "utf16", "latin1+utf16"])
def test_memories_of_64_bits(tier: str, encoding: str) -> None:
    func = make(f"(component {echo('i64', encoding)})", "memory64", tier=tier).echo
    for text in ("", "plain", "é", TEXT):
        answer, numbers = func(text, range(len(text)))
        assert (answer, list(numbers)) == (text, list(range(len(text))))
    with pytest.raises(wadjet.Trap):
        func("x" * 0x20000, [])


@TIERS
@pytest.mark.parametrize(("outer", "inner"), [("i32", "i64"), ("i64", "i32"), ("i64", "i64")])
@pytest.mark.parametrize("encoding", ["utf8", "latin1+utf16"])
def test_calls_between_memories_of_both_sizes(
    tier: str, outer: str, inner: str, encoding: str
) -> None:
    """One component passes on what it is given to the other, and gives back what that answers."""
    params = f"{outer} {outer} {outer} {outer}"
    source = f"""(component
      (component $one {echo(inner, "utf16")})
      (instance $one (instantiate $one))
      (component $two
      (import "echo" (func $echo (param "s" string) (param "n" (list u16))
        (result (tuple string (list u16)))))
      (core module $libc {allocator(outer)})
      (core instance $libc (instantiate $libc))
      (core func $echo (canon lower (func $echo) (memory (core memory $libc "mem"))
        string-encoding={encoding} (realloc (core func $libc "realloc"))))
      (core module $m
        (import "" "echo" (func $echo (param {params} {outer})))
        (func (export "run") (param {params}) (result {outer})
          (call $echo (local.get 0) (local.get 1) (local.get 2) (local.get 3) ({outer}.const 16))
          ({outer}.const 16)))
      (core instance $i (instantiate $m (with "" (instance (export "echo" (func $echo))))))
      (func (export "run") (param "s" string) (param "n" (list u16))
          (result (tuple string (list u16)))
        (canon lift (core func $i "run") (memory (core memory $libc "mem"))
          string-encoding={encoding} (realloc (core func $libc "realloc")))))
      (instance $two (instantiate $two (with "echo" (func $one "echo"))))
      (export "run" (func $two "run")))"""
    run = make(source, "memory64", tier=tier).run
    for text in ("", "plain", "é", TEXT):
        answer, numbers = run(text, [1, 2, 0xFFFF])
        assert (answer, list(numbers)) == (text, [1, 2, 0xFFFF])


ERRORS = f"""
  (core module $libc {allocator("i32")} (data (i32.const 64) "no luck, ever"))
  (core instance $libc (instantiate $libc))
  (core func $new (canon error-context.new (memory (core memory $libc "mem"))))
  (core func $message (canon error-context.debug-message (memory (core memory $libc "mem"))
    (realloc (core func $libc "realloc"))))
  (core func $drop (canon error-context.drop))
  (core module $m
    (import "" "new" (func $new (param i32 i32) (result i32)))
    (import "" "message" (func $message (param i32 i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "fail") (param i32) (result i32) (call $new (i32.const 64) (local.get 0)))
    (func (export "read") (param i32) (result i32)
      (call $message (local.get 0) (i32.const 16)) (call $drop (local.get 0)) (i32.const 16))
    (func (export "twice") (param i32)
      (call $drop (local.get 0)) (call $drop (local.get 0))))
  (core instance $i (instantiate $m (with "" (instance
    (export "new" (func $new)) (export "message" (func $message)) (export "drop" (func $drop))))))
  (func $fail (export "fail") (param "length" u32) (result error-context)
    (canon lift (core func $i "fail")))
  (func $read (export "read") (param "error" error-context) (result string)
    (canon lift (core func $i "read") (memory (core memory $libc "mem"))))
  (func $twice (export "twice") (param "error" error-context)
    (canon lift (core func $i "twice")))"""


@TIERS
def test_error_contexts_go_both_ways(tier: str) -> None:
    instance = make(f"(component {ERRORS})", "error-context", tier=tier)
    error = instance.fail(7)
    assert isinstance(error, wadjet.ErrorContext)
    assert error.debug_message == "no luck"
    assert instance.read(error) == "no luck"
    assert instance.read(wadjet.ErrorContext("from outside")) == "from outside"
    with pytest.raises(TypeError, match="ErrorContext"):
        instance.read("no luck")
    with pytest.raises(wadjet.Trap):
        instance.twice(error)


def test_long_messages_are_cut_and_hoarders_get_none() -> None:
    fail = make(f"(component {ERRORS})", "error-context").fail
    assert len(fail(60_000).debug_message) == 4096
    kept = [fail(5).debug_message for _ in range(10_010)]
    assert kept[0] == "no lu"
    assert kept[-1] == ""


@TIERS
def test_error_contexts_pass_between_components(tier: str) -> None:
    source = f"""(component
      (component $errors {ERRORS})
      (instance $one (instantiate $errors))
      (instance $two (instantiate $errors))
      (component $both
      (import "fail" (func $fail (param "length" u32) (result error-context)))
      (import "read" (func $read (param "error" error-context) (result string)))
      (core func $fail (canon lower (func $fail)))
      (core module $libc {allocator("i32")})
      (core instance $libc (instantiate $libc))
      (core func $read (canon lower (func $read) (memory (core memory $libc "mem"))
        (realloc (core func $libc "realloc"))))
      (core module $m
        (import "" "fail" (func $fail (param i32) (result i32)))
        (import "" "read" (func $read (param i32 i32)))
        (func (export "run") (result i32)
          (call $read (call $fail (i32.const 13)) (i32.const 16)) (i32.const 16)))
      (core instance $i (instantiate $m (with "" (instance
        (export "fail" (func $fail)) (export "read" (func $read))))))
      (func (export "run") (result string)
        (canon lift (core func $i "run") (memory (core memory $libc "mem")))))
      (instance $both (instantiate $both
        (with "fail" (func $one "fail")) (with "read" (func $two "read"))))
      (export "run" (func $both "run")))"""
    run = make(source, "error-context", tier=tier).run
    assert [run() for _ in range(3)] == ["no luck, ever"] * 3


@TIERS
def test_lists_of_fixed_length(tier: str) -> None:
    source = """(component
      (core module $m
        (memory (export "mem") 1)
        (func (export "swap") (param i32 i32 i32) (result i32)
          (i32.store16 (i32.const 8) (local.get 2)) (i32.store16 (i32.const 10) (local.get 1))
          (i32.store16 (i32.const 12) (local.get 0)) (i32.const 8)))
      (core instance $i (instantiate $m))
      (type $three (list u16 3))
      (func (export "swap") (param "x" $three) (result $three)
        (canon lift (core func $i "swap") (memory (core memory $i "mem")))))"""
    swap = make(source, "fixed-length-lists", tier=tier).swap
    assert list(swap([1, 2, 65535])) == [65535, 2, 1]
    for wrong in ([1, 2], [1, 2, 3, 4], [1, 2, 65536], ["1", 2, 3]):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            swap(wrong)


@TIERS
def test_values_and_start_functions(tier: str) -> None:
    source = """(component
      (import "first" (value $first u32))
      (core module $m (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))
      (core instance $i (instantiate $m))
      (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
      (value $two u32 2)
      (start $add (value $first) (value $two) (result (value $sum)))
      (export "sum" (value $sum)))"""
    assert make(source, "values", tier=tier, first=40).sum == 42


def test_a_start_function_must_not_wait() -> None:
    source = """(component
      (import "get" (func $get async (result u32)))
      (start $get (result (value $x)))
      (export "x" (value $x)))"""

    class Later:
        def __await__(self) -> Iterator[None]:
            yield

    assert make(source, "values", get=lambda: 7).x == 7
    with pytest.raises(wadjet.Trap, match="cannot block"):
        make(source, "values", get=Later)


@TIERS
def test_nested_names(tier: str) -> None:
    source = """(component
      (import "a:b:c/d/e" (instance $e (export "get" (func (result u8)))))
      (export "get" (func $e "get")))"""
    opened = DEFAULT | {"cm-nested-names"}
    component = wadjet.Component(source, features=opened)
    with pytest.raises(Invalid):
        wadjet.Component(source)
    assert component.instantiate({"a:b:c/d/e": {"get": lambda: 7}}, tier=tier).get() == 7


THREADS = """(component
  (core module $libc (table (export "table") 2 funcref))
  (core instance $libc (instantiate $libc))
  (core type $start (func (param i32)))
  (core func $new (canon thread.new-indirect $start (core table $libc "table")))
  (core func $later (canon thread.resume-later))
  (core func $yield (canon thread.yield))
  {extra}
  (core module $m
    (type $start (func (param i32)))
    (import "" "table" (table $table 2 funcref))
    (import "" "new" (func $new (param i32 i32) (result i32)))
    (import "" "later" (func $later (param i32)))
    (import "" "yield" (func $yield (result i32)))
    {imports}
    (global $sum (mut i32) (i32.const 0))
    (func $work (param i32)
      (drop (call $yield))
      (global.set $sum (i32.add (global.get $sum) (local.get 0))))
    (elem (i32.const 0) $work)
    (func (export "run") (result i32)
      {body}
      (loop $wait
        (drop (call $yield))
        (br_if $wait (i32.lt_u (global.get $sum) (i32.const 30))))
      (global.get $sum)))
  (core instance $i (instantiate $m (with "" (instance
    (export "table" (table $libc "table")) (export "new" (func $new)) {exports}
    (export "later" (func $later)) (export "yield" (func $yield))))))
  (func (export "run") async (result u32) (canon lift (core func $i "run"))))"""


@TIERS
def test_cooperative_threads(tier: str) -> None:
    source = THREADS.format(
        extra="", imports="", exports="",
        body="""(call $later (call $new (i32.const 0) (i32.const 10)))
                (call $later (call $new (i32.const 0) (i32.const 20)))""",
    )  # fmt: skip
    assert asyncio.run(make(source, "threads", tier=tier).run()) == 30


@TIERS
def test_threads_that_begin_at_once(tier: str) -> None:
    source = THREADS.format(
        extra="""(core func $spawn (canon thread.spawn-indirect $start (core table $libc "table")))
                 (core func $spawn-ref (canon thread.spawn-ref $start))
                 (core func $count (canon thread.available-parallelism))""",
        imports="""(import "" "spawn" (func $spawn (param i32 i32) (result i32)))
                   (import "" "spawn-ref"
                     (func $spawn-ref (param (ref null $start) i32) (result i32)))
                   (import "" "count" (func $count (result i32)))
                   (elem declare func $work)""",
        exports="""(export "spawn" (func $spawn)) (export "spawn-ref" (func $spawn-ref))
                   (export "count" (func $count))""",
        body="""(drop (call $spawn (i32.const 0) (i32.const 10)))
                (drop (call $spawn-ref (ref.func $work) (i32.mul (i32.const 20) (call $count))))""",
    )
    assert asyncio.run(make(source, "threads", "shared-threads", tier=tier).run()) == 30
    nothing = source.replace("(ref.func $work)", "(ref.null $start)")
    with pytest.raises(wadjet.Trap, match="null function reference"):
        asyncio.run(make(nothing, "threads", "shared-threads", tier=tier).run())


@TIERS
def test_maps(tier: str) -> None:
    source = f"""(component
      (core module $m {allocator("i32")}
        (func (export "same") (param i32 i32) (result i32)
          (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1))
          (i32.const 16)))
      (core instance $i (instantiate $m))
      (type $map (map string u64))
      (func (export "same") (param "m" $map) (result $map)
        (canon lift (core func $i "same") (memory (core memory $i "mem"))
          (realloc (core func $i "realloc")))))"""
    same = wadjet.Component(source).instantiate({}, tier=tier).same
    given = {"": 0, "one": 1, "λ": 2**64 - 1}
    assert same(given) == given
    with pytest.raises(Invalid, match="map"):
        wadjet.Component(source, features=DEFAULT - {"cm-map"})
