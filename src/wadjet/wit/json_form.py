"""A `Resolve` as plain data for JSON: the shape that other WIT tools write and read.

Four lists, and indices into them, as in the model. What is not there is left out, but for names,
owners and payloads, which are null then. An interface that is its own name in a world has the key
`interface-N`.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from wadjet.wit.model import (
    Alias,
    Borrow,
    Enum,
    FixedList,
    Flags,
    Function,
    Future,
    Interface,
    InterfaceItem,
    Kind,
    Label,
    List,
    Map,
    Option,
    Own,
    Owner,
    Package,
    Record,
    Resolve,
    Resource,
    Result,
    Since,
    Stability,
    Stream,
    Tuple,
    TypeDef,
    TypeItem,
    Variant,
    World,
    WorldItem,
    WorldKey,
)

Json: TypeAlias = bool | int | str | list["Json"] | dict[str, "Json"] | None


def to_json(resolve: Resolve) -> dict[str, Json]:
    """Everything in a `Resolve`, ready for `json.dumps`."""
    return {
        "worlds": [_world(world) for world in resolve.worlds],
        "interfaces": [_interface(interface) for interface in resolve.interfaces],
        "types": [_type_def(type) for type in resolve.types],
        "packages": [_package(package) for package in resolve.packages],
    }


def _package(package: Package) -> Json:
    return {
        "name": str(package.name),
        **_docs(package.docs),
        "interfaces": _ids(package.interfaces),
        "worlds": _ids(package.worlds),
    }


def _ids(ids: Mapping[str, int]) -> Json:
    return {**ids}


def _docs(docs: str | None) -> dict[str, Json]:
    return {} if docs is None else {"docs": {"contents": docs}}


def stability_to_json(stability: Stability) -> dict[str, Json]:
    """What is said of how settled an item is, under the key `stability`; nothing if nothing is."""
    if stability is None:
        return {}
    until = stability.deprecated
    deprecated: dict[str, Json] = {} if until is None else {"deprecated": str(until)}
    if isinstance(stability, Since):
        return {"stability": {"stable": {"since": str(stability.version), **deprecated}}}
    return {"stability": {"unstable": {"feature": stability.feature, **deprecated}}}


def _external(external_id: str | None) -> dict[str, Json]:
    return {} if external_id is None else {"external_id": external_id}


def _world(world: World) -> Json:
    return {
        "name": world.name,
        "imports": _items(world.imports),
        "exports": _items(world.exports),
        "package": world.package,
        **_docs(world.docs),
        **stability_to_json(world.stability),
    }


def _items(items: Mapping[WorldKey, WorldItem]) -> Json:
    return {
        key if isinstance(key, str) else f"interface-{key}": _item(item)
        for key, item in items.items()
    }


def _item(item: WorldItem) -> Json:
    match item:
        case TypeItem(id):
            return {"type": id}
        case Function():
            return {"function": _function(item)}
        case InterfaceItem(id):
            settled = stability_to_json(item.stability)
            said = {**settled, **_external(item.external_id), **_docs(item.docs)}
            return {"interface": {"id": id, **said}}


def _interface(interface: Interface) -> Json:
    clone_of = interface.clone_of
    return {
        "name": interface.name,
        "types": _ids(interface.types),
        "functions": {name: _function(each) for name, each in interface.functions.items()},
        **_docs(interface.docs),
        **stability_to_json(interface.stability),
        "package": interface.package,
        **({} if clone_of is None else {"clone_of": clone_of}),
    }


def _function(function: Function) -> Json:
    result = function.result
    return {
        "name": function.name,
        "kind": _role(function),
        "params": [{"name": param.name, "type": param.type} for param in function.params],
        **({} if result is None else {"result": result}),
        **_docs(function.docs),
        **stability_to_json(function.stability),
        **_external(function.external_id),
    }


def _role(function: Function) -> Json:
    name = "freestanding" if function.role == "free" else function.role
    role = f"async-{name}" if function.is_async else name
    return role if function.resource is None else {role: function.resource}


def _type_def(type: TypeDef) -> Json:
    return {
        "name": type.name,
        "kind": _kind(type.kind),
        "owner": _owner(type.owner),
        **_docs(type.docs),
        **stability_to_json(type.stability),
        **_external(type.external_id),
    }


def _owner(owner: Owner | None) -> Json:
    return None if owner is None else {owner[0]: owner[1]}


def _kind(kind: Kind) -> Json:
    match kind:
        case Resource():
            return "resource"
        case Record(fields):
            made: list[Json] = [{"name": f.name, "type": f.type, **_docs(f.docs)} for f in fields]
            return {"record": {"fields": made}}
        case Variant(cases):
            made = [{"name": c.name, "type": c.type, **_docs(c.docs)} for c in cases]
            return {"variant": {"cases": made}}
        case Enum(labels):
            return {"enum": {"cases": _labels(labels)}}
        case Flags(labels):
            return {"flags": {"flags": _labels(labels)}}
        case Own(resource):
            return {"handle": {"own": resource}}
        case Borrow(resource):
            return {"handle": {"borrow": resource}}
        case Tuple(types):
            return {"tuple": {"types": list(types)}}
        case Result(ok, err):
            return {"result": {"ok": ok, "err": err}}
        case Map(key, value):
            return {"map": [key, value]}
        case FixedList(element, length):
            return {"fixed-length-list": [element, length]}
        case List(type):
            return {"list": type}
        case Option(type):
            return {"option": type}
        case Alias(type):
            return {"type": type}
        case Future(payload):
            return {"future": payload}
        case Stream(payload):
            return {"stream": payload}


def _labels(labels: Iterable[Label]) -> Json:
    return [{"name": label.name, **_docs(label.docs)} for label in labels]
