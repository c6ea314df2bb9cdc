"""What stands for the imports of a component: Python objects, looked up by the rules of
`Component.instantiate` and checked before anything runs."""

import inspect
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final, final

from wadjet.api.component_types import split_role
from wadjet.api.module import Module
from wadjet.base.errors import Unlinkable
from wadjet.canon.naming import interface_names, matches, member, pascal, snake
from wadjet.canon.resources import HostResource
from wadjet.canon.root import Instance
from wadjet.component.closed import ComponentShape, Extern, InstanceShape, TypeBound, sort_of
from wadjet.component.types import FuncType, Resource, ResourceType
from wadjet.engine.runtime.budget import Limits
from wadjet.engine.runtime.store import Store

_MISSING: Final = object()
_VARARGS: Final = 0x04
_HINT: Final = "wasi=wadjet.Wasi(…) supplies the interfaces of WASI"


def supply(shape: ComponentShape, *givers: object) -> dict[str, object]:
    """What stands for each import, by its name: the first giver that has something for it counts.

    Raises Unlinkable with everything that is missing or does not fit.
    """
    return _Supply(shape, givers).all()


def store_for(imports: Mapping[str, object], store: Store | None, limits: Limits | None) -> Store:
    """The store for an instance that imports this: that of the instances among it, if there are
    any, else the one that was asked for. Raises Unlinkable and ValueError where these differ."""
    if store is not None and limits is not None:
        raise ValueError("a store has its own limits: give one or the other")
    shared = {each.store for each in imports.values() if isinstance(each, Instance)}
    if len(shared) > 1:
        raise Unlinkable("the imports belong to different stores")
    for home in shared:
        if limits is not None or (store is not None and store.current() is not home):
            raise ValueError("what is imported lives in a store that has its own limits")
        return home
    return Store(limits) if store is None else store


@final
class _Supply:
    """The search for what stands for the imports of one component."""

    __slots__ = ("_givers", "_problems", "_resources", "_shape")

    def __init__(self, shape: ComponentShape, givers: tuple[object, ...]) -> None:
        self._shape: Final = shape
        self._givers: Final = [_an_object(giver) for giver in givers if giver is not None]
        self._problems: Final[list[str]] = []
        self._resources: Final[dict[Resource, HostResource]] = {}

    def all(self) -> dict[str, object]:
        """What stands for every import."""
        attributes = interface_names(self._shape.imports)
        found = {}
        for name, extern in self._shape.imports.items():
            given = _MISSING
            for giver in self._givers:
                given = _look_up(giver, name, attributes[name])
                if given is not _MISSING:
                    break
            found[name] = self._import(name, extern, given)
        if self._problems:
            lines = [f"imports do not fit: {len(self._problems)} of them", *self._problems]
            if any("wasi:" in problem for problem in self._problems):
                lines.append(_HINT)
            raise Unlinkable("\n  ".join(lines))
        return found

    def _import(self, name: str, extern: Extern, given: object) -> object:
        if isinstance(extern, TypeBound):
            return self._type(name, extern, given)
        if isinstance(extern, InstanceShape):
            if given is _MISSING and not _needs_something(extern):
                return self._interface(name, extern, None)
            if given is not _MISSING:
                linked = _linked(given)
                return self._interface(name, extern, given) if linked is given else linked
        if given is _MISSING:
            self._problems.append(f"{sort_of(extern)} `{name}` is missing")
        elif isinstance(extern, FuncType):
            self._check(name, extern, given)
        return _linked(given)

    def _interface(self, module: str, shape: InstanceShape, giver: object) -> dict[str, object]:
        """What stands for the exports of an instance that is imported."""
        giver = _an_object(giver)
        found: dict[str, object] = {}
        for name, extern in shape.exports.items():
            path = f"{module}: {name}"
            if isinstance(extern, FuncType):
                given, checked = _function(giver, name)
                if given is _MISSING:
                    self._problems.append(f"func `{path}` is missing")
                else:
                    self._check(path, extern, checked)
                    found[name] = given
            elif isinstance(extern, TypeBound):
                found[name] = self._type(path, extern, _look_up(giver, name, pascal(name)))
            else:
                found[name] = self._import(path, extern, _look_up(giver, name, snake(name)))
        return found

    def _type(self, name: str, extern: TypeBound, given: object) -> object:
        """What stands for a type: only resources need anything, and they have it from us."""
        if not isinstance(extern.type, ResourceType):
            return None
        if _linked(given) is not given:
            return _linked(given)
        resource = extern.type.resource
        if resource not in self._resources:
            self._resources[resource] = HostResource(name, _drop)
        return self._resources[resource]

    def _check(self, path: str, t: FuncType, given: object) -> None:
        """Note what is wrong with what stands for a function, as far as can be told."""
        if not callable(given):
            self._problems.append(f"func `{path}`: {given!r} is not callable")
        elif not _takes(given, len(t.params)):
            wanted = ", ".join([label for label, _ in t.params])
            what = f"{len(t.params)} arguments ({wanted})" if t.params else "no arguments"
            self._problems.append(f"func `{path}` is called with {what}, which {given!r} rejects")


def _linked(given: object) -> object:
    """What components are connected by, if something of a component or a module is given."""
    if isinstance(given, Module):
        return given.valid
    return getattr(given, "__wadjet__", given)


def _an_object(giver: object) -> object:
    """What is looked into: of a class, an object."""
    return giver() if isinstance(giver, type) else giver


def _needs_something(shape: InstanceShape) -> bool:
    return any(not isinstance(extern, TypeBound) for extern in shape.exports.values())


def _look_up(giver: object, name: str, attribute: str) -> object:
    """What a giver has under a name."""
    if not isinstance(giver, Mapping):
        return getattr(giver, attribute, _MISSING)
    if name in giver:
        return giver[name]
    for key in giver:
        if isinstance(key, str) and matches(name, key):
            return giver[key]
    return giver.get(attribute, _MISSING)


def _function(giver: object, name: str) -> tuple[object, object]:
    """The function of an interface by its name with its role, and what its parameters tell."""
    role, resource, label = split_role(name)
    if not role:
        found = _look_up(giver, name, snake(label))
        return _linked(found), found
    if isinstance(giver, Mapping) and name in giver:
        return giver[name], giver[name]
    made = _look_up(giver, resource, pascal(resource))
    if role == "[method]":
        return _method(made, member(label))
    found = made
    if role == "[static]" and made is not _MISSING:
        found = getattr(made, member(label), _MISSING)
    return found, found


def _method(made: object, name: str) -> tuple[object, object]:
    """A function that calls a method of its first argument. If the class is known, it must have
    the method."""

    def call(self: Any, *args: Any) -> Any:
        return getattr(self, name)(*args)

    if isinstance(made, type):
        found = getattr(made, name, _MISSING)
        return found if found is _MISSING else call, found
    return call, call


def _drop(resource: object) -> None:
    """The guest gives up a resource of the host's."""
    close = getattr(resource, "close", None)
    if close is not None:
        close()
    elif hasattr(resource, "__exit__"):
        resource.__exit__(None, None, None)


def _takes(function: Callable[..., object], count: int) -> bool:
    """Whether a function can be called with so many arguments, as far as can be told."""
    bound = 0
    if isinstance(function, MethodType):
        bound = 1
        function = function.__func__
    if isinstance(function, FunctionType):
        code = function.__code__
        most = code.co_argcount - bound
        least = most - len(function.__defaults__ or ())
        needs_names = code.co_kwonlyargcount > len(function.__kwdefaults__ or ())
        enough = count <= most or bool(code.co_flags & _VARARGS)
        return least <= count and enough and not needs_names
    if isinstance(function, BuiltinFunctionType):  # finding out would take longer than the rest
        return True
    try:
        inspect.signature(function).bind(*([None] * count))
    except TypeError:
        return False
    except ValueError:  # it does not tell its parameters
        return True
    return True
