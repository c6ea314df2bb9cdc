"""Instances of components: what they export, as attributes."""

from collections.abc import Callable, Iterator, Mapping
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.api.component_host import LazyHost
from wadjet.api.component_types import Spelling, split_role
from wadjet.canon.classes import Classes
from wadjet.canon.functions import HostFunction
from wadjet.canon.naming import interface_names, matches, member, pascal, snake
from wadjet.canon.resources import Resource, ResourceHandle, RuntimeResource
from wadjet.canon.root import Func, Instance, instantiate
from wadjet.component.closed import Extern, InstanceShape, TypeBound
from wadjet.component.types import (
    Defined, Enum, Flags, FuncType, Record, ResourceType, Variant,
)  # fmt: skip
from wadjet.engine.runtime.store import Store

if TYPE_CHECKING:
    from wadjet.api.component import Component, Manner

_ROLES: Final = ("[constructor]", "[method]", "[static]")


@final
class _Context:
    """What all interfaces of one instance share."""

    __slots__ = ("classes", "homes", "host", "manner", "resources", "spelling")

    def __init__(
        self, spelling: Spelling, classes: Classes, host: LazyHost, manner: "Manner"
    ) -> None:
        self.spelling: Final = spelling
        self.classes: Final = classes
        self.host: Final = host
        self.manner: Final = manner
        self.resources: Final[dict[RuntimeResource, type]] = {}
        #: the interface that a guest's resource belongs to, and its name there
        self.homes: Final[dict[RuntimeResource, tuple[_Members, str]]] = {}


class Interface:
    """What an instance exports under one name: functions, and the classes of its types.

        greet = instance.greet
        greet.hello("world")
        greet["hello"]                    # by the name that WIT has
        for name in greet: ...            # names as in WIT
        print(greet)                      # the interface, as WIT

    Attributes have Python's names (`wadjet.canon.naming`). Each is made when first asked for and
    stays the same object.
    """

    def __init__(
        self, context: _Context, name: str, shape: InstanceShape, instance: Instance
    ) -> None:
        # Attributes are the exports themselves, so that looking one up costs nothing. What the
        # class needs lies under a name that no export has.
        self.__dict__["__wadjet__"] = instance
        self.__dict__[""] = _Members(context, name, shape.exports, instance)

    def __getattr__(self, attribute: str) -> Any:
        members: _Members = self.__dict__[""]
        name = members.names.get(attribute)
        if name is None:
            raise AttributeError(f"{members.what} has no {attribute!r}: it has {members.list()}")
        made = self.__dict__[attribute] = members.make(name)
        return made

    def __getitem__(self, name: str) -> Any:
        members: _Members = self.__dict__[""]
        attribute = members.attribute(name)
        if attribute is None:
            raise KeyError(f"{members.what} has no {name!r}: it has {', '.join(self)}")
        return getattr(self, attribute)

    def __contains__(self, name: object) -> bool:
        members: _Members = self.__dict__[""]
        return isinstance(name, str) and members.attribute(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__[""].names.values())

    def __len__(self) -> int:
        return len(self.__dict__[""].names)

    def __dir__(self) -> list[str]:
        return list(self.__dict__[""].names)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__dict__[''].what}>"

    def __str__(self) -> str:
        members: _Members = self.__dict__[""]
        return "\n".join(members.lines())


@final
class ComponentInstance(Interface):
    """A component that lives. Its interfaces are attributes, as are the functions, types and
    resources that it exports itself.

        instance = component.instantiate()
        instance.greet.hello("world")
        instance["demo:pkg/greet@1.0.0"]     # by the full name, in any compatible version

    `close` ends what still runs in it; it is a context manager that does so. An export whose name
    is that of a method here still wins as an attribute.
    """

    def close(self) -> None:
        """End all tasks, those of the host that guests wait for included, and drop the host's
        resources that guests own."""
        instance: Instance = self.__dict__["__wadjet__"]
        instance.close()
        self.__dict__[""].close()

    def __enter__(self) -> "ComponentInstance":
        return self

    def __exit__(self, *error: object) -> None:
        ComponentInstance.close(self)


@final
class _Members:
    """The exports of one instance, and what Python makes of them. `name` is "" for a component's
    own instance."""

    __slots__ = ("_context", "_exports", "_instance", "_name", "_names")

    def __init__(
        self, context: _Context, name: str, exports: Mapping[str, Extern], instance: Instance
    ) -> None:
        self._context: Final = context
        self._name: Final = name
        self._exports: Final = exports
        self._instance: Final = instance
        self._names: dict[str, str] | None = None

    @property
    def names(self) -> dict[str, str]:
        """WIT's names by attribute."""
        if self._names is None:
            self._names = attributes(self._exports)
        return self._names

    @property
    def what(self) -> str:
        """What it is, for people."""
        return self._name or "the component"

    def list(self) -> str:
        """All attributes, for people."""
        return ", ".join(self.names) or "nothing"

    def close(self) -> None:
        """Stop what the host still waits for."""
        self._context.host.close()

    def attribute(self, name: str) -> str | None:
        """The attribute of a name of WIT, or of a compatible version of it."""
        found = None
        for attribute, each in self.names.items():
            if each == name:
                return attribute
            if found is None and matches(name, each):
                found = attribute
        return found

    def lines(self) -> Iterator[str]:
        """It all as WIT."""
        spelling = self._context.spelling
        if self._name:
            yield from spelling.item(self._name, InstanceShape(self._exports))
            return
        for name, extern in self._exports.items():
            yield from spelling.item(name, extern)

    def make(self, name: str) -> Any:
        """What Python sees of an export."""
        extern, context = self._exports[name], self._context
        if isinstance(extern, TypeBound) and isinstance(extern.type, Defined):
            return context.classes.of(extern.type)
        found = self._instance.exports[name]
        if isinstance(extern, FuncType):
            return _function(context, found, extern, name)
        if isinstance(extern, InstanceShape):
            path = f"{self._name}/{name}" if self._name else name
            return Interface(context, path, extern, found)
        if not isinstance(found, RuntimeResource):
            return found
        if found not in context.resources:
            home, label = context.homes.get(found, (self, name))
            # a resource of the host's may be any object
            context.resources[found] = object if found.impl is None else home.resource(label)
        return context.resources[found]

    def adopt(self) -> None:
        """Have resources lifted as objects of their classes, here and in what is exported here."""
        for name, extern in self._exports.items():
            found = self._instance.exports.get(name)
            if isinstance(extern, InstanceShape) and isinstance(found, Instance):
                _Members(self._context, name, extern.exports, found).adopt()
            elif isinstance(found, RuntimeResource):
                homes = self._context.homes
                if found.factory is Resource or (found in homes and self._has_members(name)):
                    homes[found] = self, name
                    found.factory = self._factory(name)

    def _has_members(self, resource: str) -> bool:
        """Whether functions of a resource are here: other interfaces may only name it."""
        return any(split_role(name)[1] == resource for name in self._exports)

    def _factory(self, name: str) -> Callable[[RuntimeResource, ResourceHandle], Resource]:
        """Makes the objects of a resource's class, which is made when the first comes."""

        def factory(type_: RuntimeResource, handle: ResourceHandle) -> Resource:
            made: Resource = object.__new__(self.make(name))
            Resource.__init__(made, type_, handle)
            return made

        return factory

    def resource(self, name: str) -> type[Resource]:
        """The class of a resource that the guest defines, with its methods."""
        context = self._context
        given = context.classes.given("exports", self._name, pascal(name))
        lines = context.spelling.resource_lines(name, self._exports)
        body: dict[str, Any] = {
            "__slots__": (),
            "__module__": self._name or "wadjet",
            "__doc__": "\n".join(lines),
            "__init__": _initialized,
            "__new__": _not_constructed,
        }
        for each, extern in self._exports.items():
            role, resource, label = split_role(each)
            if resource != name or not isinstance(extern, FuncType):
                continue
            call = _function(context, self._instance.exports[each], extern, each)
            if role == "[constructor]":
                body["__new__"] = _constructed(call)
                body["__signature__"] = call.__signature__
            else:
                body[member(label)] = staticmethod(call) if role == "[static]" else call
        return type(pascal(name), (given or Resource,), body)


def attributes(exports: Mapping[str, Extern]) -> dict[str, str]:
    """The attributes that Python has for the exports of an instance: Python's name → WIT's."""
    found: dict[str, str] = {}
    plain = []
    for name, extern in exports.items():
        if isinstance(extern, TypeBound):
            if _has_class(extern):
                found[pascal(name)] = name
        elif not name.startswith(_ROLES):
            plain.append(name)
    return found | {attribute: name for name, attribute in interface_names(plain).items()}


def _has_class(bound: TypeBound) -> bool:
    t = bound.type
    if isinstance(t, Defined):
        return isinstance(t.shape, Record | Variant | Enum | Flags)
    return isinstance(t, ResourceType)


def _constructed(call: Callable[..., Any]) -> Callable[..., Any]:
    """`__new__` of a resource that has a constructor."""

    def __new__(cls: type, *args: Any, **named: Any) -> Any:  # noqa: N807  # becomes that
        return call(*args, **named)

    return __new__


def _not_constructed(cls: type, *args: Any, **named: Any) -> Any:
    """`__new__` of a resource that has none."""
    raise TypeError(f"{cls.__name__} has no constructor: its interface hands such resources out")


def _initialized(self: Resource, *args: Any, **named: Any) -> None:
    """`__init__` of resources: the guest has done it."""


def _function(context: _Context, func: Func, t: FuncType, name: str) -> Any:
    """A function as Python sees it: what canon made, or what waits for it, with a name, a
    signature and a text."""
    manner = context.manner
    call: Any
    if isinstance(func.lifted, HostFunction):  # an import that is exported again
        return func.lifted.callable
    if t.is_async or manner.awaitable:
        call = context.host.real.coroutine(func, manner.results)
    else:
        call = func.calls(manner.results)
    role, resource, label = split_role(name)
    spelling = context.spelling
    call.__name__ = snake(label or "constructor")
    call.__qualname__ = f"{pascal(resource)}.{call.__name__}" if resource else call.__name__
    call.__doc__ = f"{label or resource}: {spelling.func(t, role)}"
    params = [
        Parameter(snake(each), Parameter.POSITIONAL_OR_KEYWORD, annotation=spelling.type(type_))
        for each, type_ in t.params
    ]
    result = Signature.empty if t.result is None else spelling.type(t.result)
    call.__signature__ = Signature(params, return_annotation=result)
    return call


def connect(
    component: "Component",
    imports: Mapping[str, object],
    store: Store,
    tier: str,
    classes: Classes | None,
    manner: "Manner",
) -> ComponentInstance:
    """An instance of a component, given all that it imports."""
    shape, host = component.valid.shape, LazyHost()
    instance = instantiate(
        component.plan, imports, store=store, tier=tier, host=host, forms=classes
    )
    shared = instance.scheduler.host  # that of what is imported, where something is
    if isinstance(shared, LazyHost):
        host = shared
    host.scheduler = instance.scheduler
    context = _Context(component.spelling, instance.inst.program.classes, host, manner)
    made = ComponentInstance(context, "", InstanceShape(shape.exports), instance)
    made.__dict__[""].adopt()
    return made
