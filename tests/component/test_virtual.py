"""Parts of the world taken away: what is imported afterwards, and what functions answer."""

import pytest

from tests.component.test_build_new import core, world_of
from wadjet.base.errors import Invalid, Malformed, Trap
from wadjet.component.binary import encode
from wadjet.component.build.new import new
from wadjet.component.component import Component
from wadjet.component.compose import plug
from wadjet.component.compose.virtual import Wishes, virtualization

WIT = """package a:b@0.2.1;
interface env {
  enum code { io, access }
  resource file { constructor(name: string); size: func() -> u64; }
  get: func() -> list<tuple<string, u16>>;
  open: func(name: string) -> result<u32, code>;
  now: func() -> f64;
  size: func() -> u8;
  maybe: func() -> option<string>;
  where: func() -> record-of;
  record record-of { a: s8, b: option<option<char>>, c: list<u32, 2>, d: result<_, code> }
}
world app {
  import env;
  export get: func() -> list<tuple<string, u16>>;
  export open: func() -> u32;
  export now: func() -> f64;
  export size: func() -> u8;
  export maybe: func() -> option<string>;
  export file: func() -> u64;
}"""
APP = """(module
  (import "a:b/env@0.2.1" "get" (func $get (param i32)))
  (import "a:b/env@0.2.1" "open" (func $open (param i32 i32 i32)))
  (import "a:b/env@0.2.1" "now" (func $now (result f64)))
  (import "a:b/env@0.2.1" "size" (func $size (result i32)))
  (import "a:b/env@0.2.1" "maybe" (func $maybe (param i32)))
  (import "a:b/env@0.2.1" "[constructor]file" (func $file (param i32 i32) (result i32)))
  (import "a:b/env@0.2.1" "[method]file.size" (func $file-size (param i32) (result i64)))
  (memory (export "memory") 1)
  (global $at (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $at)
    (global.set $at (i32.add (global.get $at)
      (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8)))))
  (func (export "get") (result i32) (call $get (i32.const 16)) (i32.const 16))
  (func (export "open") (result i32)
    (call $open (i32.const 0) (i32.const 0) (i32.const 64))
    (i32.add (i32.mul (i32.const 100) (i32.load8_u (i32.const 64))) (i32.load8_u (i32.const 68))))
  (func (export "now") (result f64) (call $now))
  (func (export "size") (result i32) (call $size))
  (func (export "maybe") (result i32) (call $maybe (i32.const 32)) (i32.const 32))
  (func (export "file") (result i64) (call $file-size (call $file (i32.const 0) (i32.const 0)))))"""


def app() -> Component:
    return new(core(APP, WIT))


def less(wishes: Wishes) -> Component:
    made = app()
    return plug(made, [virtualization(made, wishes)])


@pytest.mark.parametrize("name", ["a:b/env@0.2.1", "a:b/env", "a:b"])
def test_nothing_is_imported_any_more(name: str) -> None:
    assert "import" not in world_of(less(Wishes(stub=[name])))


def test_what_cannot_be() -> None:
    with pytest.raises(Invalid, match="does not import `c:d`: there are `a:b/env"):
        less(Wishes(deny=["c:d"]))
    with pytest.raises(Invalid, match="has no function `none`"):
        less(Wishes(constants={"a:b/env#none": "1"}))
    with pytest.raises(Invalid, match="out of range for u8"):
        less(Wishes(constants={"a:b/env#size": "256"}))
    with pytest.raises(Malformed, match="expected number"):
        less(Wishes(constants={"a:b/env#size": "x"}))


def test_what_functions_answer() -> None:
    from wadjet.api.component import Component as Runnable

    constants = {
        "a:b/env#get": '[("x", 1), ("yü", 65535)]',
        "a:b/env#now": "-1.5",
        "a:b/env#size": "200",
        "a:b/env#maybe": 'some("all")',
    }
    made = less(Wishes(deny=["a:b"], constants=constants))
    instance = Runnable(encode(made)).instantiate({})
    assert instance.get() == [("x", 1), ("yü", 65535)]
    assert (instance.now(), instance.size(), instance.maybe()) == (-1.5, 200, "all")
    assert instance.open() == 101  # an error, and of its cases `access`
    with pytest.raises(Trap):
        instance.file()


def test_what_stubs_answer() -> None:
    from wadjet.api.component import Component as Runnable

    instance = Runnable(encode(less(Wishes(stub=["a:b"])))).instantiate({})
    assert (instance.get(), instance.open(), instance.now()) == ([], 0, 0)
    assert (instance.size(), instance.maybe(), instance.file()) == (0, None, 0)
