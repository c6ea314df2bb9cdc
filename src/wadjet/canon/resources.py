"""Resources at run time (CanonicalABI.md, "Resource State"), and how the host holds them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self, final

from wadjet.base.errors import Error

if TYPE_CHECKING:
    from wadjet.canon.instance import ComponentInstance
    from wadjet.canon.tasks import Task


@final
class HostResource:
    """A kind of resource that the host brings. `drop` is told when a guest drops one that it owns.
    Guests hold such a resource by the very object that the host gave them."""

    __slots__ = ("drop", "name")

    def __init__(self, name: str, drop: Callable[[Any], object] | None = None) -> None:
        self.name: Final = name
        self.drop: Final = drop


@final
class RuntimeResource:
    """A resource type of an instance, or one that the host brings.

    `impl` is the instance that defines it, None for the host's. `destroy` is called with what
    represents a resource (`rep`) when it is dropped by its owner. `factory` makes what the host
    gets of a guest's resource.
    """

    __slots__ = ("__weakref__", "destroy", "factory", "impl", "name")

    def __init__(
        self,
        name: str,
        impl: "ComponentInstance | None",
        destroy: "Callable[[Any, ComponentInstance | None], object] | None" = None,
    ) -> None:
        self.name: Final = name
        self.impl: Final = impl
        self.destroy: Final = destroy
        self.factory: Callable[[RuntimeResource, ResourceHandle], Resource] = Resource

    def __repr__(self) -> str:
        return f"<resource type {self.name}>"

    @property
    def describe(self) -> str:
        """What traps call it."""
        return "host-defined resource" if self.impl is None else "guest-defined resource"


@final
class ResourceHandle:
    """An entry of a table of handles. `scope` is the task that a borrowed one was lent to."""

    __slots__ = ("lends", "own", "rep", "scope", "type")

    def __init__(
        self, type_: RuntimeResource, rep: Any, own: bool, scope: "Task | None" = None
    ) -> None:
        self.type: Final = type_
        self.rep: Final = rep
        self.own: Final = own
        self.scope: Final = scope
        self.lends = 0


class Resource:
    """A guest's resource in the hands of the host: its own, or lent for the time of a call.

    It is a context manager that drops what it owns. A lent one (`own` False) is never dropped.
    """

    __slots__ = ("__weakref__", "_handle", "_type")

    def __init__(self, type_: RuntimeResource, handle: ResourceHandle) -> None:
        self._type: Final = type_
        self._handle: ResourceHandle | None = handle

    def drop(self) -> None:
        """Destroy it, if it is owned and still here. Raises Error while it is lent to a guest."""
        handle = self._handle
        if handle is None:
            return
        if handle.lends:
            raise Error(f"{self!r} is lent to a guest and cannot be dropped")
        self._handle = None
        if handle.own and self._type.destroy is not None:
            self._type.destroy(handle.rep, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._type.name}>"


def rep_of_own(type_: RuntimeResource, value: Any) -> Any:
    """What represents a guest's resource that the host gives away."""
    handle = _held(type_, value)
    if not handle.own:
        raise TypeError(f"{value!r} is lent: it cannot be given away")
    if handle.lends:
        raise Error(f"{value!r} is lent to a guest and cannot be given away")
    value._handle = None
    return handle.rep


def rep_of_borrow(type_: RuntimeResource, value: Any) -> Any:
    """What represents a resource that the host lends."""
    return value if type_.impl is None else _held(type_, value).rep


def _held(type_: RuntimeResource, value: Any) -> ResourceHandle:
    if not isinstance(value, Resource):
        raise TypeError(f"a {type_.name} is wanted, not {type(value).__name__}")
    if value._type is not type_:
        raise TypeError(f"a {type_.name} is wanted, not a {value._type.name} of another instance")
    if value._handle is None:
        raise ValueError(f"{value!r} was dropped or given away")
    return value._handle


def to_host(type_: RuntimeResource, rep: Any, own: bool) -> Any:
    """What the host gets of a guest's resource."""
    return type_.factory(type_, ResourceHandle(type_, rep, own))
