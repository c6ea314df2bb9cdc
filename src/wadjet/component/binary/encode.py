"""`Component` → bytes: the only place that writes components (Binary.md).

Every number takes the fewest bytes. What else there is to choose was kept by `decode`, so that
`encode(decode(data)) == data` where `data` was as short; core modules are written as they were
read in any case. And `decode(encode(component)) == component`.
"""

from wadjet.base.leb128 import unsigned
from wadjet.component.binary import write_types as write
from wadjet.component.binary.decode import VERSION
from wadjet.component.binary.names import NAME_SECTION, encode_names
from wadjet.component.builtins import BY_NAME, FLAGS, OPTIONS
from wadjet.component.component import (
    Arg, Canon, CanonOption, Component, CoreInstance, CoreInstantiate, CoreModule, Custom,
    Definition, Export, Immediate, InlineExport, Instance, Instantiate, Lift, Lower, Start, Value,
    section_of,
)  # fmt: skip
from wadjet.component.types import CORE_SORTS, Alias, CoreTypeDef, Import, Prim, TypeDef
from wadjet.core import binary as core
from wadjet.core.binary.reader import COMPONENT_LAYER, MAGIC
from wadjet.core.binary.write_types import blob, name, valtype, vector
from wadjet.core.types import ValType as CoreValType

#: sections that hold one definition each, without a count before it
_SINGLE = (0, 1, 4, 9)


def encode(component: Component, *, names: bool = False) -> bytes:
    """Write a component. With `names`, every component in it without a component-name section
    gets one for its names, and core modules that were not read from bytes get name sections.
    """
    out = [MAGIC, VERSION, COMPONENT_LAYER]
    at = 0
    for number, count in _runs(component):
        run = component.definitions[at : at + count]
        at += count
        if number in _SINGLE:
            content = _single(run[0], names)
        else:
            content = vector([_definition(d) for d in run])
        out.append(bytes([number]) + blob(content))
    if names and not any(
        isinstance(d, Custom) and d.name == NAME_SECTION for d in component.definitions
    ):
        content = encode_names(component.names)
        out.append(b"\0" + blob(name(NAME_SECTION) + content) if content else b"")
    return b"".join(out)


def _runs(component: Component) -> list[tuple[int, int]]:
    """The sections to write: as they were, where the definitions still are, or else each kind of
    definitions gathered while it lasts."""
    kinds = [section_of(d) for d in component.definitions]
    given = component.runs
    if given is not None and [n for n, count in given for _ in range(count)] == kinds:
        return given
    runs: list[tuple[int, int]] = []
    for kind in kinds:
        if runs and runs[-1][0] == kind and kind not in _SINGLE:
            runs[-1] = (kind, runs[-1][1] + 1)
        else:
            runs.append((kind, 1))
    return runs


def _single(definition: Definition, names: bool) -> bytes:
    if isinstance(definition, CoreModule):
        if definition.source is not None:
            return definition.source
        return core.encode(definition.module, names=names)
    if isinstance(definition, Component):
        return encode(definition, names=names)
    if isinstance(definition, Custom):
        return name(definition.name) + definition.data
    assert isinstance(definition, Start), definition
    args = vector([unsigned(arg) for arg in definition.args])
    return unsigned(definition.func) + args + unsigned(definition.results)


def _definition(d: Definition) -> bytes:
    if isinstance(d, CoreInstance):
        return _core_instance(d)
    if isinstance(d, CoreTypeDef):
        return write.core_type_def(d)
    if isinstance(d, Instance):
        return _instance(d)
    if isinstance(d, Alias):
        return write.alias(d)
    if isinstance(d, TypeDef):
        return write.deftype(d.type)
    if isinstance(d, Canon):
        return _canon(d)
    if isinstance(d, Import):
        return write.extern_name(d.name) + write.extern_desc(d.type)
    if isinstance(d, Export):
        ascribed = b"\0" if d.type is None else b"\1" + write.extern_desc(d.type)
        return write.extern_name(d.name) + write.sort(d.sort) + unsigned(d.index) + ascribed
    assert isinstance(d, Value), d
    return write.valuetype(d.type) + blob(d.data)


def _core_instance(d: CoreInstance) -> bytes:
    if isinstance(d, CoreInstantiate):
        code = bytes([CORE_SORTS["core instance"]])
        args = [name(text) + code + unsigned(index) for text, index in d.args]
        return b"\0" + unsigned(d.module) + vector(args)
    exports = [name(e.name) + bytes([CORE_SORTS[e.sort]]) + unsigned(e.index) for e in d.exports]
    return b"\1" + vector(exports)


def _instance(d: Instance) -> bytes:
    if isinstance(d, Instantiate):
        return b"\0" + unsigned(d.component) + vector([_arg(arg) for arg in d.args])
    return b"\1" + vector([_inline_export(e) for e in d.exports])


def _arg(arg: Arg) -> bytes:
    return name(arg.name) + write.sort(arg.sort) + unsigned(arg.index)


def _inline_export(e: InlineExport) -> bytes:
    return write.extern_name(e.name) + write.sort(e.sort) + unsigned(e.index)


def _canon(d: Canon) -> bytes:
    if isinstance(d, Lift):
        return b"\0\0" + unsigned(d.func) + _options(d.options) + unsigned(d.type)
    if isinstance(d, Lower):
        return b"\1\0" + unsigned(d.func) + _options(d.options)
    row = BY_NAME[d.name]
    parts = [_immediate(k, i) for k, i in zip(row.immediates, d.immediates, strict=True)]
    return bytes([row.code]) + b"".join(parts)


def _immediate(kind: str, value: Immediate) -> bytes:
    if kind == "opts":
        assert isinstance(value, tuple)
        return _options(value)
    if kind == "result":
        assert value is None or isinstance(value, int | Prim)
        return write.resultlist(value)
    if kind == "valtype":
        assert isinstance(value, CoreValType)
        return valtype(value)
    assert isinstance(value, int)
    return bytes([value]) if kind in FLAGS else unsigned(value)


def _options(options: tuple[CanonOption, ...]) -> bytes:
    return vector([_option(option) for option in options])


def _option(option: CanonOption) -> bytes:
    code = bytes([OPTIONS[option.name]])
    return code if option.index is None else code + unsigned(option.index)
