"""Components that call each other through adapters: all in core code, in every tier."""

import pytest

from wadjet.base.errors import Trap
from wadjet.canon import linking
from wadjet.canon.root import Instance, instantiate
from wadjet.component.features import parse_features
from wadjet.component.text import parse
from wadjet.component.validate import validate

TIERS = ("interpreter", "optimizing", "auto")

#: exports memory and a bump allocator
LIBC = """(core module $Libc
  (memory (export "mem") 1) (global $top (mut i32) (i32.const 1024))
  (func (export "realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32)
      (result i32)
    (global.set $top (i32.and
      (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (memory.copy (global.get $top) (local.get $old) (local.get $size))
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $new)))))"""


FEATURES = parse_features("cm-more-async-builtins")


def made(text: str, tier: str) -> Instance:
    return instantiate(validate(parse(text, FEATURES), FEATURES), {}, tier=tier)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("encoding", ["utf8", "utf16", "latin1+utf16"])
def test_a_string_goes_there_and_back(tier: str, encoding: str) -> None:
    """The callee gives back what it got; its encoding is another."""
    text = f"""(component
      (component $C {LIBC}
        (core instance $libc (instantiate $Libc))
        (core module $M (import "" "mem" (memory 1))
          (func (export "echo") (param i32 i32) (result i32)
            (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1))
            (i32.const 8)))
        (core instance $m (instantiate $M (with "" (instance $libc))))
        (func (export "echo") (param "s" string) (result string)
          (canon lift (core func $m "echo") (memory (core memory $libc "mem"))
            (realloc (core func $libc "realloc")) string-encoding={encoding})))
      (component $D {LIBC}
        (import "echo" (func $echo (param "s" string) (result string)))
        (core instance $libc (instantiate $Libc))
        (core func $echo' (canon lower (func $echo) (memory (core memory $libc "mem"))
          (realloc (core func $libc "realloc"))))
        (core module $M (import "" "mem" (memory 1))
          (import "" "echo" (func $echo (param i32 i32 i32)))
          (func (export "run") (param i32 i32) (result i32)
            (call $echo (local.get 0) (local.get 1) (i32.const 8)) (i32.const 8)))
        (core instance $m (instantiate $M (with "" (instance
          (export "mem" (memory $libc "mem")) (export "echo" (func $echo'))))))
        (func (export "run") (param "s" string) (result string)
          (canon lift (core func $m "run") (memory (core memory $libc "mem"))
            (realloc (core func $libc "realloc")))))
      (instance $c (instantiate $C))
      (instance $d (instantiate $D (with "echo" (func $c "echo"))))
      (export "run" (func $d "run")))"""
    run = made(text, tier).exports["run"]
    for value in ("", "plain", "caf\xe9 \xff", "Жук", "a😀b" * 9, "x" * 100 + "é", "中" * 33):
        assert run(value) == value


RESOURCES = """(component
  (component $C
    (type $R' (resource (rep i32)))
    (export $R "r" (type $R'))
    (canon resource.new $R' (core func $new))
    (canon resource.drop $R (core func $drop))
    (core module $M
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
      (func (export "both") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))
    (core instance $m (instantiate $M (with "" (instance (export "new" (func $new))))))
    (func (export "make") (param "n" u32) (result (own $R)) (canon lift (core func $m "make")))
    (func (export "both") (param "a" (borrow $R)) (param "b" (borrow $R)) (result u32)
      (canon lift (core func $m "both"))))
  (component $D
    (import "r" (type $R (sub resource)))
    (import "make" (func $make (param "n" u32) (result (own $R))))
    (import "both" (func $both (param "a" (borrow $R)) (param "b" (borrow $R)) (result u32)))
    (core func $make' (canon lower (func $make)))
    (core func $both' (canon lower (func $both)))
    (canon resource.drop $R (core func $drop))
    (core module $M
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "both" (func $both (param i32 i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "sum") (result i32) (local $a i32) (local $b i32) (local $sum i32)
        (local.set $a (call $make (i32.const 40)))
        (local.set $b (call $make (i32.const 2)))
        (local.set $sum (call $both (local.get $a) (local.get $b)))
        (call $both (local.get $a) (local.get $a))
        (call $drop (local.get $a)) (call $drop (local.get $b))
        (i32.add (local.get $sum)))
      (func (export "dropped") (result i32) (local $a i32)
        (local.set $a (call $make (i32.const 40)))
        (call $drop (local.get $a))
        (call $both (local.get $a) (local.get $a)))
      (func (export "wrong") (result i32) (call $both (i32.const -1) (i32.const 0))))
    (core instance $m (instantiate $M (with "" (instance
      (export "make" (func $make')) (export "both" (func $both')) (export "drop" (func $drop))))))
    (func (export "sum") (result u32) (canon lift (core func $m "sum")))
    (func (export "dropped") (result u32) (canon lift (core func $m "dropped")))
    (func (export "wrong") (result u32) (canon lift (core func $m "wrong"))))
  (instance $c (instantiate $C))
  (instance $d (instantiate $D
    (with "r" (type $c "r")) (with "make" (func $c "make")) (with "both" (func $c "both"))))
  (export "sum" (func $d "sum"))
  (export "dropped" (func $d "dropped"))
  (export "wrong" (func $d "wrong")))"""


@pytest.mark.parametrize("tier", TIERS)
def test_resources_are_given_and_lent(tier: str) -> None:
    assert made(RESOURCES, tier).exports["sum"]() == 122
    with pytest.raises(Trap, match="unknown handle index 1"):
        made(RESOURCES, tier).exports["dropped"]()
    with pytest.raises(Trap, match="unknown handle index 4294967295"):
        made(RESOURCES, tier).exports["wrong"]()


def test_instances_share_the_code_of_adapters() -> None:
    made(RESOURCES, "interpreter")
    before = linking._code.cache_info()
    made(RESOURCES, "interpreter")
    after = linking._code.cache_info()
    assert after.misses == before.misses
    assert after.hits > before.hits


STREAM = f"""(component
  (component $C
    {LIBC}
    (core instance $libc (instantiate $Libc))
    (core module $M
      (import "" "mem" (memory 1))
      (import "" "return" (func $return (param i32)))
      (import "" "new" (func $new (result i64)))
      (import "" "write" (func $write (param i32 i32 i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (data (i32.const 32) "\\07\\00\\00\\00\\50\\00\\00\\00\\05\\00\\00\\00")
      (data (i32.const 80) "h\\c3\\a9llo")
      (func (export "get") (result i32) (local $ends i64) (local $tx i32)
        (local.set $ends (call $new))
        (local.set $tx (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
        (call $return (i32.wrap_i64 (local.get $ends)))
        (drop (call $write (local.get $tx) (i32.const 32) (i32.const 1)))
        (call $drop (local.get $tx))
        (i32.const 0))
      (func (export "cb") (param i32 i32 i32) (result i32) unreachable))
    (type $S (stream (tuple u32 string)))
    (canon task.return (result $S) (memory (core memory $libc "mem")) (core func $return))
    (canon stream.new $S (core func $new))
    (canon stream.write $S (memory (core memory $libc "mem")) (core func $write))
    (canon stream.drop-writable $S (core func $drop))
    (core instance $m (instantiate $M (with "" (instance
      (export "mem" (memory $libc "mem")) (export "return" (func $return))
      (export "new" (func $new)) (export "write" (func $write)) (export "drop" (func $drop))))))
    (func (export "get") async (result (stream (tuple u32 string)))
      (canon lift (core func $m "get") async (memory (core memory $libc "mem"))
        (callback (core func $m "cb")))))
  (component $D
    (import "get" (func $get async (result (stream (tuple u32 string)))))
    {LIBC}
    (core instance $libc (instantiate $Libc))
    (core module $M
      (import "" "mem" (memory 1))
      (import "" "get" (func $get (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      (func (export "run") (result i32)
        (drop (call $read (call $get) (i32.const 32) (i32.const 1)))
        (i32.add
          (i32.mul (i32.load (i32.const 32)) (i32.const 1000))
          (i32.add
            (i32.mul (i32.load (i32.const 40)) (i32.const 10000))
            (i32.load16_u offset=2 (i32.load (i32.const 36)))))))
    (type $S (stream (tuple u32 string)))
    (canon stream.read $S (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))
      string-encoding=utf16 async (core func $read))
    (core func $get' (canon lower (func $get)))
    (core instance $m (instantiate $M (with "" (instance
      (export "mem" (memory $libc "mem")) (export "get" (func $get'))
      (export "read" (func $read))))))
    (func (export "run") async (result u32) (canon lift (core func $m "run"))))
  (instance $c (instantiate $C))
  (instance $d (instantiate $D (with "get" (func $c "get"))))
  (export "run" (func $d "run")))"""


@pytest.mark.parametrize("tier", TIERS)
def test_elements_with_strings_go_through_streams(tier: str) -> None:
    """The number 7 and four letters, the second of which is é, now in UTF-16 (E9)."""
    assert made(STREAM, tier).exports["run"]() == 7 * 1000 + 4 * 10000 + 0xE9
