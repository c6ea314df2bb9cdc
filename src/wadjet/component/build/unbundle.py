"""Taking core modules out of a component: it imports them afterwards."""

from wadjet.base.records import replace

from wadjet.base.errors import Invalid
from wadjet.component.builtins import BY_NAME
from wadjet.component.component import (
    Builtin, Component, CoreModule, Definition, Export, additions,
)  # fmt: skip
from wadjet.component.types import (
    AliasOuter, ComponentType, CoreTypeDef, ExternName, Import, InstanceType, ModuleExport,
    ModuleImport, ModuleType, TypeDef, TypeUse,
)  # fmt: skip
from wadjet.core import types as core
from wadjet.core.binary import encode
from wadjet.core.module import Import as CoreImport
from wadjet.core.module import Module


def unbundle(component: Component, threshold: int = 0) -> tuple[Component, dict[str, bytes]]:
    """A component without those of its core modules that take more bytes than a threshold, and
    the modules by the names under which it imports them. Modules of components inside stay."""
    made: list[Definition] = []
    modules: dict[str, bytes] = {}
    moved: list[int] = []  # core types as they were → as they are
    count = 0
    for d in component.definitions:
        source = _bytes(d) if isinstance(d, CoreModule) else b""
        if isinstance(d, CoreModule) and len(source) > threshold:
            name = f"unbundled-module{len(modules)}"
            modules[name] = source
            made.append(CoreTypeDef(module_type(d.module)))
            made.append(Import(ExternName(name), TypeUse("core module", count)))
            count += 1
            continue
        made.append(_moved(d, moved) if modules else d)
        sort, added = additions(d)
        if sort == "core type":
            moved += range(count, count + added)
            count += added
    return Component(made), modules


def _bytes(d: CoreModule) -> bytes:
    return encode(d.module) if d.source is None else d.source


def _moved(d: Definition, moved: list[int]) -> Definition:
    """A definition with the core types it names where they are now."""
    match d:
        case Import(type=TypeUse("core module", index)):
            return replace(d, type=TypeUse("core module", moved[index]))
        case Export(type=TypeUse("core module", index)):
            return replace(d, type=TypeUse("core module", moved[index]))
        case Builtin(name, immediates) if "coretype" in BY_NAME[name].immediates:
            kinds = BY_NAME[name].immediates
            new = [moved[i] if kind == "coretype" and isinstance(i, int) else i
                   for kind, i in zip(kinds, immediates, strict=True)]  # fmt: skip
            return replace(d, immediates=tuple(new))
        case AliasOuter("core type") | CoreTypeDef():
            raise Invalid("core types that refer to others cannot be moved")
        case TypeDef(ComponentType() | InstanceType()) | Component() if moved:
            raise Invalid("types inside may refer to core types, which cannot be moved")
    return d


def module_type(module: Module) -> ModuleType:
    """The type of a core module, with the function types it needs."""
    decls: list[CoreTypeDef | ModuleImport | ModuleExport] = []
    known: dict[core.FuncType, int] = {}
    every = module.subtypes()

    def local(t: core.ExternType) -> core.ExternType:
        if not isinstance(t, core.FuncUse | core.TagType):
            return t
        ft = every[t.type].comp
        assert isinstance(ft, core.FuncType), "validated"
        if ft not in known:
            known[ft] = len(known)
            decls.append(CoreTypeDef(core.RecType((core.SubType(ft),))))
        return replace(t, type=known[ft])

    for each in module.imports:
        t = local(each.type)
        decls.append(ModuleImport(CoreImport(each.module, each.name, t)))
    for export, found in zip(module.exports, module.export_types(), strict=True):
        t = local(found)
        decls.append(ModuleExport(export.name, t))
    return ModuleType(tuple(decls))
