"""Core modules to components: what is accepted, what is rejected, and what comes of it."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wadjet.api.component import Component as Runnable
from wadjet.base.errors import Invalid, Malformed
from wadjet.component.binary import decode as decode_component
from wadjet.component.binary import encode as encode_component
from wadjet.component.build.metadata import PREFIX, embed, worlds_of
from wadjet.component.build.new import new
from wadjet.component.component import Builtin, Component, CoreModule, Lift, Lower
from wadjet.component.features import ALL
from wadjet.component.wit_bridge import decode, read
from wadjet.core.binary import decode as decode_module
from wadjet.core.binary import encode
from wadjet.core.text import parse
from wadjet.wit import print_package, select_world


def core(text: str, wit: str, world: str | None = None) -> bytes:
    """A core module with a world in it."""
    resolve = read({"x.wit": wit})
    return embed(encode(parse(text, ALL)), resolve, select_world(resolve, world))


def world_of(component: Component) -> str:
    """The world of a component, without the packages that it refers to."""
    again = decode_component(encode_component(component), ALL)
    resolve, _ = decode(again)
    return print_package(resolve, resolve.main)


BOTH_WAYS = """
package local:both;
interface base { record point { x: s32 } }
interface defs { use base.{point}; record region { inner: point } }
world both { export defs; use defs.{region}; export make: func() -> region; }
"""


def test_types_of_a_world_are_imported_even_if_their_interface_is_exported() -> None:
    made = new(core('(module (func (export "make") (result i32) i32.const 1))', BOTH_WAYS))
    found = re.findall(r"  (import|export) (\S+?)(?:;|: )", world_of(made))
    assert found == [
        ("import", "local:both/base"), ("import", "local:both/defs"),
        ("export", "local:both/defs"), ("export", "make"),
    ]  # fmt: skip


VERSIONS = """(module
  (import "local:host/ops@0.2.0" "one" (func (param i32) (result i32)))
  (import "local:host/ops@0.2.3" "two" (func (param i32) (result i32)))
  (import "local:host/ops@0.3.0" "one" (func (param i32) (result i32)))
  (func (export "run")))"""


def versioned(text: str, interfaces: dict[str, str]) -> bytes:
    """A module with a world for each version of an interface."""
    data = encode(parse(text, ALL))
    for version, body in interfaces.items():
        host = f"package local:host@{version}; interface ops {{ {body} }}"
        items = f"import local:host/ops@{version}; export run: func();"
        world = f"package local:w; world w {{ {items} }}"
        resolve = read({"w.wit": world, "deps/host.wit": host})
        data = embed(data, resolve, select_world(resolve))
    return data


def imported(component: Component) -> list[str]:
    return re.findall(r"  import (\S+);", world_of(component))


def test_versions_of_an_interface_are_merged_on_their_track() -> None:
    one, two = "resource r; one: func(x: u32) -> u32;", "two: func(x: u32) -> u32;"
    data = versioned(VERSIONS, {"0.2.0": one, "0.2.3": one + two, "0.3.0": one})
    assert imported(new(data)) == ["local:host/ops@0.2.3", "local:host/ops@0.3.0"]
    apart = new(data, merge=False)
    assert imported(apart) == [f"local:host/ops@{v}" for v in ("0.2.0", "0.2.3", "0.3.0")]


def test_versions_that_contradict_each_other() -> None:
    interfaces = {"0.2.0": "one: func(x: u8);", "0.2.1": "one: func(x: u16);"}
    data = versioned('(module (func (export "run")))', interfaces)
    with pytest.raises(Invalid, match="conflicting definitions of `one`"):
        new(data)
    assert imported(new(data, merge=False)) == []


MATH = """
package local:demo@1.0.0;
interface host { log: func(what: string); unused: func(); shout: func(x: u8) -> string; }
interface shapes {
  record point { x: u32, y: u32 }
  resource canvas { constructor(at: point); draw: func(p: point) -> bool; }
  size: func(of: list<point>) -> u32;
}
world math {
  import host;
  import twice: func(x: u32) -> u32;
  export shapes;
  export greet: func(who: string) -> string;
}
"""
GUEST = """(module
  (import "local:demo/host@1.0.0" "log" (func $log (param i32 i32)))
  (import "local:demo/host@1.0.0" "shout" (func (param i32 i32)))
  (import "$root" "twice" (func $twice (param i32) (result i32)))
  (import "[export]local:demo/shapes@1.0.0" "[resource-new]canvas"
    (func $new (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "local:demo/shapes@1.0.0#[constructor]canvas") (param i32 i32) (result i32)
    (call $new (i32.const 7)))
  (func (export "local:demo/shapes@1.0.0#[method]canvas.draw") (param i32 i32 i32) (result i32)
    (i32.eq (local.get 1) (local.get 2)))
  (func (export "local:demo/shapes@1.0.0#[dtor]canvas") (param i32))
  (func (export "local:demo/shapes@1.0.0#size") (param i32 i32) (result i32)
    (call $twice (local.get 1)))
  (func (export "greet") (param i32 i32) (result i32) (i32.const 8))
  (func (export "cabi_post_greet") (param i32))
  (func (export "_initialize")))"""


def test_a_guest_with_everything() -> None:
    component = new(core(GUEST, MATH))
    assert (
        world_of(component)
        == """\
package root:component;

world root {
  import local:demo/host@1.0.0;
  import twice: func(x: u32) -> u32;

  export local:demo/shapes@1.0.0;
  export greet: func(who: string) -> string;
}
"""
    )
    lifts = [d for d in component.definitions if isinstance(d, Lift)]
    assert len(lifts) == 4
    assert [o.name for o in lifts[-1].options] == ["memory", "realloc", "post-return"]
    assert len([d for d in component.definitions if isinstance(d, Lower)]) == 3
    resolve, _ = decode(component)
    host = next(i for i in resolve.interfaces if i.name == "host")
    assert list(host.functions) == ["log", "shout"]


def test_the_newer_names() -> None:
    text = """(module
      (import "cm32p2|local:demo/host@1" "log" (func (param i32 i32)))
      (import "cm32p2" "twice" (func (param i32) (result i32)))
      (import "cm32p2|_ex_local:demo/shapes@1" "canvas_rep" (func (param i32) (result i32)))
      (import "cm32p2|_ex_local:demo/shapes@1" "canvas_drop" (func (param i32)))
      (memory (export "cm32p2_memory") 1)
      (func (export "cm32p2_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
      (func (export "cm32p2|local:demo/shapes@1|[constructor]canvas") (param i32 i32) (result i32)
        (i32.const 0))
      (func (export "cm32p2|local:demo/shapes@1|[method]canvas.draw")
        (param i32 i32 i32) (result i32) (i32.const 0))
      (func (export "cm32p2|local:demo/shapes@1|canvas_dtor") (param i32))
      (func (export "cm32p2|local:demo/shapes@1|size") (param i32 i32) (result i32) (i32.const 0))
      (func (export "cm32p2||greet") (param i32 i32) (result i32) (i32.const 8))
      (func (export "cm32p2||greet_post") (param i32))
      (func (export "cm32p2_initialize")))"""
    component = new(core(text, MATH))
    found = {d.name for d in component.definitions if isinstance(d, Builtin)}
    assert found == {"resource.rep", "resource.drop"}
    assert world_of(component) == world_of(new(core(GUEST, MATH)))


ASYNC = """
package a:b;
world w {
  import fetch: async func(url: string) -> string;
  export run: async func(s: stream<u8>) -> future<string>;
}
"""


def test_async_functions() -> None:
    text = """(module
      (import "$root" "[async-lower]fetch" (func (param i32 i32 i32) (result i32)))
      (import "$root" "[waitable-set-new]" (func (result i32)))
      (import "$root" "[cancellable][waitable-set-wait]" (func (param i32 i32) (result i32)))
      (import "$root" "[context-get-1]" (func (result i32)))
      (import "[export]$root" "[task-return]run" (func (param i32)))
      (import "[export]$root" "[async-lower][stream-read-0]run"
        (func (param i32 i32 i32) (result i32)))
      (import "[export]$root" "[future-new-1]run" (func (result i64)))
      (import "[export]$root" "[stream-drop-readable-unit]" (func (param i32)))
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
      (func (export "[async-lift]run") (param i32) (result i32) (i32.const 0))
      (func (export "[callback][async-lift]run") (param i32 i32 i32) (result i32) (i32.const 0)))"""
    component = new(core(text, ASYNC))
    lift = next(d for d in component.definitions if isinstance(d, Lift))
    assert [o.name for o in lift.options] == ["async", "callback"]
    builtins = {d.name: d.immediates for d in component.definitions if isinstance(d, Builtin)}
    assert builtins["context.get"][1] == 1
    assert builtins["waitable-set.wait"][0] is True
    assert "export run: async func(s: stream<u8>) -> future<string>;" in world_of(component)


def test_adapters() -> None:
    """A command whose `_start` an adapter exports as `run`, and whose output it translates."""
    command = """(module
      (import "old" "write" (func (param i32 i32)))
      (memory (export "memory") 1)
      (func (export "_start")))"""
    adapter = """(module
      (import "env" "memory" (memory 0))
      (import "__main_module__" "_start" (func $start))
      (import "__main_module__" "cabi_realloc" (func (param i32 i32 i32 i32) (result i32)))
      (import "local:io/out" "print" (func $print (param i32 i32)))
      (func (export "local:io/run#run") (result i32) (call $start) (i32.const 0))
      (func (export "write") (param i32 i32) (call $print (local.get 0) (local.get 1))))"""
    io = """package local:io;
      interface out { print: func(text: string); other: func(); }
      interface run { run: func() -> result; }
      world empty {}
      world adapter { import out; export run; }"""
    component = new(core(command, io, "empty"), {"old": core(adapter, io, "adapter")})
    assert "import local:io/out;" in world_of(component)
    assert "export local:io/run;" in world_of(component)
    unused = new(core("(module)", io, "empty"), {"old": core("(module)", io, "empty")})
    assert len([d for d in unused.definitions if isinstance(d, CoreModule)]) == 1


def test_imports_of_one_name() -> None:
    text = """(module
      (import "$root" "f" (func (param i32)))
      (import "$root" "f" (func (param i32))))"""
    component = new(core(text, "package a:b; world w { import f: func(x: u8); }"))
    assert "import f: func(x: u8);" in world_of(component)


def test_the_world_is_kept_beside_the_code() -> None:
    data = core(GUEST, MATH)
    module = decode_module(data, ALL)
    worlds, encoding = worlds_of(module)
    assert (len(worlds), encoding) == (1, "utf8")
    component = new(data)
    sources = [d.source for d in component.definitions if isinstance(d, CoreModule) and d.source]
    assert len(sources) == 1
    assert not any(c.name.startswith(PREFIX) for c in decode_module(sources[0]).customs)


WRONG = [
    ("(module)", "no module exports `.constructor.canvas`"),
    ('(module (import "a" "b" (func)))', "has no interface `a`"),
    ('(module (import "$root" "b" (func)))', "has no function `b`"),
    ('(module (import "$root" "twice" (func)))', r"`twice` makes it \[i32\] -> \[i32\]"),
    ('(module (import "$root" "[resource-drop]x" (func (param i32))))', "no resource `x`"),
    ('(module (import "$root" "[waitable-set-new]" (func)))', "wrong type for `waitable-set.new`"),
    ('(module (import "$root" "twice" (global i32)))', "only functions can be imported"),
    (
        '(module (import "local:demo/host@1.0.0" "none" (func)))',
        "`local:demo/host@1.0.0` has no function `none`",
    ),
    (
        '(module (import "local:demo/host@1.0.0" "[resource-new]x" (func (param i32))))',
        "resource.new` is for resources that are exported|no resource",
    ),
    ('(module (func (export "greet")))', "export `greet`: its type is"),
    (GUEST.replace('(export "memory")', ""), "must export its memory"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_is_rejected(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        new(core(text, MATH))


def test_modules_that_say_nothing_or_nonsense() -> None:
    with pytest.raises(Invalid, match="does not say what world"):
        new(encode(parse("(module)")))
    with pytest.raises(Malformed, match="unknown version"):
        new(
            encode(
                parse(
                    '(module (@custom "component-type" "\\00asm\\0d\\00\\01\\00'
                    '\\00\\18\\16wit-component-encoding\\05"))',
                    ALL,
                )
            )
        )
    with pytest.raises(Malformed):
        new(encode(parse('(module (@custom "component-type" "rubbish"))', ALL)))


# Guests from a compiler, and another implementation's judgement


@pytest.fixture
def wasm_tools() -> str:
    found = shutil.which("wasm-tools", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("NO ORACLE: wasm-tools is not installed beside this Python")
    return found


@pytest.mark.parametrize("text", [GUEST, *(text for text, _ in WRONG)])
def test_another_implementation_agrees(wasm_tools: str, text: str, tmp_path: Path) -> None:
    """Whether it takes the same modules, and ours are components to it."""
    module = tmp_path / "module.wasm"
    module.write_bytes(core(text, MATH))
    theirs = subprocess.run(
        [wasm_tools, "component", "new", module, "-o", tmp_path / "theirs.wasm"],
        capture_output=True,
        check=False,
    )
    try:
        made = encode_component(new(module.read_bytes()))
    except Invalid:
        assert theirs.returncode != 0
        return
    assert theirs.returncode == 0, theirs.stderr
    ours = tmp_path / "ours.wasm"
    ours.write_bytes(made)
    subprocess.run([wasm_tools, "validate", "--features", "all", ours], check=True)
    their_world = decode_component((tmp_path / "theirs.wasm").read_bytes(), ALL)
    assert sorted(world_of(decode_component(made, ALL))) == sorted(world_of(their_world))


GUEST_IN_C = r"""
#define NAME(x) __attribute__((export_name(x)))
__attribute__((import_module("local:demo/host@1.0.0"), import_name("log")))
void host_log(const char *text, unsigned length);
static char heap[1 << 16];
static unsigned used;
NAME("cabi_realloc") void *cabi_realloc(void *old, unsigned size, unsigned align, unsigned wanted) {
  used = (used + align - 1) & -align;
  void *made = heap + used;
  used += wanted;
  for (unsigned i = 0; i < size && i < wanted; i++) ((char *)made)[i] = ((char *)old)[i];
  return made;
}
static struct { char *text; unsigned length; } answer;
NAME("greet") void *greet(char *who, unsigned length) {
  host_log(who, length);
  for (unsigned i = 0; i < length / 2; i++) {
    char c = who[i]; who[i] = who[length - 1 - i]; who[length - 1 - i] = c;
  }
  answer.text = who; answer.length = length;
  return &answer;
}
NAME("local:demo/numbers@1.0.0#sum") unsigned sum(unsigned *items, unsigned count) {
  unsigned total = 0;
  while (count--) total += *items++;
  return total;
}
"""
C_WORLD = """package local:demo@1.0.0;
interface host { log: func(what: string); }
interface numbers { sum: func(of: list<u32>) -> u32; }
world guest { import host; export numbers; export greet: func(who: string) -> string; }"""


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="NO COMPILER: ziglang")
def test_a_guest_in_c(tmp_path: Path) -> None:
    source, module = tmp_path / "guest.c", tmp_path / "guest.wasm"
    source.write_text(GUEST_IN_C)
    command = [sys.executable, "-m", "ziglang", "cc", "--target=wasm32-freestanding", "-nostdlib"]
    flags = ["-O2", "-Wl,--no-entry", "-o", str(module), str(source)]
    subprocess.run([*command, *flags], check=True, timeout=300)
    resolve = read({"x.wit": C_WORLD})
    made = new(embed(module.read_bytes(), resolve, select_world(resolve)))
    assert "export greet: func(who: string) -> string;" in world_of(made)
    said: list[str] = []
    runnable = Runnable(encode_component(made))
    instance = runnable.instantiate({"local:demo/host@1.0.0": {"log": said.append}})
    assert (instance.greet("hello"), said) == ("olleh", ["hello"])
    assert instance.numbers.sum([1, 2, 3]) == 6
