"""Canonical built-ins (CanonicalABI.md, "Canonical Definitions"): the core function of each."""

from collections.abc import Callable
from typing import Any, Final

from wadjet.canon.instance import ComponentInstance
from wadjet.canon.resources import ResourceHandle
from wadjet.component.component import Builtin
from wadjet.component.types import ResourceType
from wadjet.component.validate import Canonical
from wadjet.engine.runtime.func import Func as CoreFunc
from wadjet.engine.runtime.func import HostFunc

Pick = Callable[[str, int | None], Any]
Maker = Callable[[ComponentInstance, Canonical, Pick], Callable[..., Any]]


def make_builtin(inst: ComponentInstance, step: Canonical, pick: Pick) -> CoreFunc:
    """The core function of a built-in, for one instance."""
    assert isinstance(step.definition, Builtin)
    make = _MAKERS[step.definition.name]
    return HostFunc(inst.scheduler.store, step.core, make(inst, step, pick))


def _runtime_type(inst: ComponentInstance, step: Canonical) -> Any:
    assert isinstance(step.type, ResourceType)
    return inst.resources[step.type.resource]


def _resource_new(inst: ComponentInstance, step: Canonical, pick: Pick) -> Callable[..., Any]:
    type_ = _runtime_type(inst, step)

    def new(rep: int) -> int:
        inst.check_leave()
        return inst.handles.add(ResourceHandle(type_, rep, True))

    return new


def _resource_drop(inst: ComponentInstance, step: Canonical, pick: Pick) -> Callable[..., Any]:
    type_ = _runtime_type(inst, step)

    def drop(index: int) -> None:
        inst.check_leave()
        inst.drop(index, type_)

    return drop


def _resource_rep(inst: ComponentInstance, step: Canonical, pick: Pick) -> Callable[..., Any]:
    type_ = _runtime_type(inst, step)

    def rep(index: int) -> Any:
        return inst.resource(index, type_).rep

    return rep


_MAKERS: Final[dict[str, Maker]] = {
    "resource.new": _resource_new,
    "resource.drop": _resource_drop,
    "resource.rep": _resource_rep,
}
