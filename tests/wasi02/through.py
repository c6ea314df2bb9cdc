"""A real guest for every function: a component that exports, for each function of WASI 0.2, one
that hands its arguments on and returns what comes back.

What Python gives is lowered into the guest's memory and handles, read out of it again for the
import, and the answer goes the same way back. So a test calls any function as a guest does.
"""

import asyncio
import os
import re
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.corpora import corpora
from tests.interfaces import ORDER
from wadjet.api.component import Component
from wadjet.api.component_instance import ComponentInstance
from wadjet.base.errors import Trap
from wadjet.canon.naming import snake
from wadjet.component.abi import flatten_functype
from wadjet.component.binary import encode as encode_component
from wadjet.component.build.metadata import embed
from wadjet.component.build.new import new
from wadjet.component.wit_bridge.closing import Closing
from wadjet.core.binary import encode
from wadjet.core.features import DEFAULT
from wadjet.core.text import parse
from wadjet.core.types import I32, FuncType
from wadjet.wasi import Wasi
from wadjet.wasi.common.forms import ResultError
from wadjet.wasi.common.forms import name as name_of
from wadjet.wasi.world import World
from wadjet.wit import model, resolve, select_world
from wadjet.wit.model import Function, Interface, Resolve, Type

#: names a file for what was called and what failed, of all guests of a run
LOG = "WADJET_WASI02_LOG"
#: what a component exports itself
EXPORTED = ("wasi:cli/run", "wasi:http/incoming-handler")

_HEAD = """(module
  (memory (export "memory") 16)
  (global $top (mut i32) (i32.const 1024))
  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $top (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get 3)))
    (block $enough
      (br_if $enough
        (i32.lt_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.const 64)))))
"""


_DROP = "(call {0} (local.get {1}))"
_DROP_ALL = """(block $done (loop $next (br_if $done (i32.eqz (local.get {2})))
  (call {0} (i32.load (local.get {1})))
  (local.set {1} (i32.add (local.get {1}) (i32.const 4)))
  (local.set {2} (i32.sub (local.get {2}) (i32.const 1))) (br $next)))"""


def _text(resolved: Resolve, t: Type | None) -> str:
    """A type as WIT writes it."""
    if t is None:
        return "_"
    if isinstance(t, model.Primitive):
        return t.value
    made, kind = resolved.types[t], resolved.types[t].kind
    if made.name is not None:
        return f"%{made.name}"
    match kind:
        case model.Own():
            return _text(resolved, kind.resource)
        case model.Borrow():
            return f"borrow<{_text(resolved, kind.resource)}>"
        case model.List():
            return f"list<{_text(resolved, kind.element)}>"
        case model.Option():
            return f"option<{_text(resolved, kind.payload)}>"
        case model.Tuple():
            return f"tuple<{', '.join(_text(resolved, each) for each in kind.types)}>"
        case model.Result():
            if kind.err is None:
                return "result" if kind.ok is None else f"result<{_text(resolved, kind.ok)}>"
            return f"result<{_text(resolved, kind.ok)}, {_text(resolved, kind.err)}>"
    raise AssertionError(f"WASI 0.2 has no {kind}")


def exported_name(function: Function) -> str:
    """`[method]input-stream.read` → `input-stream-read`."""
    if function.role == "free":
        return function.name
    if function.role == "constructor":
        return f"{function.name.partition(']')[2]}-new"
    return function.name.partition("]")[2].replace(".", "-")


def _label(name: str) -> str:
    """`wasi:io/poll@0.2.12` → `io-poll`."""
    return name.partition(":")[2].partition("@")[0].replace("/", "-")


def _wit(resolved: Resolve, wanted: list[tuple[str, Interface]]) -> str:
    """The world of the guest, and the interfaces it exports."""
    lines = ["package tests:through;"]
    for name, interface in wanted:
        lines.append(f"interface {_label(name)} {{")
        if interface.types:
            lines.append(f"  use {name}.{{{', '.join(f'%{t}' for t in interface.types)}}};")
        for function in interface.functions.values():
            params = ", ".join(
                f"%{'this' if p.name == 'self' else p.name}: {_text(resolved, p.type)}"
                for p in function.params
            )
            result = (
                f" -> {_text(resolved, function.result)}" if function.result is not None else ""
            )
            lines.append(f"  call-{exported_name(function)}: func({params}){result};")
        lines.append("}")
    lines.append("world guest {")
    for name, _ in wanted:
        lines += [f"  import {name};", f"  export {_label(name)};"]
    return "\n".join([*lines, "}"])


def _types(t: FuncType) -> str:
    words = [f"(param {each})" for each in t.params] + [f"(result {each})" for each in t.results]
    return " ".join(words)


def _core(resolved: Resolve, wanted: list[tuple[str, Interface]]) -> str:
    """The guest itself. Borrowed handles are given back before a call returns."""
    closing = Closing(resolved)
    imports, functions, drops = [], [], {}
    for name, interface in wanted:
        for function in interface.functions.values():
            ft = closing.func(function)
            lowered = flatten_functype(ft, I32, "lower")
            lifted = flatten_functype(ft, I32, "lift")
            key = f"{name} {function.name}"
            imports.append(f'(import "{name}" "{function.name}" (func ${key!r} {_types(lowered)}))')
            body = [f"(local.get {i})" for i in range(len(lifted.params))]
            by_memory = len(lowered.params) > len(lifted.params)
            if by_memory:
                room = "(call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 512))"
                body.append(f"(local.tee $result {room})")
            body.append(f"(call ${key!r})")
            if by_memory:
                body.append("(local.get $result)")
            place = 0
            for param, (_, t) in zip(function.params, ft.params):
                flat = flatten_functype(type(ft)((("x", t),), None), I32, "lower").params
                kind = _kind(resolved, param.type)
                many = isinstance(kind, model.List)
                if isinstance(kind, model.List):
                    kind = _kind(resolved, kind.element)
                if isinstance(kind, model.Borrow):
                    owner, resource = _resource(resolved, kind.resource)
                    drops[owner, resource] = None
                    given_back = f"$'drop {owner} {resource}'"
                    body.append((_DROP_ALL if many else _DROP).format(given_back, place, place + 1))
                place += len(flat)
            export = f"tests:through/{_label(name)}#call-{exported_name(function)}"
            functions.append(
                f'(func (export "{export}") {_types(lifted)} (local $result i32) {" ".join(body)})'
            )
    for owner, resource in drops:
        imports.append(
            f'(import "{owner}" "[resource-drop]{resource}"'
            f" (func $'drop {owner} {resource}' (param i32)))"
        )
    text = [*map(_quoted, imports), *map(_quoted, functions)]
    return (
        _HEAD.replace("(module", "(module " + "\n".join(text[: len(imports)]), 1)
        + "\n".join(text[len(imports) :])
        + ")"
    )


def _quoted(line: str) -> str:
    """Names with blanks and brackets as identifiers."""
    return re.sub(r"\$'([^']*)'", lambda m: '$"' + m[1] + '"', line)


def _kind(resolved: Resolve, t: Type) -> object:
    return None if isinstance(t, model.Primitive) else resolved.types[t].kind


def _resource(resolved: Resolve, t: model.TypeId) -> tuple[str, str]:
    """The interface that defines a resource, and its name there."""
    made = resolved.types[t]
    while isinstance(made.kind, model.Alias) and not isinstance(made.kind.target, model.Primitive):
        made = resolved.types[made.kind.target]
    assert made.owner is not None
    name = resolved.full_name(model.InterfaceId(made.owner[1]))
    assert name is not None
    assert made.name is not None
    return name, made.name


@cache
def binary(folder: Path, packages: tuple[str, ...] = ORDER) -> bytes:
    """The guest for the interfaces of these packages."""
    groups = [folder / name / "wit" for name in ORDER]
    resolved = resolve(groups, all_features=True)
    wanted = []
    for interface in resolved.interfaces:
        if interface.name is not None:
            full = resolved.packages[interface.package].name.member(interface.name)
            package = full.partition(":")[2].partition("/")[0]
            if package in packages and not full.startswith(EXPORTED):
                wanted.append((full, interface))
    module = encode(parse(_core(resolved, wanted), DEFAULT))
    texts = {"guest.wit": _wit(resolved, wanted)}
    for group in groups:
        for file in group.glob("*.wit"):
            texts[f"deps/{group.parent.name}/{file.name}"] = file.read_text()
    world = resolve(texts, all_features=True)
    return encode_component(new(embed(module, world, select_world(world))))


@cache
def through(folder: Path) -> Component:
    """The guest for all interfaces."""
    return Component(binary(folder))


class Guest:
    """The guest with what it is granted: `guest("io/streams", "input-stream.read", stream, 4)`."""

    def __init__(self, **grants: Any) -> None:
        given = {"stdin": None, "stdout": None, "stderr": None} | grants
        self._runner = asyncio.Runner()
        self._world = World(Wasi(**given))
        component = through(corpora("wasi-wit") / "wasi-0.2.12")
        self._instance = self._runner.run(self._made(component))
        self.called: set[str] = set()
        self.failed: set[str] = set()

    async def _made(self, component: Component) -> ComponentInstance:
        return component.instantiate(wasi=self._world, tier="interpreter", awaitable=True)

    def __call__(self, interface: str, function: str, *args: Any) -> Any:
        """Call a function through the guest. Raises ResultError with what it answers."""
        name = function.replace(".", "-")
        self.called.add(f"{interface} {name}")
        exports = self._instance[f"tests:through/{interface.replace('/', '-')}"]
        try:
            return self._runner.run(getattr(exports, snake(f"call-{name}"))(*args))
        except (ResultError, Trap):
            self.failed.add(f"{interface} {name}")
            raise

    def refusal(self, interface: str, function: str, *args: Any) -> str:
        """What a call is refused with: the name of the error code."""
        with pytest.raises(ResultError) as caught:
            self(interface, function, *args)
        return name_of(caught.value.value)

    def missing(self, interface: str) -> set[str]:
        """The functions of an interface that were not called."""
        exports = self._instance[f"tests:through/{interface.replace('/', '-')}"]
        every = {name for name in exports.__dict__[""].names.values() if name.startswith("call-")}
        done = {each.partition(" ")[2] for each in self.called if each.startswith(f"{interface} ")}
        return every - {f"call-{name}" for name in done}

    def __enter__(self) -> "Guest":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._instance.close()
        self._runner.close()
        self._world.close()
        if (log := os.environ.get(LOG)) is not None:
            with Path(log).open("a") as file:
                file.writelines(f"called {each}\n" for each in self.called)
                file.writelines(f"failed {each}\n" for each in self.failed)
