"""Dynamic libraries become one component: what they share, and what they want of each other."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from wadjet.api.component import Component
from wadjet.base.errors import Invalid, Malformed, Trap
from wadjet.component.binary import encode as encode_component
from wadjet.component.build.link import Choices, link
from wadjet.component.build.metadata import embed
from wadjet.component.wit_bridge import read
from wadjet.core.binary import encode
from wadjet.core.features import ALL
from wadjet.core.text import parse
from wadjet.wit import select_world

WORLD = {"x.wit": "package a:b; world w { export run: func(n: s32) -> s32; }"}
CALLER = """(module
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $memory i32))
  (import "env" "__table_base" (global $table i32))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (import "env" "apply" (func $apply (param i32 i32) (result i32)))
  (import "GOT.mem" "counter" (global $counter (mut i32)))
  (import "GOT.func" "double" (global $double (mut i32)))
  (elem (global.get $table) func $add)
  (func $add (param i32) (result i32) (i32.add (local.get 0) (i32.const 3)))
  (func (export "tens") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 10)))
  (func (export "run") (param i32) (result i32)
    (call $apply (global.get $double)
      (call $apply (global.get $table)
        (i32.add (local.get 0) (i32.load (global.get $counter)))))))"""
CALLED = """(module
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table $t 0 funcref))
  (import "env" "__memory_base" (global $memory i32))
  (import "env" "tens" (func $tens (param i32) (result i32)))
  (global (export "counter") i32 (i32.const 4))
  (data (global.get $memory) "\\07\\00\\00\\00\\05\\00\\00\\00")
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "__wasm_call_ctors")
    (i32.store offset=4 (global.get $memory)
      (call $tens (i32.load offset=4 (global.get $memory)))))
  (func (export "apply") (param i32 i32) (result i32)
    (call_indirect $t (param i32) (result i32) (local.get 1) (local.get 0))))"""


def library(text: str, *, dylink: bytes, world: bool = False) -> bytes:
    """A library whose section dylink.0 says these bytes."""
    data = encode(parse(text, ALL))
    content = b"\x08dylink.0" + dylink
    data = data[:8] + b"\0" + bytes([len(content)]) + content + data[8:]
    if not world:
        return data
    resolve = read(WORLD)
    return embed(data, resolve, select_world(resolve))


def info(memory: int, align: int, table: int) -> bytes:
    return bytes([1, 4, memory, align, table, 0])


def both() -> list[tuple[str, bytes]]:
    return [
        ("caller", library(CALLER, dylink=info(8, 2, 1), world=True)),
        ("called", library(CALLED, dylink=info(16, 4, 0))),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_libraries_that_need_each_other(order: int) -> None:
    made = encode_component(link(both()[::order]))
    instance = Component(made).instantiate({})
    assert instance.run(1) == 2 * (50 + 1 + 3)


def test_what_is_missing() -> None:
    caller, called = both()
    with pytest.raises(Invalid, match="no library exports `apply`, which caller imports"):
        link([caller])
    with pytest.raises(Invalid, match="no library exports `tens`"):
        link([called])
    with pytest.raises(Invalid, match="no section dylink"):
        link([("x", encode(parse("(module)")))])
    with pytest.raises(Invalid, match="no library says what world"):
        link([("x", library("(module)", dylink=info(0, 0, 0)))])


def test_what_may_be_missing() -> None:
    """A weak symbol that nobody has is at address 0."""
    text = """(module
      (import "GOT.func" "maybe" (global $maybe (mut i32)))
      (func (export "run") (param i32) (result i32) (global.get $maybe)))"""
    weak = bytes([4, 17, 1, 8]) + b"GOT.func" + b"\x05maybe" + b"\x01"
    data = library(text, dylink=info(0, 0, 0) + weak, world=True)
    assert Component(encode_component(link([("x", data)]))).instantiate({}).run(5) == 0
    text = text.replace('"GOT.func" "maybe" (global $maybe (mut i32))', '"env" "maybe" (func $f)')
    text = text.replace("(global.get $maybe)", "(call $f) (i32.const 1)")
    weak = bytes([4, 12, 1, 3]) + b"env" + b"\x05maybe" + b"\x01"
    data = library(text, dylink=info(0, 0, 0) + weak, world=True)
    instance = Component(encode_component(link([("x", data)]))).instantiate({})
    with pytest.raises(Trap):
        instance.run(5)


OPENER = """(module
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $memory i32))
  (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
  (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
  (import "env" "dlclose" (func $dlclose (param i32) (result i32)))
  (import "env" "dlerror" (func $dlerror (result i32)))
  (data (global.get $memory) "called\\00caller\\00double\\00counter\\00")
  (func $at (param i32) (result i32) (i32.add (global.get $memory) (local.get 0)))
  (func (export "tens") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 10)))
  (func $error (result i32) (i32.load8_u (call $dlerror)))
  (func (export "run") (param $how i32) (result i32)
    (local $library i32)
    (local.set $library (call $dlopen (call $at (i32.const 0)) (i32.const 2)))
    (if (i32.eq (local.get $how) (i32.const 0)) ;; call what is found
      (then (return (call_indirect (param i32) (result i32) (i32.const 21)
        (call $dlsym (local.get $library) (call $at (i32.const 14)))))))
    (if (i32.eq (local.get $how) (i32.const 1)) ;; read what is found, and close
      (then (return (i32.add (call $dlclose (local.get $library))
        (i32.load (call $dlsym (local.get $library) (call $at (i32.const 21))))))))
    (if (i32.eq (local.get $how) (i32.const 2)) ;; the symbol is not there
      (then (return (i32.add
        (call $dlsym (local.get $library) (call $at (i32.const 0))) (call $error)))))
    (if (i32.eq (local.get $how) (i32.const 3)) ;; the library is not there
      (then (drop (call $dlopen (call $at (i32.const 7)) (i32.const 1))) (return (call $error))))
    (if (i32.eq (local.get $how) (i32.const 4)) ;; no library at all
      (then (drop (call $dlsym (i32.const 4) (call $at (i32.const 14)))) (return (call $error))))
    (if (i32.eq (local.get $how) (i32.const 5)) ;; flags that nobody knows
      (then (drop (call $dlopen (call $at (i32.const 0)) (i32.const 4))) (return (call $error))))
    (call $dlerror)))"""


def test_libraries_that_are_opened_by_name() -> None:
    opener = "opener", library(OPENER, dylink=info(32, 2, 0), world=True)
    _, called = both()
    made = link([opener, called], Choices(openable=["called"], libdl=True))
    run = Component(encode_component(made)).instantiate({}).run
    assert run(0) == 42
    assert run(1) == 50
    assert [chr(run(how)) for how in (2, 3, 4, 5)] == ["s", "l", "i", "f"]
    assert run(6) == 0
    with pytest.raises(Invalid, match="no library exports `dlopen`"):
        link([opener, called], Choices(openable=["called"]))
    with pytest.raises(Invalid, match="no library is called `other`"):
        link([opener, called], Choices(openable=["other"], libdl=True))


def test_missing_functions_may_trap_when_they_are_called() -> None:
    text = """(module
      (import "env" "gone" (func $gone (param i32) (result i32)))
      (import "GOT.func" "gone" (global $address (mut i32)))
      (import "GOT.func" "other" (global $other (mut i32)))
      (func (export "run") (param i32) (result i32)
        (if (i32.eqz (local.get 0))
          (then (return (i32.ne (global.get $address) (global.get $other)))))
        (call $gone (local.get 0))))"""
    part = "x", library(text, dylink=info(0, 0, 0), world=True)
    with pytest.raises(Invalid, match="no library exports `gone`"):
        link([part])
    run = Component(encode_component(link([part], Choices(stubs=True)))).instantiate({}).run
    assert run(0) == 1
    with pytest.raises(Trap, match="unreachable"):
        run(1)
    data = '(module (import "GOT.mem" "gone" (global (mut i32))))'
    with pytest.raises(Invalid, match="no library exports `gone`"):
        link([part, ("y", library(data, dylink=info(0, 0, 0)))], Choices(stubs=True))


@pytest.mark.parametrize(
    "dylink",
    [b"\x01\x7f", b"\x01\x04\x01\x40\x00\x00", b"\x01\x02\x01\x01", b"\x04\x01\x05", b"\x01"],
)
def test_damaged_sections(dylink: bytes) -> None:
    with pytest.raises((Malformed, Invalid)):
        link([("x", library("(module)", dylink=dylink))])


A = """
extern int counter;
int twice(int), call(int (*f)(int), int x), first(int i);
static int add3(int x) { return x + 3; }
static const char *words[] = {"zero", "one"};
int first(int i) { return words[i][0]; }
int run(int n) { counter += n; return call(add3, twice(counter)) + first(1) * 1000; }
"""
B = """
int counter = 5;
__attribute__((constructor)) static void init(void) { counter += 100; }
int first(int i);
int twice(int x) { return 2 * x; }
int call(int (*f)(int), int x) { return f(x) + first(0) * 100000; }
"""


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="NO COMPILER: ziglang")
def test_libraries_in_c(tmp_path: Path) -> None:
    zig = [sys.executable, "-m", "ziglang"]
    made = []
    for name, source in (("a", A), ("b", B)):
        (tmp_path / f"{name}.c").write_text(source)
        compile_ = ["cc", "--target=wasm32-freestanding", "-nostdlib", "-fPIC", "-O1", "-c"]
        subprocess.run([*zig, *compile_, "-o", f"{name}.o", f"{name}.c"], cwd=tmp_path, check=True)
        flags = ["-shared", "--experimental-pic", "--unresolved-symbols=import-dynamic"]
        command = [*zig, "wasm-ld", *flags, "--export-all", "-o", f"{name}.so", f"{name}.o"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        made.append((name, (tmp_path / f"{name}.so").read_bytes()))
    resolve = read(WORLD)
    made[0] = "a", embed(made[0][1], resolve, select_world(resolve))
    instance = Component(encode_component(link(made))).instantiate({})
    assert instance.run(1) == 2 * 106 + 3 + ord("o") * 1000 + ord("z") * 100000
    assert instance.run(1) == 2 * 107 + 3 + ord("o") * 1000 + ord("z") * 100000
