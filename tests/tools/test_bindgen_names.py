"""Bindings and instances have the same names, and bindings' classes are what values come as."""

import ast
import enum
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import wadjet
from tests.api.guests import calc
from tests.api.test_component import Host
from tests.corpora import workloads
from wadjet.cli import main

Names = dict[str, Any]


def _classes(body: list[ast.stmt]) -> Iterator[ast.ClassDef]:
    return (node for node in body if isinstance(node, ast.ClassDef))


def _stub_names(body: list[ast.stmt]) -> Names:
    """The names in a class of a stub: of functions with parameters, of classes with theirs."""
    found: Names = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("__"):
                found[node.name] = [a.arg for a in node.args.args if a.arg != "self"]
        elif isinstance(node, ast.ClassDef):
            found[node.name] = sorted(n for n in _stub_names(node.body) if n[0] != "_")
        elif isinstance(node, ast.Assign):
            assert isinstance(node.targets[0], ast.Name)
            found[node.targets[0].id] = None
        elif isinstance(node, ast.AnnAssign):
            assert isinstance(node.target, ast.Name)
            found[node.target.id] = None
    return found


def _runtime_names(interface: Any) -> Names:
    """The same of an interface of an instance."""
    found: Names = {}
    for name in dir(interface):
        thing = getattr(interface, name)
        if not isinstance(thing, type):
            found[name] = list(thing.__signature__.parameters)
        elif issubclass(thing, wadjet.Record):
            found[name] = sorted(thing.__match_args__)
        elif issubclass(thing, enum.Enum):
            found[name] = sorted(thing.__members__)
        else:
            found[name] = sorted(n for n in vars(thing) if n[0] != "_")
    return found


def _bindings(component: bytes, folder: Path, name: str) -> ast.Module:
    (folder / f"{name}.wasm").write_bytes(component)
    arguments = ["bindgen", str(folder / f"{name}.wasm"), "-o", str(folder), "--name", name]
    assert main(arguments) == 0
    return ast.parse((folder / f"{name}.pyi").read_text())


def _compare(stub: ast.Module, instance: wadjet.ComponentInstance) -> None:
    exports = next(c for c in _classes(stub.body) if c.name == "exports")
    interfaces = {c.name: _stub_names(c.body) for c in _classes(exports.body)}
    found = {n: getattr(instance, n) for n in dir(instance)}
    assert set(interfaces) == {n for n, each in found.items() if isinstance(each, wadjet.Interface)}
    for name, names in interfaces.items():
        runtime = _runtime_names(found[name])
        aliases = {alias for alias, what in names.items() if what is None}
        assert {n: names[n] for n in names if n not in aliases} == {
            n: runtime[n] for n in runtime if n not in aliases
        }
        assert aliases <= set(runtime)


@pytest.mark.parametrize("name", ["mini", "calc_qjs_stub"])
def test_names_of_real_components(name: str, tmp_path: Path) -> None:
    path = workloads() / "components" / f"{name}.wasm"
    stub = _bindings(path.read_bytes(), tmp_path, name)
    _compare(stub, wadjet.Component.from_file(path).instantiate())


def test_names(tmp_path: Path) -> None:
    stub = _bindings(calc(), tmp_path, "calculator")
    _compare(stub, wadjet.Component(calc()).instantiate(Host()))
    world = next(c for c in _classes(stub.body) if c.name == "Root")
    assert "twice" in _stub_names(world.body)


@pytest.fixture
def bindings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    _bindings(calc(), tmp_path, "calculator_bindings")
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("calculator_bindings")


def test_values_have_the_classes_of_bindings(bindings: Any) -> None:
    ops = bindings.instantiate(wadjet.Component(calc()), Host()).ops
    exported = bindings.exports.ops
    assert type(ops.flip(exported.Point(1.0, 2.0))) is exported.Point
    assert ops.Point is exported.Point is bindings.imports.types.Point
    assert ops.area(exported.Shape.Circle(3.0)) == 9
    assert ops.next(exported.Hue.RED) is exported.Hue.LIGHT_BLUE
    assert exported.Hue is bindings.imports.types.Color
    assert ops.with_exec(exported.Access.READ) == exported.Access.READ | exported.Access.EXEC
    with ops.Counter(1) as counter:
        assert isinstance(counter, exported.Counter)
        assert counter.plus(2) == 3


def test_host_objects_may_be_derived_from_protocols(bindings: Any) -> None:
    class Store(bindings.imports.Store):  # type: ignore[name-defined,misc]  # made just now
        pass

    with pytest.raises(wadjet.Unlinkable, match="open` is missing"):
        bindings.instantiate(wadjet.Component(calc()), {"store": Store, "log": print})
