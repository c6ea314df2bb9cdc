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
