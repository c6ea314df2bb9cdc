"""Validation of components: every definition, in the order in which it is written."""

from collections.abc import Sequence
from typing import Final, final

from wadjet.base.errors import Invalid
from wadjet.component.closed import ClosedType, ComponentShape, InstanceShape, ModuleShape
from wadjet.component.component import (
    Builtin, Bundle, Component, CoreBundle, CoreInstantiate, CoreModule, Custom, Definition, Export,
    Instantiate, Lift, Lower, Start, Value,
)  # fmt: skip
from wadjet.component import limits
from wadjet.component.features import DEFAULT
from wadjet.component.types import (
    AliasCoreExport, AliasExport, AliasOuter, CoreTypeDef, Defined, FuncType, Import, Prim,
    Resource, TypeDef,
)  # fmt: skip
from wadjet.component.validate.aliases import add_alias
from wadjet.component.validate.canon import add_canon
from wadjet.component.validate.core import (
    add_core_bundle, add_core_instantiate, add_core_module, add_core_type,
)  # fmt: skip
from wadjet.component.validate.externs import add_export, add_import
from wadjet.component.validate.instances import add_bundle, add_instantiate
from wadjet.component.validate.options import Canonical
from wadjet.component.validate.scope import COMPONENT, Scope, Session
from wadjet.component.validate.types import add_type, component_shape
from wadjet.component.validate.values import add_start, add_value, check_all_used
from wadjet.core.features import Features
from wadjet.core.types import DefType, GlobalType, MemoryType, TableType
from wadjet.core.validate import ValidModule


@final
class ValidComponent:
    """A component that is valid. Made by `validate` alone.

    `shape` is its type. The lists are its index spaces: what each index means, closed. `modules`
    and `children` are the modules and components that are defined in it, by their index; those
    that are imported or aliased are not there. `canons` are its canonical definitions, in order.

    Resources belong to one component each (`wadjet.component.types.Resource`): `origin`, `path` and
    `index` tell how an instance of this component comes by them.
    """

    __slots__ = (
        "canons", "children", "component", "components", "core_funcs", "core_globals",
        "core_instances", "core_memories", "core_modules", "core_tables", "core_tags",
        "core_types", "features", "funcs", "instances", "modules", "resources", "shape", "types",
        "values",
    )  # fmt: skip

    def __init__(self, component: Component, scope: Scope, shape: ComponentShape) -> None:
        self.component: Final = component
        self.features: Final[Features] = scope.session.features
        self.shape: Final = shape
        self.types: Final[Sequence[ClosedType]] = scope.types
        self.funcs: Final[Sequence[FuncType]] = scope.funcs
        self.values: Final[Sequence[Prim | Defined]] = [v.type for v in scope.values]
        self.instances: Final[Sequence[InstanceShape]] = scope.instances
        self.components: Final[Sequence[ComponentShape]] = scope.components
        self.core_modules: Final[Sequence[ModuleShape]] = scope.core_modules
        self.core_instances: Final = scope.core_instances
        self.core_types: Final[Sequence[DefType | ModuleShape]] = scope.core_types
        self.core_funcs: Final[Sequence[DefType]] = scope.core_funcs
        self.core_tables: Final[Sequence[TableType]] = scope.core_tables
        self.core_memories: Final[Sequence[MemoryType]] = scope.core_memories
        self.core_globals: Final[Sequence[GlobalType]] = scope.core_globals
        self.core_tags: Final[Sequence[DefType]] = scope.core_tags
        self.modules: Final[dict[int, ValidModule]] = {}
        self.children: Final[dict[int, ValidComponent]] = {}
        self.canons: Final[list[Canonical]] = []
        #: every resource that is taken, or made here
        self.resources: Final[Sequence[Resource]] = [*scope.taken, *scope.local]


def validate(
    component: Component, features: Features = DEFAULT, *, lazy: bool = False
) -> ValidComponent:
    """Check a component against the standard and the features. Raises Invalid, with the place.

    With `lazy`, bodies of core functions are left for `ValidModule.facts`, which then may raise.
    """
    session = Session(features, component.locate)
    return _Validator(session, lazy).component(component, None, 1)


@final
class _Validator:
    """One validation of one outermost component."""

    __slots__ = ("lazy", "session")

    def __init__(self, session: Session, lazy: bool) -> None:
        self.session: Final = session
        self.lazy: Final = lazy

    def component(self, component: Component, outer: Scope | None, nesting: int) -> ValidComponent:
        """Check a component inside another."""
        if nesting > limits.NESTING:
            self.session.fail(f"nesting too deep: the limit is {limits.NESTING}", component.place)
        scope = Scope(self.session, COMPONENT, outer)
        found = _Found()
        for definition in component.definitions:
            try:
                self._definition(scope, definition, found, nesting)
            except Invalid as error:
                if error.place is not None:
                    raise
                self.session.fail(error.message, definition.place)
        check_all_used(scope)
        valid = ValidComponent(component, scope, component_shape(scope, component.place))
        valid.modules.update(found.modules)
        valid.children.update(found.children)
        valid.canons.extend(found.canons)
        return valid

    def _definition(self, scope: Scope, d: Definition, found: "_Found", nesting: int) -> None:
        match d:
            case TypeDef():
                add_type(scope, d)
            case AliasExport() | AliasCoreExport() | AliasOuter():
                add_alias(scope, d)
            case Import():
                add_import(scope, d)
            case Export():
                add_export(scope, d)
            case Lift() | Lower() | Builtin():
                found.canons.append(add_canon(scope, d))
            case CoreInstantiate():
                add_core_instantiate(scope, d)
            case CoreBundle():
                add_core_bundle(scope, d)
            case Instantiate():
                add_instantiate(scope, d)
            case Bundle():
                add_bundle(scope, d)
            case CoreTypeDef():
                add_core_type(scope, d)
            case CoreModule():
                valid = add_core_module(scope, d, self.lazy)
                found.modules[len(scope.core_modules) - 1] = valid
            case Component():
                child = self.component(d, scope, nesting + 1)
                found.children[len(scope.components)] = child
                shape, what, most = child.shape, "components", limits.COMPONENTS
                self.session.bounded(shape, d.place)
                scope.add(scope.components, shape, what, most, d.place)
            case Start():
                add_start(scope, d)
            case Value():
                add_value(scope, d)
            case Custom():
                pass


@final
class _Found:
    """What validation of one component leaves behind besides its index spaces."""

    __slots__ = ("canons", "children", "modules")

    def __init__(self) -> None:
        self.modules: Final[dict[int, ValidModule]] = {}
        self.children: Final[dict[int, ValidComponent]] = {}
        self.canons: Final[list[Canonical]] = []
