"""The collector, written in WebAssembly and compiled by the house's own compiler.

Its memory is the process itself: an address is a machine address (`Settings.raw`). It marks from
ranges of words that may or may not be references (stacks are scanned conservatively, and nothing
ever moves), then turns everything unmarked into holes for new objects.

    mark   (heap, ranges, count)        push what the words of the ranges refer to, and trace it
    reap   (heap)                       give back the stacks of what is not marked
    sweep  (heap) → live bytes          unmark the living, chain the holes
    refill (heap, bytes) → address      take a hole of at least that size; 0 if there is none
"""

from typing import Final

from wadjet.engine.contract.continuations import VM_CONTINUATION, VM_STACK
from wadjet.engine.contract.heap import (
    ARRAY_ELEMENTS, ARRAY_LENGTH, GRANULE, KIND_ARRAY, KIND_CONTINUATION, REACHED, SIZED, VM_HEAP,
    VM_TYPE,
)  # fmt: skip
from wadjet.engine.contract.layout import WORD

#: A dead stretch shorter than this is not worth remembering.
SMALLEST_HOLE: Final = 64

_H: Final = {name: f"offset={VM_HEAP[name]}" for name in VM_HEAP.fields}
_C: Final = {name: f"offset={VM_CONTINUATION[name]}" for name in VM_CONTINUATION.fields}
_S: Final = {name: f"offset={VM_STACK[name]}" for name in VM_STACK.fields}
_T: Final = {name: f"offset={VM_TYPE[name]}" for name in VM_TYPE.fields}

TEXT: Final = f"""
(module
  (memory i64 0)

  ;; bytes that an object takes, rounded to granules
  (func $size_of (param $object i64) (result i64) (local $type i64) (local $size i64)
    (local.set $type (i64.load (local.get $object)))
    (local.set $size (i64.load {_T["size"]} (local.get $type)))
    (if (i32.wrap_i64
          (i64.and (i64.load {_T["kind"]} (local.get $type)) (i64.const {SIZED})))
      (then (local.set $size
        (i64.add (i64.const {ARRAY_ELEMENTS})
          (i64.mul (local.get $size) (i64.load offset={ARRAY_LENGTH} (local.get $object)))))))
    (i64.and (i64.add (local.get $size) (i64.const 15)) (i64.const -16)))

  ;; note that an object is reached, once
  (func $reach (param $heap i64) (param $object i64) (param $mark i64) (local $depth i64)
    (i32.store8 (local.get $mark) (i32.const 3))
    (local.set $depth (i64.load {_H["depth"]} (local.get $heap)))
    (i64.store
      (i64.add (i64.load {_H["stack"]} (local.get $heap))
        (i64.shl (local.get $depth) (i64.const 3)))
      (local.get $object))
    (i64.store {_H["depth"]} (local.get $heap) (i64.add (local.get $depth) (i64.const 1))))

  ;; a host reference: remember its handle
  (func $reach_handle (param $heap i64) (param $word i64)
    (local.set $word (i64.shr_u (local.get $word) (i64.const 2)))
    (if (i64.lt_u (local.get $word) (i64.load {_H["handle_count"]} (local.get $heap)))
      (then (i32.store8
        (i64.add (i64.load {_H["handles"]} (local.get $heap)) (local.get $word))
        (i32.const 1)))))

  ;; a word that certainly is a reference
  (func $visit (param $heap i64) (param $word i64) (local $mark i64)
    (if (i64.eqz (local.get $word)) (then (return)))
    (if (i64.ne (i64.and (local.get $word) (i64.const 3)) (i64.const 0))
      (then
        (if (i64.eq (i64.and (local.get $word) (i64.const 3)) (i64.const 2))
          (then (call $reach_handle (local.get $heap) (local.get $word))))
        (return)))
    (local.set $mark
      (i64.add (i64.load {_H["map"]} (local.get $heap))
        (i64.shr_u
          (i64.sub (local.get $word) (i64.load {_H["base"]} (local.get $heap)))
          (i64.const 4))))
    (if (i32.eq (i32.load8_u (local.get $mark)) (i32.const 1))
      (then (call $reach (local.get $heap) (local.get $word) (local.get $mark)))))

  ;; a word that may be a reference, perhaps into the middle of an object
  (func $guess (param $heap i64) (param $word i64)
      (local $base i64) (local $map i64) (local $at i64)
    (local.set $base (i64.load {_H["base"]} (local.get $heap)))
    (if (i64.ge_u
          (i64.sub (local.get $word) (local.get $base))
          (i64.sub (i64.load {_H["top"]} (local.get $heap)) (local.get $base)))
      (then
        (if (i64.eq (i64.and (local.get $word) (i64.const 3)) (i64.const 2))
          (then (call $reach_handle (local.get $heap) (local.get $word))))
        (return)))
    (local.set $map (i64.load {_H["map"]} (local.get $heap)))
    (local.set $at
      (i64.add (local.get $map)
        (i64.shr_u (i64.sub (local.get $word) (local.get $base)) (i64.const 4))))
    ;; back to where an object starts
    (block $found
      (loop $back
        (br_if $found (i32.load8_u (local.get $at)))
        (if (i64.le_u (local.get $at) (local.get $map)) (then (return)))
        (local.set $at (i64.sub (local.get $at) (i64.const 1)))
        (br $back)))
    (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 1)) (then (return)))
    (local.set $map
      (i64.add (local.get $base)
        (i64.shl (i64.sub (local.get $at) (local.get $map)) (i64.const 4))))
    (if (i64.lt_u (local.get $word)
          (i64.add (local.get $map) (call $size_of (local.get $map))))
      (then (call $reach (local.get $heap) (local.get $map) (local.get $at)))))

  ;; words that may be references
  (func $guess_all (param $heap i64) (param $at i64) (param $words i64)
    (loop $word
      (if (i64.eqz (local.get $words)) (then (return)))
      (call $guess (local.get $heap) (i64.load (local.get $at)))
      (local.set $at (i64.add (local.get $at) (i64.const {WORD})))
      (local.set $words (i64.sub (local.get $words) (i64.const 1)))
      (br $word)))

  ;; a continuation: the arguments bound to it, and the stacks that wait
  (func $scan_continuation (param $heap i64) (param $object i64) (local $stack i64) (local $sp i64)
    (call $guess_all (local.get $heap)
      (i64.add (local.get $object) (i64.const {ARRAY_ELEMENTS}))
      (i64.shl (i64.load offset={ARRAY_LENGTH} (local.get $object)) (i64.const 1)))
    (local.set $stack (i64.load {_C["waits"]} (local.get $object)))
    (if (i64.ne (i64.and (local.get $stack) (i64.const 1)) (i64.const 0)) (then (return)))
    (loop $chain
      (if (i64.eqz (local.get $stack)) (then (return)))
      (local.set $sp (i64.load {_S["sp"]} (local.get $stack)))
      (call $guess_all (local.get $heap) (local.get $sp)
        (i64.shr_u (i64.sub (local.get $stack) (local.get $sp)) (i64.const 3)))
      (local.set $stack (i64.load {_S["parent"]} (local.get $stack)))
      (br $chain)))

  ;; look at all references of one object
  (func $scan (param $heap i64) (param $object i64)
      (local $type i64) (local $count i64) (local $refs i64)
    (local.set $type (i64.load (local.get $object)))
    (local.set $count (i64.load {_T["ref_count"]} (local.get $type)))
    (if (i64.eqz (local.get $count)) (then (return)))
    (if (i64.eq (i64.load {_T["kind"]} (local.get $type)) (i64.const {KIND_CONTINUATION}))
      (then
        (call $scan_continuation (local.get $heap) (local.get $object))
        (return)))
    (if (i64.eq (i64.load {_T["kind"]} (local.get $type)) (i64.const {KIND_ARRAY}))
      (then
        (local.set $count (i64.load offset={ARRAY_LENGTH} (local.get $object)))
        (local.set $refs (i64.add (local.get $object) (i64.const {ARRAY_ELEMENTS})))
        (loop $elements
          (if (i64.eqz (local.get $count)) (then (return)))
          (call $visit (local.get $heap) (i64.load (local.get $refs)))
          (local.set $refs (i64.add (local.get $refs) (i64.const 8)))
          (local.set $count (i64.sub (local.get $count) (i64.const 1)))
          (br $elements))))
    (local.set $refs (i64.load {_T["refs"]} (local.get $type)))
    (loop $fields
      (call $visit (local.get $heap)
        (i64.load (i64.add (local.get $object) (i64.load32_s (local.get $refs)))))
      (local.set $refs (i64.add (local.get $refs) (i64.const 4)))
      (local.set $count (i64.sub (local.get $count) (i64.const 1)))
      (br_if $fields (i64.ne (local.get $count) (i64.const 0)))))

  ;; scan until nothing is left to scan
  (func $trace (param $heap i64) (local $depth i64)
    (loop $more
      (local.set $depth (i64.load {_H["depth"]} (local.get $heap)))
      (if (i64.eqz (local.get $depth)) (then (return)))
      (local.set $depth (i64.sub (local.get $depth) (i64.const 1)))
      (i64.store {_H["depth"]} (local.get $heap) (local.get $depth))
      (call $scan (local.get $heap)
        (i64.load
          (i64.add (i64.load {_H["stack"]} (local.get $heap))
            (i64.shl (local.get $depth) (i64.const 3)))))
      (br $more)))

  ;; ranges: pairs of (address, number of words)
  (func $mark (export "mark") (param $heap i64) (param $ranges i64) (param $count i64)
      (local $at i64) (local $words i64)
    (loop $range
      (if (i64.eqz (local.get $count)) (then (return)))
      (local.set $at (i64.load (local.get $ranges)))
      (local.set $words (i64.load offset=8 (local.get $ranges)))
      (block $done
        (loop $word
          (br_if $done (i64.eqz (local.get $words)))
          (call $guess (local.get $heap) (i64.load (local.get $at)))
          (call $trace (local.get $heap))
          (local.set $at (i64.add (local.get $at) (i64.const {WORD})))
          (local.set $words (i64.sub (local.get $words) (i64.const 1)))
          (br $word)))
      (local.set $ranges (i64.add (local.get $ranges) (i64.const 16)))
      (local.set $count (i64.sub (local.get $count) (i64.const 1)))
      (br $range)))

  ;; stacks whose continuation was not reached go back into the pool
  (func $reap (export "reap") (param $heap i64)
      (local $stack i64) (local $owner i64) (local $at i64) (local $next i64)
    (local.set $stack (i64.load {_H["stacks"]} (local.get $heap)))
    (loop $each
      (if (i64.eqz (local.get $stack)) (then (return)))
      (local.set $owner (i64.load {_S["owner"]} (local.get $stack)))
      (block $stays
        (br_if $stays (i64.eqz (local.get $owner)))
        (br_if $stays
          (i32.eq (i32.const {REACHED})
            (i32.load8_u
              (i64.add (i64.load {_H["map"]} (local.get $heap))
                (i64.shr_u
                  (i64.sub (local.get $owner) (i64.load {_H["base"]} (local.get $heap)))
                  (i64.const 4))))))
        (i64.store {_S["owner"]} (local.get $stack) (i64.const 0))
        (local.set $at (local.get $stack))
        (loop $chain
          (local.set $next (i64.load {_S["parent"]} (local.get $at)))
          (i64.store {_S["parent"]} (local.get $at) (i64.const 0))
          (i64.store {_S["free"]} (local.get $at) (i64.load {_H["pool"]} (local.get $heap)))
          (i64.store {_H["pool"]} (local.get $heap) (local.get $at))
          (i64.store {_H["pooled"]} (local.get $heap)
            (i64.add (i64.load {_H["pooled"]} (local.get $heap)) (i64.const 1)))
          (local.set $at (local.get $next))
          (br_if $chain (i64.ne (local.get $at) (i64.const 0)))))
      (local.set $stack (i64.load {_S["next"]} (local.get $stack)))
      (br $each)))

  (func $sweep (export "sweep") (param $heap i64) (result i64)
      (local $map i64) (local $end i64) (local $at i64) (local $start i64) (local $last i64)
      (local $live i64) (local $size i64) (local $base i64)
    (local.set $map (i64.load {_H["map"]} (local.get $heap)))
    (local.set $base (i64.load {_H["base"]} (local.get $heap)))
    (local.set $at (local.get $map))
    (local.set $end
      (i64.add (local.get $map)
        (i64.shr_u
          (i64.sub (i64.load {_H["top"]} (local.get $heap)) (local.get $base))
          (i64.const 4))))
    ;; $last: where the link to the next hole goes
    (local.set $last (i64.add (local.get $heap) (i64.const {VM_HEAP["holes"]})))
    (i64.store (local.get $last) (i64.const 0))
    (block $finished
      (loop $stretch
        ;; the living
        (block $dead
          (loop $living
            (br_if $finished (i64.ge_u (local.get $at) (local.get $end)))
            (br_if $dead (i32.ne (i32.load8_u (local.get $at)) (i32.const 3)))
            (i32.store8 (local.get $at) (i32.const 1))
            (local.set $size
              (call $size_of
                (i64.add (local.get $base)
                  (i64.shl (i64.sub (local.get $at) (local.get $map)) (i64.const 4)))))
            (local.set $live (i64.add (local.get $live) (local.get $size)))
            (local.set $at
              (i64.add (local.get $at) (i64.shr_u (local.get $size) (i64.const 4))))
            (br $living)))
        ;; the dead: up to the next object that was reached
        (local.set $start (local.get $at))
        (block $ended
          (loop $rest
            (br_if $ended (i64.ge_u (local.get $at) (local.get $end)))
            (br_if $ended (i32.eq (i32.load8_u (local.get $at)) (i32.const 3)))
            (if (i64.le_u (i64.add (local.get $at) (i64.const 8)) (local.get $end))
              (then
                ;; eight granules without an object that was reached
                (if (i64.eqz
                      (i64.and (i64.load (local.get $at)) (i64.const 0x0202020202020202)))
                  (then
                    (i64.store (local.get $at) (i64.const 0))
                    (local.set $at (i64.add (local.get $at) (i64.const 8)))
                    (br $rest)))))
            (i32.store8 (local.get $at) (i32.const 0))
            (local.set $at (i64.add (local.get $at) (i64.const 1)))
            (br $rest)))
        (local.set $size
          (i64.shl (i64.sub (local.get $at) (local.get $start)) (i64.const 4)))
        ;; the granule before an object with a descriptor lives with it
        (if (i64.lt_u (local.get $at) (local.get $end))
          (then
            (if (i64.ne (i64.const 0)
                  (i64.load {_T["descriptor"]}
                    (i64.load
                      (i64.add (local.get $base)
                        (i64.shl (i64.sub (local.get $at) (local.get $map)) (i64.const 4))))))
              (then
                (local.set $size (i64.sub (local.get $size) (i64.const {GRANULE})))))))
        (if (i64.ge_u (local.get $size) (i64.const {SMALLEST_HOLE}))
          (then
            (local.set $start
              (i64.add (local.get $base)
                (i64.shl (i64.sub (local.get $start) (local.get $map)) (i64.const 4))))
            (i64.store (local.get $last) (local.get $start))
            (i64.store (local.get $start) (i64.const 0))
            (i64.store offset=8 (local.get $start) (local.get $size))
            (local.set $last (local.get $start))))
        (br $stretch)))
    (i64.store {_H["free"]} (local.get $heap) (i64.const 0))
    (i64.store {_H["limit"]} (local.get $heap) (i64.const 0))
    (local.get $live))

  ;; what is left of the present stretch is given up until the next sweep
  (func $refill (export "refill") (param $heap i64) (param $bytes i64) (result i64)
      (local $link i64) (local $hole i64)
    (local.set $link (i64.add (local.get $heap) (i64.const {VM_HEAP["holes"]})))
    (loop $search
      (local.set $hole (i64.load (local.get $link)))
      (if (i64.eqz (local.get $hole)) (then (return (i64.const 0))))
      (if (i64.lt_u (i64.load offset=8 (local.get $hole)) (local.get $bytes))
        (then
          (local.set $link (local.get $hole))
          (br $search))))
    (i64.store (local.get $link) (i64.load (local.get $hole)))
    (i64.store {_H["limit"]} (local.get $heap)
      (i64.add (local.get $hole) (i64.load offset=8 (local.get $hole))))
    (i64.store {_H["free"]} (local.get $heap) (i64.add (local.get $hole) (local.get $bytes)))
    (local.get $hole)))
"""
