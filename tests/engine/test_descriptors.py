"""Descriptors in native code: where they stand, and that they live with what they describe."""

import pytest

import wadjet
from tests.engine.compiled import run
from wadjet.core.features import ALL

TYPES = """
  (rec (type $a (descriptor $d) (struct (field i32)))
       (type $d (describes $a) (struct (field i32))))
  (type $plain (struct (field i64 i64 i64)))
  (type $bytes (array (mut i8)))
  (type $list (array (mut anyref)))"""


def test_descriptors_survive_collections() -> None:
    text = f"""{TYPES}
      (func $make (param $n i32) (result (ref $a)) (local $d (ref null (exact $d)))
        (local.set $d (struct.new $d (i32.mul (local.get $n) (i32.const 3))))
        ;; what dies between the two becomes a hole that ends where the second begins
        (drop (array.new $bytes (local.get $n) (i32.const 40)))
        (struct.new_desc $a (local.get $n) (local.get $d)))
      (func (export "run") (param $count i32) (result i32)
          (local $kept (ref $list)) (local $i i32) (local $bad i32) (local $o (ref null $a))
        (local.set $kept (array.new $list (ref.null any) (i32.const 20000)))
        (loop $next
          (array.set $list (local.get $kept) (local.get $i) (call $make (local.get $i)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (i32.const 20000))))
        (loop $more
          (drop (struct.new_default $plain))
          (drop (struct.new $d (i32.const -1)))
          (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
        (loop $look
          (local.set $i (i32.sub (local.get $i) (i32.const 1)))
          (local.set $o (ref.cast (ref $a) (array.get $list (local.get $kept) (local.get $i))))
          (if (i32.ne (struct.get $d 0 (ref.get_desc $a (local.get $o)))
                (i32.mul (struct.get $a 0 (local.get $o)) (i32.const 3)))
            (then (local.set $bad (i32.add (local.get $bad) (i32.const 1)))))
          (br_if $look (local.get $i)))
        (local.get $bad))"""
    assert run(text, 2_000_000) == 0


def test_what_stands_before_an_object_without_descriptor_is_none() -> None:
    # the last field of the first struct is a reference to the descriptor asked for
    text = f"""{TYPES} (type $p (struct (field (ref $d))))
      (func (export "run") (result i32)
          (local $d (ref $d)) (local $before (ref $p)) (local $after (ref $p))
        (local.set $d (struct.new $d (i32.const 1)))
        (local.set $before (struct.new $p (local.get $d)))
        (local.set $after (struct.new $p (local.get $d)))
        (block $no (result anyref)
          (drop (br_on_cast_desc_eq_fail $no anyref (ref $a) (local.get $after) (local.get $d)))
          (return (i32.const 1)))
        (drop)
        (i32.const 0))"""
    assert run(text) == 0


@pytest.mark.parametrize("tier", ["interpreter", "optimizing"])
def test_objects_come_back_from_python_as_what_they_are(tier: str) -> None:
    module = wadjet.Module.from_text(
        """(module (type $s (struct (field i32)))
             (func (export "make") (result (ref (exact $s))) (struct.new $s (i32.const 7)))
             (func (export "get") (param (ref null (exact $s))) (result i32)
               (struct.get $s 0 (local.get 0))))""",
        features=ALL,
    )
    exports = wadjet.Instance(module, tier=tier).exports
    assert exports.get(exports.make()) == 7
