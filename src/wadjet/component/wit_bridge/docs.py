"""The custom section `package-docs`: what a package in binary form says beside its types.

A byte for the version (0 or 1), then JSON: by world, interface, type, function and member the docs
and how settled each is. This is a convention of WIT tools; component types have no place for it.
"""

import json
from collections.abc import Iterator, Mapping
from wadjet.base.records import replace
from typing import Final, TypeVar

from wadjet.base.errors import Malformed
from wadjet.wit.json_form import Json, stability_to_json
from wadjet.wit.model import (
    Enum, Flags, Function, InterfaceId, InterfaceItem, Kind, PackageId, Record, Resolve, Since,
    Stability, TypeDef, TypeId, TypeItem, Unstable, Variant, World, WorldItem, WorldKey,
)  # fmt: skip
from wadjet.wit.semver import Version, parse_version

SECTION: Final = "package-docs"
_VERSION: Final = 1

_Object = dict[str, Json]
_K = TypeVar("_K")
_T = TypeVar("_T")


# To bytes


def encode_docs(resolve: Resolve, id: PackageId) -> bytes:
    """The contents of the section for a package."""
    package = resolve.packages[id]
    worlds = {name: _world(resolve, resolve.worlds[w]) for name, w in package.worlds.items()}
    interfaces = {name: _interface(resolve, i) for name, i in package.interfaces.items()}
    made = _said(package.docs, None)
    made |= _filled({"worlds": _filled(worlds), "interfaces": _filled(interfaces)})
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
    return bytes([_VERSION]) + text.encode()


def _filled(items: Mapping[str, Json]) -> _Object:
    """Those of which something is said."""
    return {key: value for key, value in items.items() if value}


def _said(docs: str | None, stability: Stability) -> _Object:
    made: _Object = {} if docs is None else {"docs": docs}
    return made | stability_to_json(stability)


def _world(resolve: Resolve, world: World) -> _Object:
    inline: dict[str, _Object] = {"import": {}, "export": {}}
    funcs: dict[str, _Object] = {"import": {}, "export": {}}
    types: _Object = {}
    stability: dict[str, _Object] = {"import": {}, "export": {}}
    docs: dict[str, _Object] = {"import": {}, "export": {}}
    for kind, key, item in _items(world):
        name = resolve.key_name(key)
        match item:
            case Function():
                funcs[kind][name] = _said(item.docs, item.stability)
            case TypeItem(id):
                types[name] = _type(resolve.types[id])
            case InterfaceItem(id) if resolve.interfaces[id].name is None:
                inline[kind][name] = _interface(resolve, id)
            case InterfaceItem():
                stability[kind][name] = stability_to_json(item.stability).get("stability")
                docs[kind][name] = item.docs
    made = {
        "interfaces": inline["import"],
        "types": types,
        "funcs": funcs["import"],
        "interface_exports": inline["export"],
        "func_exports": funcs["export"],
        "interface_import_stability": stability["import"],
        "interface_export_stability": stability["export"],
        "interface_import_docs": docs["import"],
        "interface_export_docs": docs["export"],
    }
    return _said(world.docs, world.stability) | _filled({k: _filled(v) for k, v in made.items()})


def _items(world: World) -> Iterator[tuple[str, WorldKey, WorldItem]]:
    for kind, items in (("import", world.imports), ("export", world.exports)):
        for key, item in items.items():
            yield kind, key, item


def _interface(resolve: Resolve, id: InterfaceId) -> _Object:
    interface = resolve.interfaces[id]
    funcs = {n: _said(f.docs, f.stability) for n, f in interface.functions.items()}
    types = {name: _type(resolve.types[t]) for name, t in interface.types.items()}
    made = _said(interface.docs, interface.stability)
    return made | _filled({"funcs": _filled(funcs), "types": _filled(types)})


def _type(type_: TypeDef) -> _Object:
    members = {name: docs for name, docs in _members(type_.kind) if docs is not None}
    return _said(type_.docs, type_.stability) | _filled({"items": {**members}})


def _members(kind: Kind) -> list[tuple[str, str | None]]:
    match kind:
        case Record(fields):
            return [(field.name, field.docs) for field in fields]
        case Variant(cases):
            return [(case.name, case.docs) for case in cases]
        case Enum(labels) | Flags(labels):
            return [(label.name, label.docs) for label in labels]
    return []


# From bytes


def decode_docs(resolve: Resolve, id: PackageId, data: bytes) -> None:
    """Put what the section says into a package. Raises Malformed where it cannot be understood, or
    speaks of what is not there."""
    if not data or data[0] > _VERSION:
        raise Malformed(f"unknown version of the section {SECTION}")
    try:
        found = json.loads(data[1:])
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the section {SECTION} is not JSON: {error}") from None
    said, package = _object(found), resolve.packages[id]
    package.docs = _text(said.get("docs"))
    for name, world in _objects(said, "worlds"):
        _into_world(resolve, resolve.worlds[_there(package.worlds, name)], world)
    for name, interface in _objects(said, "interfaces"):
        _into_interface(resolve, _there(package.interfaces, name), interface)


def _there(items: Mapping[_K, _T], name: _K) -> _T:
    if name not in items:
        raise Malformed(f"the section {SECTION} speaks of `{name}`, which is not there")
    return items[name]


def _object(value: Json) -> _Object:
    if not isinstance(value, dict):
        raise Malformed(f"the section {SECTION} has something else where an object belongs")
    return value


def _objects(said: _Object, key: str) -> list[tuple[str, _Object]]:
    return [(name, _object(value)) for name, value in _object(said.get(key, {})).items()]


def _text(value: Json) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Malformed(f"the section {SECTION} has something else where a text belongs")
    return value


def _stability(value: Json) -> Stability:
    """What `stability_to_json` says, read back."""
    if value is None or value == "unknown":
        return None
    said = _object(value)
    if "stable" in said:
        stable = _object(said["stable"])
        return Since(_version(stable.get("since")), _maybe_version(stable.get("deprecated")))
    unstable = _object(said.get("unstable"))
    feature = _text(unstable.get("feature")) or ""
    return Unstable(feature, _maybe_version(unstable.get("deprecated")))


def _version(value: Json) -> Version:
    version = parse_version(_text(value) or "")
    if version is None:
        raise Malformed(f"the section {SECTION} has something else where a version belongs")
    return version


def _maybe_version(value: Json) -> Version | None:
    return None if value is None else _version(value)


def _into_world(resolve: Resolve, world: World, said: _Object) -> None:
    world.docs, world.stability = _text(said.get("docs")), _stability(said.get("stability"))
    for name, value in _objects(said, "types"):
        item = _there(world.imports, name)
        if isinstance(item, TypeItem):
            _into_type(resolve, item.id, value)
    for section, kind in _SECTIONS.items():
        items = {resolve.key_name(key): item for key, item in world.exports.items()}
        if kind == "import":  # where version 0 also has exports
            items |= {resolve.key_name(key): item for key, item in world.imports.items()}
        for name, about in _object(said.get(section, {})).items():
            _into_item(resolve, _there(items, name), section, about)


#: what a world says in one place of its imports or exports
_SECTIONS: Final = {
    "interfaces": "import",
    "funcs": "import",
    "interface_exports": "export",
    "func_exports": "export",
    "interface_import_stability": "import",
    "interface_export_stability": "export",
    "interface_import_docs": "import",
    "interface_export_docs": "export",
}


def _into_item(resolve: Resolve, item: WorldItem, section: str, value: Json) -> None:
    if isinstance(item, InterfaceItem):
        if section.endswith("stability"):
            item.stability = _stability(value)
        elif section.endswith("docs"):
            item.docs = _text(value)
        else:
            _into_interface(resolve, item.id, _object(value))
            item.stability = resolve.interfaces[item.id].stability
    elif isinstance(item, Function):
        _into_function(item, value)


def _into_interface(resolve: Resolve, id: InterfaceId, said: _Object) -> None:
    interface = resolve.interfaces[id]
    interface.docs = _text(said.get("docs"))
    interface.stability = _stability(said.get("stability"))
    for name, value in _object(said.get("funcs", {})).items():
        _into_function(_there(interface.functions, name), value)
    for name, value in _objects(said, "types"):
        _into_type(resolve, _there(interface.types, name), value)


def _into_function(function: Function, value: Json) -> None:
    if isinstance(value, str):  # version 0 has nothing but docs
        function.docs = value
        return
    said = _object(value)
    function.docs = _text(said.get("docs"))
    function.stability = _stability(said.get("stability"))


def _into_type(resolve: Resolve, id: TypeId, said: _Object) -> None:
    type_ = resolve.types[id]
    type_.docs, type_.stability = _text(said.get("docs")), _stability(said.get("stability"))
    docs = {name: _text(value) for name, value in _object(said.get("items", {})).items()}
    match type_.kind:
        case Record(fields):
            type_.kind = Record(tuple([replace(f, docs=docs.get(f.name)) for f in fields]))
        case Variant(cases):
            type_.kind = Variant(tuple([replace(c, docs=docs.get(c.name)) for c in cases]))
        case Enum(labels):
            type_.kind = Enum(tuple([replace(each, docs=docs.get(each.name)) for each in labels]))
        case Flags(labels):
            type_.kind = Flags(tuple([replace(each, docs=docs.get(each.name)) for each in labels]))
