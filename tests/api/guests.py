"""Small guests for tests of the API: WIT, and the core module that does what it says."""

from wadjet.component.binary import encode as encode_component
from wadjet.component.build.metadata import embed
from wadjet.component.build.new import new
from wadjet.component.features import ALL
from wadjet.component.wit_bridge import read
from wadjet.core.binary import encode
from wadjet.core.text import parse
from wadjet.wit import select_world

WIT = """
package demo:calc@1.2.3;

interface types {
  record point { x: f64, y-pos: f64 }
  variant shape { none, circle(f64), rect(point) }
  enum color { red, light-blue, %import }
  flags access { read, write, exec }
}

interface store {
  resource file {
    constructor(name: string);
    size: func() -> u32;
    largest: static func(a: borrow<file>, b: borrow<file>) -> u32;
  }
  open: func(name: string) -> result<file, string>;
}

interface ops {
  use types.{point, shape, color as hue, access};
  resource counter {
    constructor(start: u32);
    plus: func(by: u32) -> u32;
    sum: static func(a: borrow<counter>, b: counter) -> u32;
    drop: func();
  }
  /// Adds.
  add: func(a: u32, b: u32) -> u32;
  flip: func(p: point) -> point;
  area: func(s: shape) -> f64;
  next: func(c: hue) -> hue;
  with-exec: func(a: access) -> access;
  divide: func(a: u32, b: u32) -> result<u32, string>;
  check: func(good: bool) -> result;
  echo: func(text: string) -> string;
  reverse: func(data: list<u8>) -> list<u8>;
  maybe: func(x: option<option<u8>>) -> option<option<u8>>;
  made: func() -> u32;
  dropped: func() -> u32;
  fail: func();
  size-of: func(name: string) -> u32;
}

world calc {
  import store;
  import log: func(text: string, level: u32);
  export ops;
  export twice: func(x: u32) -> u32;
}
"""
_OPS = "demo:calc/ops@1.2.3"
_STORE = "demo:calc/store@1.2.3"
CORE = f"""(module
  (import "$root" "log" (func $log (param i32 i32 i32)))
  (import "{_STORE}" "open" (func $open (param i32 i32 i32)))
  (import "{_STORE}" "[constructor]file" (func $file (param i32 i32) (result i32)))
  (import "{_STORE}" "[method]file.size" (func $size (param i32) (result i32)))
  (import "{_STORE}" "[static]file.largest" (func $largest (param i32 i32) (result i32)))
  (import "{_STORE}" "[resource-drop]file" (func $close (param i32)))
  (import "[export]{_OPS}" "[resource-new]counter" (func $new (param i32) (result i32)))
  (import "[export]{_OPS}" "[resource-rep]counter" (func $rep (param i32) (result i32)))
  (import "[export]{_OPS}" "[resource-drop]counter" (func $drop (param i32)))
  (memory (export "memory") 16)
  (global $free (mut i32) (i32.const 1024))
  (global $made (mut i32) (i32.const 0))
  (global $dropped (mut i32) (i32.const 0))
  (data (i32.const 100) "division by zero")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3))))
  (func (export "{_OPS}#add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "{_OPS}#flip") (param f64 f64) (result i32)
    (f64.store (i32.const 16) (local.get 1))
    (f64.store (i32.const 24) (local.get 0))
    (i32.const 16))
  (func (export "{_OPS}#area") (param i32 f64 f64) (result f64)
    (if (i32.eqz (local.get 0)) (then (return (f64.const 0))))
    (if (i32.eq (local.get 0) (i32.const 1))
      (then (return (f64.mul (local.get 1) (local.get 1)))))
    (f64.mul (local.get 1) (local.get 2)))
  (func (export "{_OPS}#next") (param i32) (result i32)
    (i32.rem_u (i32.add (local.get 0) (i32.const 1)) (i32.const 3)))
  (func (export "{_OPS}#with-exec") (param i32) (result i32)
    (i32.or (local.get 0) (i32.const 4)))
  (func (export "{_OPS}#divide") (param i32 i32) (result i32)
    (if (i32.eqz (local.get 1)) (then
      (i32.store8 (i32.const 32) (i32.const 1))
      (i32.store (i32.const 36) (i32.const 100))
      (i32.store (i32.const 40) (i32.const 16))
      (return (i32.const 32))))
    (i32.store8 (i32.const 32) (i32.const 0))
    (i32.store (i32.const 36) (i32.div_u (local.get 0) (local.get 1)))
    (i32.const 32))
  (func (export "{_OPS}#check") (param i32) (result i32) (i32.eqz (local.get 0)))
  (func $pair (param i32 i32) (result i32)
    (i32.store (i32.const 48) (local.get 0))
    (i32.store (i32.const 52) (local.get 1))
    (i32.const 48))
  (func (export "{_OPS}#echo") (param i32 i32) (result i32)
    (call $log (local.get 0) (local.get 1) (i32.const 7))
    (call $pair (local.get 0) (local.get 1)))
  (func (export "{_OPS}#reverse") (param $from i32) (param $size i32) (result i32) (local $i i32)
    (loop $each
      (if (i32.lt_u (local.get $i) (local.get $size)) (then
        (i32.store8
          (i32.add (i32.const 0x80000)
            (i32.sub (i32.sub (local.get $size) (local.get $i)) (i32.const 1)))
          (i32.load8_u (i32.add (local.get $from) (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $each))))
    (call $pair (i32.const 0x80000) (local.get $size)))
  (func (export "{_OPS}#maybe") (param i32 i32 i32) (result i32)
    (i32.store8 (i32.const 64) (local.get 0))
    (i32.store8 (i32.const 65) (local.get 1))
    (i32.store8 (i32.const 66) (local.get 2))
    (i32.const 64))
  (func (export "{_OPS}#[constructor]counter") (param i32) (result i32)
    (global.set $made (i32.add (global.get $made) (i32.const 1)))
    (call $new (local.get 0)))
  (func (export "{_OPS}#[method]counter.plus") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "{_OPS}#[static]counter.sum") (param i32 i32) (result i32) (local $b i32)
    (local.set $b (call $rep (local.get 1)))
    (call $drop (local.get 1))
    (i32.add (local.get 0) (local.get $b)))
  (func (export "{_OPS}#[method]counter.drop") (param i32))
  (func (export "{_OPS}#[dtor]counter") (param i32)
    (global.set $dropped (i32.add (global.get $dropped) (local.get 0))))
  (func (export "{_OPS}#made") (result i32) (global.get $made))
  (func (export "{_OPS}#dropped") (result i32) (global.get $dropped))
  (func (export "{_OPS}#fail") unreachable)
  (func (export "{_OPS}#size-of") (param i32 i32) (result i32) (local $a i32) (local $b i32)
    (call $open (local.get 0) (local.get 1) (i32.const 200))
    (if (i32.load8_u (i32.const 200)) (then (return (i32.const 0))))
    (local.set $a (i32.load (i32.const 204)))
    (local.set $b (call $file (local.get 0) (local.get 1)))
    (i32.add (call $size (local.get $a)) (call $largest (local.get $a) (local.get $b)))
    (call $close (local.get $a))
    (call $close (local.get $b)))
  (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
"""


def guest(wit: str, core: str) -> bytes:
    """A component of a world and a core module."""
    resolve = read({"guest.wit": wit})
    module = embed(encode(parse(core, ALL)), resolve, select_world(resolve))
    return encode_component(new(module))


def calc() -> bytes:
    """The guest with values of many types, resources of both sides and imports."""
    return guest(WIT, CORE)


#: async functions, streams and futures, with one import that is waited for
ASYNC = """
(component
  (import "sleep" (func $sleep async (param "ms" u32)))
  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 256) "abcdefghijklmnop"))
  (core instance $mem (instantiate $memory))
  (alias core export $mem "memory" (core memory $memory))
  (type $bytes (stream u8))
  (type $later (future u32))
  (canon task.return (memory $memory) (core func $done))
  (canon task.return (result u32) (memory $memory) (core func $return))
  (canon task.return (result $bytes) (memory $memory) (core func $return-stream))
  (canon task.return (result $later) (memory $memory) (core func $return-future))
  (canon task.cancel (core func $cancelled))
  (canon stream.new $bytes (core func $stream))
  (canon stream.read $bytes (memory $memory) (core func $read))
  (canon stream.write $bytes (memory $memory) (core func $write))
  (canon stream.drop-readable $bytes (core func $drop-readable))
  (canon stream.drop-writable $bytes (core func $drop-writable))
  (canon future.new $later (core func $future))
  (canon future.read $later (memory $memory) (core func $get))
  (canon future.write $later (memory $memory) (core func $set))
  (canon future.drop-readable $later (core func $drop-future))
  (canon future.drop-writable $later (core func $drop-promise))
  (canon lower (func $sleep) (memory $memory) (core func $sleep-here))
  (canon lower (func $sleep) async (memory $memory) (core func $sleep-apart))
  (canon waitable-set.new (core func $set-new))
  (canon waitable.join (core func $join))
  (canon subtask.cancel (core func $stop))
  (canon subtask.drop (core func $forget))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "done" (func $done))
    (import "" "return" (func $return (param i32)))
    (import "" "return-stream" (func $return-stream (param i32)))
    (import "" "return-future" (func $return-future (param i32)))
    (import "" "cancelled" (func $cancelled))
    (import "" "stream" (func $stream (result i64)))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "" "write" (func $write (param i32 i32 i32) (result i32)))
    (import "" "drop-readable" (func $drop-readable (param i32)))
    (import "" "drop-writable" (func $drop-writable (param i32)))
    (import "" "future" (func $future (result i64)))
    (import "" "get" (func $get (param i32 i32) (result i32)))
    (import "" "set" (func $set (param i32 i32) (result i32)))
    (import "" "drop-future" (func $drop-future (param i32)))
    (import "" "drop-promise" (func $drop-promise (param i32)))
    (import "" "sleep-here" (func $sleep-here (param i32)))
    (import "" "sleep-apart" (func $sleep-apart (param i32) (result i32)))
    (import "" "set-new" (func $set-new (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "stop" (func $stop (param i32) (result i32)))
    (import "" "forget" (func $forget (param i32)))
    (global $stopped (mut i32) (i32.const 0))
    (global $subtask (mut i32) (i32.const 0))

    (func (export "never") (param i32 i32 i32) (result i32) unreachable)
    (func (export "stopped") (result i32) (global.get $stopped))
    (func (export "total") (param $s i32) (result i32) (local $sum i32) (local $got i32)
      (loop $more
        (local.set $got (call $read (local.get $s) (i32.const 1024) (i32.const 64)))
        (local.set $sum (i32.add (local.get $sum) (i32.shr_u (local.get $got) (i32.const 4))))
        (br_if $more (i32.eqz (i32.and (local.get $got) (i32.const 15)))))
      (call $drop-readable (local.get $s))
      (call $return (local.get $sum))
      (i32.const 0))
    (func (export "produce") (param $n i32) (result i32)
      (local $pair i64) (local $w i32) (local $got i32)
      (local.set $pair (call $stream))
      (local.set $w (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))))
      (call $return-stream (i32.wrap_i64 (local.get $pair)))
      (loop $more
        (if (local.get $n) (then
          (local.set $got (call $write (local.get $w) (i32.const 256)
            (select (i32.const 16) (local.get $n) (i32.gt_u (local.get $n) (i32.const 16)))))
          (local.set $n (i32.sub (local.get $n) (i32.shr_u (local.get $got) (i32.const 4))))
          (br_if $more (i32.eqz (i32.and (local.get $got) (i32.const 15)))))))
      (call $drop-writable (local.get $w))
      (i32.const 0))
    (func (export "pass") (param i32) (result i32)
      (call $return-stream (local.get 0))
      (i32.const 0))
    (func (export "later") (param $x i32) (result i32) (local $pair i64) (local $w i32)
      (local.set $pair (call $future))
      (local.set $w (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))))
      (call $return-future (i32.wrap_i64 (local.get $pair)))
      (call $sleep-here (i32.const 10))
      (i32.store (i32.const 512) (local.get $x))
      (drop (call $set (local.get $w) (i32.const 512)))
      (call $drop-promise (local.get $w))
      (i32.const 0))
    (func (export "plus-one") (param $f i32) (result i32)
      (drop (call $get (local.get $f) (i32.const 520)))
      (call $drop-future (local.get $f))
      (call $return (i32.add (i32.load (i32.const 520)) (i32.const 1)))
      (i32.const 0))
    (func (export "nap") (param $ms i32) (result i32) (local $state i32) (local $set i32)
      (local.set $state (call $sleep-apart (local.get $ms)))
      (if (i32.eq (i32.and (local.get $state) (i32.const 15)) (i32.const 2)) (then
        (call $done)
        (return (i32.const 0))))
      (global.set $subtask (i32.shr_u (local.get $state) (i32.const 4)))
      (local.set $set (call $set-new))
      (call $join (global.get $subtask) (local.get $set))
      (i32.or (i32.const 2) (i32.shl (local.get $set) (i32.const 4))))
    (func (export "nap-event") (param $event i32) (param i32 i32) (result i32)
      (if (i32.eq (local.get $event) (i32.const 6)) (then
        (global.set $stopped (i32.add (global.get $stopped) (i32.const 1)))
        (call $join (global.get $subtask) (i32.const 0))
        (drop (call $stop (global.get $subtask)))
        (call $forget (global.get $subtask))
        (call $cancelled)
        (return (i32.const 0))))
      (call $join (global.get $subtask) (i32.const 0))
      (call $forget (global.get $subtask))
      (call $done)
      (i32.const 0)))
  (core instance $i (instantiate $m (with "" (instance
    (export "memory" (memory $memory))
    (export "done" (func $done))
    (export "return" (func $return))
    (export "return-stream" (func $return-stream))
    (export "return-future" (func $return-future))
    (export "cancelled" (func $cancelled))
    (export "stream" (func $stream))
    (export "read" (func $read))
    (export "write" (func $write))
    (export "drop-readable" (func $drop-readable))
    (export "drop-writable" (func $drop-writable))
    (export "future" (func $future))
    (export "get" (func $get))
    (export "set" (func $set))
    (export "drop-future" (func $drop-future))
    (export "drop-promise" (func $drop-promise))
    (export "sleep-here" (func $sleep-here))
    (export "sleep-apart" (func $sleep-apart))
    (export "set-new" (func $set-new))
    (export "join" (func $join))
    (export "stop" (func $stop))
    (export "forget" (func $forget))))))
  (alias core export $i "never" (core func $never))
  (func (export "total") async (param "of" $bytes) (result u32)
    (canon lift (core func $i "total") async (memory $memory) (callback $never)))
  (func (export "produce") async (param "count" u32) (result $bytes)
    (canon lift (core func $i "produce") async (memory $memory) (callback $never)))
  (func (export "pass") async (param "s" $bytes) (result $bytes)
    (canon lift (core func $i "pass") async (memory $memory) (callback $never)))
  (func (export "later") async (param "x" u32) (result $later)
    (canon lift (core func $i "later") async (memory $memory) (callback $never)))
  (func (export "plus-one") async (param "f" $later) (result u32)
    (canon lift (core func $i "plus-one") async (memory $memory) (callback $never)))
  (func (export "nap") async (param "ms" u32)
    (canon lift (core func $i "nap") async (memory $memory) (callback (func $i "nap-event"))))
  (func (export "stopped") (result u32) (canon lift (core func $i "stopped"))))
"""
