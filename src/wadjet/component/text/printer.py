"""`Component` → text: complete, so that parsing it gives the same component again.

Every definition is written by itself, in order: no short forms. What cannot be said in text is
left out: how definitions were gathered into sections, how integers were padded, and what the text
of core modules leaves out (`wadjet.core.text.printer`).
"""

from collections.abc import Iterator
from typing import Final, final

from wadjet.component.builtins import BY_NAME, ENCODINGS, FLAGS, INDEXED
from wadjet.component.component import (
    Builtin, Bundle, CanonOption, Component, CoreBundle, CoreInstantiate, CoreModule, Custom,
    Definition, Export, Immediate, Instantiate, Lift, Lower, Names, Start, Value, additions,
)  # fmt: skip
from wadjet.component.text.spelling import Scope, extern_name
from wadjet.component.types import (
    Alias, AliasCoreExport, AliasExport, ComponentType, CoreTypeDef, Decl, ExportDecl, Import,
    InstanceType, ModuleAlias, ModuleDecl, ModuleImport, ModuleType, Prim, TypeDef,
)  # fmt: skip
from wadjet.core.text.layout import pad
from wadjet.core.text.notation import data_string, string
from wadjet.core.text.printer import print_chunks as print_module
from wadjet.core.text.spelling import kind
from wadjet.core.types import ValType as CoreValType

_NAME: Final = "component-name"


def print_component(component: Component, *, names: bool = True) -> str:
    """The text of a component. `names` False writes every reference as a number, and name
    sections as the bytes they are."""
    return "".join(print_chunks(component, names=names))


def print_chunks(component: Component, *, names: bool = True) -> Iterator[str]:
    """Like `print_component`, in pieces of whole lines."""
    title = component.names.component if names else None
    head = "" if title is None else f" {_title(title)}"
    yield f"(component{head}\n"
    yield from _Printer(component, names, 1).chunks()
    yield ")\n"


def _title(name: str) -> str:
    scope = Scope([Component()], Names(maps={"component": {0: name}}))
    return scope.use("component", 0)


@final
class _Printer:
    """The printing of what is in one component, `depth` steps to the right."""

    def __init__(self, component: Component, names: bool, depth: int) -> None:
        self.component: Final = component
        self.names: Final = names
        self.depth: Final = depth
        self.pad: Final = pad(depth)
        self.hidden: Final = names and component.names != Names()
        given = _names_of(component) if names else None
        self.scope: Final = Scope(component.definitions, given)

    def chunks(self) -> Iterator[str]:
        """Every definition, in whole lines."""
        for d in self.component.definitions:
            if isinstance(d, CoreModule):
                yield from self._module(d)
            elif isinstance(d, Component):
                yield f"{self.pad}(component {self.scope.define('component')}\n"
                yield from _Printer(d, self.names, self.depth + 1).chunks()
                yield f"{self.pad})\n"
            elif isinstance(d, CoreTypeDef | TypeDef):
                yield "".join([f"{line}\n" for line in _type_lines(self.scope, d, self.depth)])
            elif not (self.hidden and isinstance(d, Custom) and d.name == _NAME):
                yield f"{self.pad}{self._line(d)}\n"

    def _module(self, d: CoreModule) -> Iterator[str]:
        """A core module, each line of it as far to the right as it stands here."""
        head = f"{self.pad}(core module {self.scope.define('core module')}"
        for chunk in print_module(d.module, names=self.names):
            for line in chunk.splitlines():
                if head:
                    yield f"{head}\n"
                    head = ""
                else:
                    yield f"{self.pad}{line}\n"

    def _line(self, d: Definition) -> str:
        """A definition that stands on one line."""
        scope = self.scope
        match d:
            case CoreInstantiate(module, args):
                every = [f" (with {string(n)} {_instance(scope, i)})" for n, i in args]
                what = f"(instantiate {scope.use('core module', module)}{''.join(every)})"
                return f"(core instance {scope.define('core instance')} {what})"
            case CoreBundle(core_exports):
                every = [f" (export {string(e.name)} {_bare(scope, e.sort, e.index)})"
                         for e in core_exports]  # fmt: skip
                return f"(core instance {scope.define('core instance')}{''.join(every)})"
            case Instantiate(component, given):
                every = [f" (with {string(a.name)} {scope.item(a.sort, a.index)})" for a in given]
                what = f"(instantiate {scope.use('component', component)}{''.join(every)})"
                return f"(instance {scope.define('instance')} {what})"
            case Bundle(exports):
                every = [f" (export {extern_name(e.name)} {scope.item(e.sort, e.index)})"
                         for e in exports]  # fmt: skip
                return f"(instance {scope.define('instance')}{''.join(every)})"
            case Import():
                return f"(import {extern_name(d.name)} {scope.extern(d.type)})"
            case Export():
                return _export(scope, d)
            case Lift() | Lower() | Builtin():
                return _canon(scope, d)
            case Start(func, values, results):
                every = [f" {scope.item('value', v)}" for v in values]
                every += [f" (result (value {scope.define('value')}))" for _ in range(results)]
                return f"(start {scope.use('func', func)}{''.join(every)})"
            case Value(type_, data):
                head = f"(value {scope.define('value')} {scope.value(type_)}"
                return f"{head} (binary {data_string(data)}))"
            case Custom(name, data):
                return f"(@custom {string(name)} {data_string(data)})"
        assert isinstance(d, Alias), d
        return _alias(scope, d)


def _names_of(component: Component) -> Names:
    """Names of a component; modules without one of their own are called as they call themselves."""
    given = component.names
    modules = dict(given.maps.get("core module", {}))
    taken = set(modules.values())
    for index, d in enumerate(_modules(component)):
        name = None if d is None else d.module.names.module
        if name is not None and index not in modules and name not in taken:
            modules[index] = name
            taken.add(name)
    return Names(given.component, {**given.maps, "core module": modules})


def _modules(component: Component) -> Iterator[CoreModule | None]:
    """The index space of modules: None for those that are not defined here."""
    for d in component.definitions:
        if additions(d)[0] == "core module":
            yield d if isinstance(d, CoreModule) else None


def _instance(scope: Scope, index: int) -> str:
    return f"(instance {scope.use('core instance', index)})"


def _bare(scope: Scope, sort: str, index: int) -> str:
    """A core definition where the word core goes without saying."""
    return f"({sort.removeprefix('core ')} {scope.use(sort, index)})"


def _export(scope: Scope, d: Export) -> str:
    item = scope.item(d.sort, d.index)
    ascribed = "" if d.type is None else f" {scope.extern(d.type, bind=False)}"
    return f"(export {scope.define(d.sort)} {extern_name(d.name)} {item}{ascribed})"


def _alias(scope: Scope, d: Alias) -> str:
    made = f"({d.sort} {scope.define(d.sort)})"
    if isinstance(d, AliasExport):
        return f"(alias export {scope.use('instance', d.instance)} {string(d.name)} {made})"
    if isinstance(d, AliasCoreExport):
        instance = scope.use("core instance", d.instance)
        return f"(alias core export {instance} {string(d.name)} {made})"
    return f"(alias outer {d.count} {d.index} {made})"


# --- canonical definitions ------------------------------------------------------------------------


def _canon(scope: Scope, d: Lift | Lower | Builtin) -> str:
    if isinstance(d, Lift):
        what = f"lift {scope.item('core func', d.func)}{_options(scope, d.options)}"
        type_ = f"(type {scope.use('type', d.type)})"
        return f"(func {scope.define('func')} {type_} (canon {what}))"
    if isinstance(d, Lower):
        what = f"lower {scope.item('func', d.func)}{_options(scope, d.options)}"
    else:
        row = BY_NAME[d.name]
        words = [_immediate(scope, k, i) for k, i in zip(row.immediates, d.immediates)]
        what = f"{d.name}{''.join(words)}"
    return f"(core func {scope.define('core func')} (canon {what}))"


def _immediate(scope: Scope, kind_: str, given: Immediate) -> str:
    """One immediate with a space before it; empty where it goes unsaid."""
    if kind_ in FLAGS:
        return f" {kind_}" if given else ""
    match kind_, given:
        case "type", int(index):
            return f" {scope.use('type', index)}"
        case "coretype", int(index):
            return f" {scope.use('core type', index)}"
        case "table", int(index):
            return f" {scope.item('core table', index)}"
        case "memory", int(index):
            return f" (memory {scope.item('core memory', index)})"
        case "opts", tuple(options):
            return _options(scope, options)
        case "result", None:
            return ""
        case "result", int() | Prim():
            return f" (result {scope.value(given)})"
        case "valtype", CoreValType():
            return f" {scope.core.valtype(given)}"
    return f" {given}"


def _options(scope: Scope, options: tuple[CanonOption, ...]) -> str:
    return "".join([f" {_option(scope, option)}" for option in options])


def _option(scope: Scope, option: CanonOption) -> str:
    if option.name in ENCODINGS:
        return f"string-encoding={option.name}"
    if option.index is None:
        return option.name
    return f"({option.name} {scope.item(INDEXED[option.name], option.index)})"


# --- types that take several lines ----------------------------------------------------------------


def _type_lines(scope: Scope, d: TypeDef | CoreTypeDef, depth: int) -> list[str]:
    """A type definition, indented, without newlines."""
    if isinstance(d, CoreTypeDef):
        return _core_type_lines(scope, d, depth)
    head = f"{pad(depth)}(type {scope.define('type')}"
    if not isinstance(d.type, ComponentType | InstanceType):
        return [f"{head} {scope.deftype(d.type)})"]
    word = "component" if isinstance(d.type, ComponentType) else "instance"
    if not d.type.decls:
        return [f"{head} ({word}))"]
    inner = Scope(d.type.decls)
    lines = [head, f"{pad(depth + 1)}({word}"]
    for decl in d.type.decls:
        lines += _decl_lines(inner, decl, depth + 2)
    return [*lines, f"{pad(depth + 1)})", f"{pad(depth)})"]


def _decl_lines(scope: Scope, d: Decl | Import, depth: int) -> list[str]:
    if isinstance(d, TypeDef | CoreTypeDef):
        return _type_lines(scope, d, depth)
    if isinstance(d, Import | ExportDecl):
        word = "import" if isinstance(d, Import) else "export"
        return [f"{pad(depth)}({word} {extern_name(d.name)} {scope.extern(d.type)})"]
    return [f"{pad(depth)}{_alias(scope, d)}"]


def _core_type_lines(scope: Scope, d: CoreTypeDef, depth: int, word: str = "core ") -> list[str]:
    """A core type definition; `word` is "core " except inside a module type."""
    if isinstance(d.type, ModuleType):
        head = f"{pad(depth)}({word}type {scope.define('core type')}"
        if not d.type.decls:
            return [f"{head} (module))"]
        inner = Scope(d.type.decls)
        lines = [head, f"{pad(depth + 1)}(module"]
        for decl in d.type.decls:
            lines += _module_decl_lines(inner, decl, depth + 2)
        return [*lines, f"{pad(depth + 1)})", f"{pad(depth)})"]
    every = []
    for sub in d.type.subs:
        index, bound = scope.next("core type"), scope.define("core type")
        every.append(f"type {bound} {scope.core.subtype(index, sub)})")
    if len(every) == 1 and not d.type.spelled:
        return [f"{pad(depth)}({word}{every[0]}"]
    return [f"{pad(depth)}({word}rec", *[f"{pad(depth + 1)}({t}" for t in every], f"{pad(depth)})"]


def _module_decl_lines(scope: Scope, d: ModuleDecl, depth: int) -> list[str]:
    if isinstance(d, CoreTypeDef):
        return _core_type_lines(scope, d, depth, "")
    if isinstance(d, ModuleAlias):
        made = f"(type {scope.define('core type')})"
        return [f"{pad(depth)}(alias outer {d.count} {d.index} {made})"]
    if isinstance(d, ModuleImport):
        names = f"import {string(d.what.module)} {string(d.what.name)}"
        type_ = d.what.type
    else:
        names, type_ = f"export {string(d.name)}", d.type
    return [f"{pad(depth)}({names} ({kind(type_)} {scope.core.externtype(type_)}))"]
