"""Components that call each other through adapters: all in core code, in every tier."""

import pytest

from wadjet.base.errors import Trap
from wadjet.canon import fused
from wadjet.canon.root import Instance, instantiate
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


def made(text: str, tier: str) -> Instance:
    return instantiate(validate(parse(text)), {}, tier=tier)


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
    before = fused._code.cache_info()
    made(RESOURCES, "interpreter")
    after = fused._code.cache_info()
    assert after.misses == before.misses
    assert after.hits > before.hits
