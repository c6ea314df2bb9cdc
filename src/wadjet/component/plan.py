"""The arrow from `ValidComponent` to `Plan`: what to do, step by step, to make an instance of it.

A plan is a component's definitions in their order, without what means nothing at run time, each
with what validation found out about it. Indices count in the index spaces of the component, which
fill up as the steps are taken: the step that stands for the nth definition of a sort makes the nth
entry. Types are not counted: they are in `Plan.valid.types`, and resources are known by themselves.

Components within it have plans of their own, since which of them are instantiated, and with what,
may be decided when it runs: components are values that may be imported.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from wadjet.component.closed import ClosedType, Extern
from wadjet.component.component import (
    Builtin, Bundle, Component, CoreBundle, CoreInstantiate, CoreModule, Definition, Export,
    Instantiate, Lift, Lower, Start, Value, additions,
)  # fmt: skip
from wadjet.component.types import (
    AliasCoreExport, AliasExport, AliasOuter, Defined, Import, Prim, Resource, ResourceDef,
    ResourceType, TypeDef,
)  # fmt: skip
from wadjet.component.validate import Canonical, ValidComponent
from wadjet.core.validate import ValidModule

#: sorts that exist only before anything runs
_STATIC: Final = ("type", "core type")


@dataclass(frozen=True, slots=True, eq=False)
class MakeModule:
    """A core module becomes known. `source` are the bytes that it was read from."""

    valid: ValidModule
    source: bytes | None


@dataclass(frozen=True, slots=True)
class MakeComponent:
    """A component becomes known."""

    plan: "Plan"


@dataclass(frozen=True, slots=True)
class MakeResource:
    """A resource comes into being; `dtor` is the core function that destroys one."""

    resource: Resource
    dtor: int | None


@dataclass(frozen=True, slots=True)
class MakeValue:
    """A value that is written in the component, as bytes."""

    type: Prim | Defined
    data: bytes


@dataclass(frozen=True, slots=True)
class Take:
    """An import."""

    name: str
    type: Extern


@dataclass(frozen=True, slots=True)
class Part:
    """A definition under a name: an argument, or an export. For the sort "type", `type` is the type
    itself."""

    name: str
    sort: str
    index: int
    type: ClosedType | None


@dataclass(frozen=True, slots=True)
class Give:
    """An export, which is also a new entry of its sort."""

    part: Part


@dataclass(frozen=True, slots=True)
class MakeBundle:
    """An instance that is put together from definitions."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class MakeInstance:
    """An instance of a component; `resources` are those that it brings."""

    component: int
    args: tuple[Part, ...]
    resources: tuple[Resource, ...]


Step = (
    MakeModule | MakeComponent | MakeResource | MakeValue | MakeBundle | MakeInstance | Take | Give
    | CoreInstantiate | CoreBundle | AliasCoreExport | AliasExport | AliasOuter | Canonical | Start
)  # fmt: skip


@final
class Plan:
    """What to do to make an instance of a component.

    `waits` tells whether anything in it may run asynchronously, or asks which thread runs: whether
    calls need tasks at all. `programs` is where those who run it keep what they made of it, so that
    it lives as long.
    """

    __slots__ = ("__weakref__", "programs", "steps", "valid", "waits")

    def __init__(self, valid: ValidComponent, steps: tuple[Step, ...]) -> None:
        self.valid: Final = valid
        self.steps: Final = steps
        self.waits: Final = any(map(_waits, steps))
        self.programs: Final[dict[object, object]] = {}

    @property
    def taken(self) -> Iterator[Resource]:
        """The resources of its imports."""
        return (r for r in self.valid.resources if r.origin == "import")


def plan(valid: ValidComponent) -> Plan:
    """The plan of a valid component."""
    planner = _Planner(valid)
    steps = [planner.step(definition) for definition in valid.component.definitions]
    return Plan(valid, tuple([step for step in steps if step is not None]))


def _waits(step: Step) -> bool:
    if isinstance(step, MakeComponent):
        return step.plan.waits
    if isinstance(step, Canonical):
        if isinstance(step.definition, Builtin):
            return not step.definition.name.startswith("resource.")
        return bool(getattr(step.type, "is_async", False))
    return False


@final
class _Planner:
    """Looks at definitions in their order and counts what each adds to its index space."""

    __slots__ = ("canons", "counts", "valid")

    def __init__(self, valid: ValidComponent) -> None:
        self.valid: Final = valid
        self.canons: Final = iter(valid.canons)
        self.counts: Final[Counter[str]] = Counter()

    def step(self, d: Definition) -> Step | None:
        """The step that a definition stands for, if it has one."""
        made = self._step(d)
        sort, count = additions(d)
        self.counts[sort] += count
        return made

    def _step(self, d: Definition) -> Step | None:
        match d:
            case CoreModule(_, source):
                return MakeModule(self.valid.modules[self.counts["core module"]], source)
            case Component():
                return MakeComponent(plan(self.valid.children[self.counts["component"]]))
            case TypeDef(ResourceDef(_, dtor)):
                made = self.valid.types[self.counts["type"]]
                assert isinstance(made, ResourceType)
                return MakeResource(made.resource, dtor)
            case Lift() | Lower() | Builtin():
                return next(self.canons)
            case Instantiate(component, args):
                parts = tuple([self._part(a.name, a.sort, a.index) for a in args])
                return MakeInstance(component, parts, self._resources())
            case Bundle(exports):
                return MakeBundle(
                    tuple([self._part(e.name.name, e.sort, e.index) for e in exports])
                )
            case Import(name):
                return Take(name.name, self.valid.shape.imports[name.name])
            case Export(name, sort, index):
                return Give(self._part(name.name, sort, index))
            case Value(_, data):
                t = self.valid.values[self.counts["value"]]
                return MakeValue(t, data)
            case AliasCoreExport() | AliasExport() | AliasOuter():
                return None if d.sort in _STATIC else d
            case CoreInstantiate() | CoreBundle() | Start():
                return d
        return None

    def _part(self, name: str, sort: str, index: int) -> Part:
        return Part(name, sort, index, self.valid.types[index] if sort == "type" else None)

    def _resources(self) -> tuple[Resource, ...]:
        """Those that the next instance brings."""
        number = self.counts["instance"]
        every = self.valid.resources
        return tuple([r for r in every if r.origin == "instance" and r.index == number])
