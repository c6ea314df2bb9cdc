"""The arrow from `Plan` and imports to an instance: takes the steps of the plan, one by one."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, final

from wadjet.base.errors import Unlinkable
from wadjet.canon.builtins import make_builtin
from wadjet.canon.constants import read_constant
from wadjet.canon.context import Context
from wadjet.canon.functions import (
    Callee, HostFunction, Invoke, Lifted, Lowered, call_core, guest_thread,
)  # fmt: skip
from wadjet.canon.fused import are_apart, fuse, fuse_async, lowering_end
from wadjet.canon.host import is_awaitable
from wadjet.canon.hostcalls import host_import
from wadjet.canon.instance import ComponentInstance, leave
from wadjet.canon.passages import Passage, Passing
from wadjet.canon.program import ModuleValue, Program
from wadjet.canon.resources import HostResource, RuntimeResource
from wadjet.canon.tasks import Scheduler
from wadjet.canon.traps import CANNOT_BLOCK, CANNOT_ENTER, trap
from wadjet.component.abi import MAX_FLAT_ASYNC_PARAMS, MAX_FLAT_PARAMS, flatten_types
from wadjet.component.closed import (
    ComponentShape, Extern, InstanceShape, ModuleShape, TypeBound, closed, resources, sort_of,
)  # fmt: skip
from wadjet.component.component import CoreBundle, CoreInstantiate, Lift, Lower, Start
from wadjet.component.plan import (
    Give, MakeBundle, MakeComponent, MakeInstance, MakeModule, MakeResource, MakeValue, Part, Plan,
    Step, Take,
)  # fmt: skip
from wadjet.component.types import (
    SORTS, AliasCoreExport, AliasExport, AliasOuter, FuncType, ResourceType,
)  # fmt: skip
from wadjet.component.validate import Canonical
from wadjet.core.subtyping import close_extern, match_extern
from wadjet.engine.runtime.func import Func as CoreFunc
from wadjet.engine.runtime.func import HostFunc
from wadjet.engine.runtime.instance import Instance as CoreInstance
from wadjet.engine.runtime.instantiate import instantiate as instantiate_core

#: what modules and their instances export, by name
CoreExports = Mapping[str, Any]


@final
class ComponentValue:
    """A component that can be instantiated, with the instance in which it is written."""

    __slots__ = ("lexical", "program")

    def __init__(self, program: Program, lexical: ComponentInstance | None) -> None:
        self.program: Final = program
        self.lexical: Final = lexical


def build(
    program: Program,
    imports: Mapping[str, Any],
    scheduler: Scheduler,
    parent: ComponentInstance | None = None,
    lexical: ComponentInstance | None = None,
) -> ComponentInstance:
    """Make an instance. Raises Unlinkable for an import that is missing or does not fit, and
    whatever start functions raise."""
    scheduler.count_instance(inner=parent is not None)
    inst = ComponentInstance(program, scheduler, parent, lexical)
    if parent is not None:
        parent.children.append(inst)
    saved, scheduler.current = scheduler.current, guest_thread(inst)
    try:
        cells = inst.enter(parent)
        builder = Builder(inst, imports)
        for step in program.plan.steps:
            builder.take(step)
        leave(cells)
    finally:
        scheduler.current = saved
    return inst


@final
class Builder:
    """One instance being made."""

    __slots__ = ("imports", "inst", "program", "scheduler", "spaces")

    def __init__(self, inst: ComponentInstance, imports: Mapping[str, Any]) -> None:
        self.inst: Final = inst
        self.imports: Final = imports
        self.program: Final = inst.program
        self.scheduler: Final = inst.scheduler
        self.spaces: Final = inst.spaces
        for sort in SORTS:
            self.spaces[sort] = []

    def add(self, sort: str, value: Any) -> None:
        """A new entry of an index space."""
        self.spaces[sort].append(value)

    def pick(self, sort: str, index: int | None) -> Any:
        """An entry of an index space; None for none."""
        return None if index is None else self.spaces[sort][index]

    def take(self, step: Step) -> None:
        """Take one step."""
        match step:
            case MakeModule():
                self.add("core module", self.program.module(step))
            case CoreInstantiate():
                self._instantiate_core(step)
            case CoreBundle(exports):
                made = {e.name: self.pick(e.sort, e.index) for e in exports}
                self.add("core instance", made)
            case AliasCoreExport(sort, index, name):
                self.add(sort, self.spaces["core instance"][index][name])
            case Canonical():
                self._canonical(step)
            case MakeResource():
                self._resource(step)
            case _:
                self._component_level(step)

    def _component_level(self, step: Step) -> None:
        match step:
            case MakeComponent(plan):
                self.add("component", ComponentValue(self.program.child(plan), self.inst))
            case MakeInstance():
                self._instantiate(step)
            case MakeBundle(parts):
                self.add("instance", {p.name: self._part(p) for p in parts})
            case AliasExport(sort, index, name):
                self.add(sort, self.spaces["instance"][index][name])
            case AliasOuter(sort, count, index):
                self.add(sort, self._outward(count).spaces[sort][index])
            case Take(name, extern):
                self._take(name, extern)
            case Give(part):
                value = self._part(part)
                self.inst.exports[part.name] = value
                if part.sort != "type":
                    self.add(part.sort, value)
            case Start():
                self._start(step)
            case MakeValue(t, data):
                self.add("value", read_constant(t, data, self.program.classes))

    # --- core -------------------------------------------------------------------------------------

    def _instantiate_core(self, step: CoreInstantiate) -> None:
        module: ModuleValue = self.spaces["core module"][step.module]
        instances = self.spaces["core instance"]
        given = {name: instances[index] for name, index in step.args}
        core = module.valid.module
        imports = [given[i.module][i.name] for i in core.imports]
        instance = instantiate_core(self.scheduler.store, module.code(self.program.tier), imports)
        self.add("core instance", core_exports(instance))

    def _canonical(self, step: Canonical) -> None:
        d = step.definition
        if isinstance(d, Lift):
            assert isinstance(step.type, FuncType)
            core = self.spaces["core func"][d.func]
            self.add("func", Lifted(self.inst, step.type, step.options, core, self.pick))
            return
        if isinstance(d, Lower):
            assert isinstance(step.type, FuncType)
            self.add("core func", self._lower(step, step.type, self.spaces["func"][d.func]))
            return
        self.add("core func", make_builtin(self.inst, step, self.pick))

    def _context(self, step: Canonical, view: ComponentInstance) -> Context:
        options = step.options
        realloc: CoreFunc | None = self.pick("core func", options.realloc)
        return Context(
            self.inst,
            self.pick("core memory", options.memory),
            None if realloc is None else realloc.entry,
            view,
            options.ptr.size,
        )

    def _lower(self, step: Canonical, type_: FuncType, callee: Callee) -> CoreFunc:
        inst, options = self.inst, step.options
        if isinstance(callee, HostFunction):
            coder = callee.view.program.coder(options.ptr, options.encoding)
            passage = Passage(coder, callee.type, self._context(step, callee.view))
            if type_.is_async:
                return self._lowered(step, type_, callee.invoke, passage)
            call = host_import(inst, passage, callee)
            return self.scheduler.shims.pauser(self.scheduler, step.core, call, may_wait=False)
        if not are_apart(inst, callee.inst):
            return HostFunc(self.scheduler.store, step.core, partial(_refuse, inst))
        memory, realloc = self.pick("core memory", options.memory), options.realloc
        lower = lowering_end(inst, options, memory, self.pick("core func", realloc))
        if type_.is_async:
            return self._lowered(step, type_, *fuse_async(lower, type_, callee))
        return fuse(lower, type_, callee)

    def _lowered(
        self, step: Canonical, type_: FuncType, invoke: Invoke, passing: Passing
    ) -> CoreFunc:
        """A function whose calls have tasks that are scheduled."""
        options = step.options
        limit = MAX_FLAT_ASYNC_PARAMS if options.is_async else MAX_FLAT_PARAMS
        flats = flatten_types([closed(t) for _, t in type_.params], options.ptr)
        count = 1 if flats is None or len(flats) > limit else len(flats)
        lowered = Lowered(self.inst, options, invoke, passing, count)
        if type_.is_async and not options.is_async:
            return self.scheduler.shims.pauser(self.scheduler, step.core, lowered)
        return HostFunc(self.scheduler.store, step.core, lowered)

    # --- resources --------------------------------------------------------------------------------

    def _resource(self, step: MakeResource) -> None:
        inst = self.inst
        dtor: CoreFunc | None = self.pick("core func", step.dtor)
        destroy = None if dtor is None else _destructor(inst, dtor.entry)
        self.inst.resources[step.resource] = RuntimeResource("resource", inst, destroy)

    # --- components -------------------------------------------------------------------------------

    def _part(self, part: Part) -> Any:
        if part.sort != "type":
            return self.spaces[part.sort][part.index]
        if isinstance(part.type, ResourceType):
            return self.inst.resources[part.type.resource]
        return part.type

    def _outward(self, count: int) -> ComponentInstance:
        inst: ComponentInstance | None = self.inst
        for _ in range(count):
            assert inst is not None
            inst = inst.lexical
        assert inst is not None
        return inst

    def _instantiate(self, step: MakeInstance) -> None:
        component: ComponentValue = self.spaces["component"][step.component]
        args = {part.name: self._part(part) for part in step.args}
        made = build(component.program, args, self.scheduler, self.inst, component.lexical)
        for resource in step.resources:
            self.inst.resources[resource] = at_path(made.exports, resource.path)
        self.add("instance", made.exports)

    def _start(self, step: Start) -> None:
        func: Callee = self.spaces["func"][step.func]
        args = tuple([self.spaces["value"][i] for i in step.args])
        results: list[Any] = []
        if isinstance(func, Lifted):
            # values are in the host's form, whoever made them
            passage = func.passage(func.inst.program, func.type, func.inst)
            leave(
                self.inst.entering(self.inst.parent)
            )  # it may be a function of this very instance
            func.invoke(lambda: args, results.extend, self.inst.parent, passage)
            self.inst.enter(self.inst.parent)
        else:
            func.invoke(lambda: args, results.extend, self.inst)
        if len(results) < step.results:
            trap(f"{CANNOT_BLOCK}: the start function waits")
        for result in results:
            self.add("value", result)

    # --- imports ----------------------------------------------------------------------------------

    def _take(self, name: str, extern: Extern) -> None:
        if name not in self.imports and not _needs_nothing(extern):
            raise Unlinkable(f"missing import: `{name}`")
        value = self._fit((name,), extern, self.imports.get(name))
        for path, found in resources({name: extern}):
            type_ = at_path({name: value}, path)
            self.inst.resources.setdefault(found.resource, type_)
        if not isinstance(extern, TypeBound):
            self.add(sort_of(extern), value)

    def _fit(self, path: tuple[str, ...], extern: Extern, given: Any) -> Any:
        """What an import is bound to."""
        match extern:
            case FuncType():
                return self._fit_func(path, extern, given)
            case InstanceShape():
                return self._fit_instance(path, extern, given)
            case TypeBound(ResourceType()):
                return self._fit_resource(path, given)
            case TypeBound():
                return extern.type
            case ModuleShape():
                return self._fit_module(path, extern, given)
            case ComponentShape():
                return self._fit_component(path, given)
        return given

    def _fit_func(self, path: tuple[str, ...], type_: FuncType, given: Any) -> Callee:
        lifted = getattr(given, "lifted", given)
        if isinstance(lifted, Lifted | HostFunction):
            return lifted
        if not callable(given):
            raise Unlinkable(f"import {_spelled(path)} must be a function, not {given!r:.100}")
        return HostFunction(_spelled(path), type_, self.inst, given)

    def _fit_instance(self, path: tuple[str, ...], shape: InstanceShape, given: Any) -> Any:
        given = getattr(given, "exports", given)
        if not isinstance(given, Mapping):
            what = f"import {_spelled(path)} must be an instance"
            raise Unlinkable(f"{what}, not {given!r:.100}")
        made = {}
        for name, extern in shape.exports.items():
            if name not in given and not _needs_nothing(extern):
                raise Unlinkable(f"missing import: {_spelled((*path, name))}")
            made[name] = self._fit((*path, name), extern, given.get(name))
        return made

    def _fit_resource(self, path: tuple[str, ...], given: Any) -> RuntimeResource:
        if isinstance(given, RuntimeResource):
            return given
        if given is None:
            return RuntimeResource(path[-1], None)
        if not isinstance(given, HostResource):
            what = f"import {_spelled(path)} must be a HostResource"
            raise Unlinkable(f"{what}, not {given!r:.100}")
        destroy = None if given.drop is None else _dropper(self.scheduler, given.drop)
        return RuntimeResource(given.name, None, destroy)

    def _fit_module(self, path: tuple[str, ...], shape: ModuleShape, given: Any) -> ModuleValue:
        if isinstance(given, ModuleValue):
            return given
        if not hasattr(given, "module"):
            raise Unlinkable(f"import {_spelled(path)} must be a core module, not {given!r:.100}")
        found = ModuleValue(given)
        _check_module(path, shape, found)
        return found

    def _fit_component(self, path: tuple[str, ...], given: Any) -> ComponentValue:
        if isinstance(given, ComponentValue):
            return given
        if isinstance(given, Plan):
            return ComponentValue(Program.of(given, self.program.tier), None)
        raise Unlinkable(f"import {_spelled(path)} must be a component, not {given!r:.100}")


def core_exports(instance: CoreInstance) -> CoreExports:
    """What a core instance exports."""
    return {e.name: instance.export(e.kind, e.index) for e in instance.module.exports}


def at_path(exports: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What a path of names leads to."""
    value: Any = exports
    for name in path:
        value = value[name]
    return value


def _spelled(path: tuple[str, ...]) -> str:
    return "/".join(f"`{name}`" for name in path)


def _needs_nothing(extern: Extern) -> bool:
    """Whether an import can do without being given."""
    return isinstance(extern, TypeBound)


def _check_module(path: tuple[str, ...], shape: ModuleShape, found: ModuleValue) -> None:
    module = found.valid.module
    exports = dict(zip([e.name for e in module.exports], module.export_types(), strict=True))
    for name, wanted in shape.exports.items():
        if name not in exports:
            raise Unlinkable(f"core module {_spelled(path)} has no export {name!r}")
        if not match_extern(close_extern(exports[name], found.valid.types), wanted):
            raise Unlinkable(f"export {name!r} of core module {_spelled(path)} does not fit")


def _refuse(inst: ComponentInstance, *_: object) -> None:
    """Call an instance inside of the caller, or around it."""
    inst.check_leave()
    trap(f"{CANNOT_ENTER}: it is inside of its caller, or around it")


def _dropper(
    scheduler: Scheduler, drop: Callable[[Any], object]
) -> Callable[[Any, ComponentInstance | None], None]:
    """What destroys a resource of the host. Nobody waits for that."""

    def destroy(rep: Any, _: ComponentInstance | None) -> None:
        answer: Any = drop(rep)
        if is_awaitable(answer):
            scheduler.start(answer, _whatever)

    return destroy


def _whatever(_: Any, error: BaseException | None) -> None:
    """How a resource ends is the host's own affair."""


def _destructor(
    inst: ComponentInstance, entry: Callable[..., Any]
) -> Callable[[Any, ComponentInstance | None], None]:
    """What destroys a resource of an instance, for whoever drops it."""

    def destroy(rep: Any, caller: ComponentInstance | None) -> None:
        scheduler = inst.scheduler
        cells = inst.enter(caller)
        saved, scheduler.current = scheduler.current, guest_thread(inst)
        try:
            call_core(entry, (rep,))
        finally:
            scheduler.current = saved
        leave(cells)

    return destroy
