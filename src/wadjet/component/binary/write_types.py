"""The only place that writes types of the component model as bytes (Binary.md, "Type
Definitions"), with the names and sorts that occur in them.
"""

from wadjet.base.leb128 import signed, unsigned
from wadjet.component.binary import codes
from wadjet.component.types import (
    ATTRIBUTES, CORE_SORTS, OWN_SORTS, Alias, AliasCoreExport, AliasExport, AnyType, Borrow,
    ComponentType, CoreTypeDef, Decl, Enum, EqType, EqValue, ExternName, ExternType, Flags,
    FuncType, Future, Import, InstanceType, List, Map, ModuleAlias, ModuleDecl, ModuleImport,
    ModuleType, Option, Own, Prim, Record, ResourceDef, Result, Shape, Stream, SubResource, Tuple,
    TypeDef, TypeUse, ValType, ValueUse, Variant,
)  # fmt: skip
from wadjet.core.binary import write_types as core
from wadjet.core.binary.types import SUB
from wadjet.core.binary.write_types import name, vector


def sort(text: str) -> bytes:
    """A sort: one byte, or two for those of core."""
    return bytes([0, CORE_SORTS[text]] if text in CORE_SORTS else [OWN_SORTS[text]])


def extern_name(n: ExternName) -> bytes:
    """The name of an import or export."""
    form = n.form
    if form is None or (form < 2 and n.attributes):
        form = 2 if n.attributes else 0
    out = bytes([form]) + name(n.name)
    if form < 2:
        return out
    return out + vector([bytes([ATTRIBUTES[a.kind]]) + name(a.text) for a in n.attributes])


def alias(a: Alias) -> bytes:
    """An alias."""
    if isinstance(a, AliasExport):
        return sort(a.sort) + b"\0" + unsigned(a.instance) + name(a.name)
    if isinstance(a, AliasCoreExport):
        return sort(a.sort) + b"\1" + unsigned(a.instance) + name(a.name)
    return sort(a.sort) + b"\2" + unsigned(a.count) + unsigned(a.index)


def valuetype(t: ValType) -> bytes:
    """A value type."""
    if isinstance(t, Prim):
        return bytes([t.code])
    assert isinstance(t, int), "a component as written names types by index"
    return signed(t)


def optional(t: ValType | None) -> bytes:
    """A value type or that there is none."""
    return b"\0" if t is None else b"\1" + valuetype(t)


def resultlist(t: ValType | None) -> bytes:
    """The result of a function."""
    return b"\1\0" if t is None else b"\0" + valuetype(t)


def _labelled(items: tuple[tuple[str, ValType], ...]) -> bytes:
    return vector([name(label) + valuetype(t) for label, t in items])


def _labels(labels: tuple[str, ...]) -> bytes:
    return vector([name(label) for label in labels])


def deftype(t: AnyType) -> bytes:
    """The type of a type definition."""
    match t:
        case Prim():
            return valuetype(t)
        case FuncType(params, result, is_async):
            code = codes.ASYNC_FUNC if is_async else codes.FUNC
            return bytes([code]) + _labelled(params) + resultlist(result)
        case ComponentType(decls):
            return bytes([codes.COMPONENT]) + vector([_decl(d) for d in decls])
        case InstanceType(decls):
            return bytes([codes.INSTANCE]) + vector([_decl(d) for d in decls])
        case ResourceDef(rep, dtor):
            after = b"\0" if dtor is None else b"\1" + unsigned(dtor)
            return bytes([codes.RESOURCE]) + core.valtype(rep) + after
        case _:
            return _shape(t)


def _shape(t: Shape) -> bytes:
    match t:
        case Record(fields):
            return bytes([codes.RECORD]) + _labelled(fields)
        case Variant(cases):
            made = [name(label) + optional(payload) + b"\0" for label, payload in cases]
            return bytes([codes.VARIANT]) + vector(made)
        case List(element, None):
            return bytes([codes.LIST]) + valuetype(element)
        case List(element, int(length)):
            return bytes([codes.FIXED_LIST]) + valuetype(element) + unsigned(length)
        case Map(key, value):
            return bytes([codes.MAP]) + valuetype(key) + valuetype(value)
        case Tuple(items):
            return bytes([codes.TUPLE]) + vector([valuetype(item) for item in items])
        case Flags(labels):
            return bytes([codes.FLAGS]) + _labels(labels)
        case Enum(labels):
            return bytes([codes.ENUM]) + _labels(labels)
        case Option(some):
            return bytes([codes.OPTION]) + valuetype(some)
        case Result(ok, error):
            return bytes([codes.RESULT]) + optional(ok) + optional(error)
        case Own(resource) | Borrow(resource):
            assert isinstance(resource, int), "a component as written names types by index"
            code = codes.OWN if isinstance(t, Own) else codes.BORROW
            return bytes([code]) + unsigned(resource)
        case Stream(element):
            return bytes([codes.STREAM]) + optional(element)
        case Future(element):
            return bytes([codes.FUTURE]) + optional(element)
    raise AssertionError(t)


def _decl(d: Decl | Import) -> bytes:
    if isinstance(d, CoreTypeDef):
        return b"\0" + core_type_def(d)
    if isinstance(d, TypeDef):
        return b"\1" + deftype(d.type)
    if isinstance(d, Alias):
        return b"\2" + alias(d)
    code = b"\3" if isinstance(d, Import) else b"\4"
    return code + extern_name(d.name) + extern_desc(d.type)


def extern_desc(t: ExternType) -> bytes:
    """The type of an import or export."""
    if isinstance(t, TypeUse):
        return sort(t.sort) + unsigned(t.type)
    if isinstance(t, EqType):
        return sort("type") + b"\0" + unsigned(t.type)
    if isinstance(t, SubResource):
        return sort("type") + b"\1"
    if isinstance(t, EqValue):
        return sort("value") + b"\0" + unsigned(t.value)
    assert isinstance(t, ValueUse), t
    return sort("value") + b"\1" + valuetype(t.type)


def core_type_def(d: CoreTypeDef) -> bytes:
    """A core type definition."""
    if isinstance(d.type, ModuleType):
        return bytes([codes.MODULE]) + vector([_module_decl(part) for part in d.type.decls])
    out = core.rectype(d.type)
    return b"\0" + out if out[0] == SUB else out


def _module_decl(d: ModuleDecl) -> bytes:
    if isinstance(d, ModuleImport):
        return b"\0" + name(d.what.module) + name(d.what.name) + core.externtype(d.what.type)
    if isinstance(d, CoreTypeDef):
        return b"\1" + core_type_def(d)
    if isinstance(d, ModuleAlias):
        head = bytes([CORE_SORTS["core type"], 1])
        return b"\2" + head + unsigned(d.count) + unsigned(d.index)
    return b"\3" + name(d.name) + core.externtype(d.type)
