"""What a component imports and exports, with every name of a type told apart.

Closed types (`wadjet.component.closed`) say what a type means; WIT also says what it is called:
that a parameter is of type `size`, and not merely u32, and that one interface's `size` is another
one's. So definitions are followed as they are written. A component that is instantiated is followed
with its arguments in place of its imports.

The component must be valid.
"""

from collections.abc import Mapping, Sequence
from typing import Final, final

from wadjet.base.errors import Invalid
from wadjet.component import limits
from wadjet.component.component import (
    Bundle, Component, Definition, Export, Instantiate, Lift, additions,
)  # fmt: skip
from wadjet.component.types import (
    AliasCoreExport, AliasExport, AliasOuter, ComponentType, Decl, EqType, ExportDecl, ExternName,
    ExternType, FuncType, Import, InstanceType, Prim, ResourceDef, Shape, SubResource, TypeDef,
    TypeUse, sort_of,
)  # fmt: skip


#: how many definitions may be followed, those of what is instantiated each time anew
_STEPS: Final = 500_000


@final
class TypeNode:
    """A type, known by its identity. `written` is what it is made of, by indices of `scope`; None
    for a resource. `source` is what it is a new name of, if it is one."""

    __slots__ = ("scope", "source", "written")

    def __init__(
        self, scope: "Scope", written: Prim | Shape | None, source: "TypeNode | None" = None
    ) -> None:
        self.scope: Final = scope
        self.written: Final = written
        self.source: Final = source


@final
class FuncNode:
    """A function, or the type of one. The indices in `type` are those of `scope`."""

    __slots__ = ("scope", "type")

    def __init__(self, scope: "Scope", type_: FuncType) -> None:
        self.scope: Final = scope
        self.type: Final = type_


@final
class InstanceNode:
    """An instance, by what it exports."""

    __slots__ = ("exports",)

    def __init__(self, exports: "Mapping[str, Item]") -> None:
        self.exports: Final = exports


@final
class Pattern:
    """A component, or the type of a component or an instance: definitions, and where they stand."""

    __slots__ = ("definitions", "scope")

    def __init__(self, definitions: "Sequence[Definition | Decl]", scope: "Scope | None") -> None:
        self.definitions: Final = definitions
        self.scope: Final = scope


#: what an index may mean; None for what WIT cannot say
Node = TypeNode | FuncNode | InstanceNode | Pattern | None


@final
class Item:
    """One import or export. `sort` is what was said of it."""

    __slots__ = ("name", "node", "sort")

    def __init__(self, name: ExternName, sort: str, node: Node) -> None:
        self.name: Final = name
        self.sort: Final = sort
        self.node: Final = node


@final
class Scope:
    """A component, or the type of one or of an instance, followed to its end: its index spaces,
    imports and exports."""

    __slots__ = ("_budget", "_depth", "exports", "imports", "outer", "spaces")

    def __init__(self, outer: "Scope | None", budget: list[int], depth: int) -> None:
        if depth > limits.NESTING:
            raise Invalid(f"components instantiate each other too deep: over {limits.NESTING}")
        self.outer: Final = outer
        self.spaces: Final[dict[str, list[Node]]] = {}
        self.imports: Final[dict[str, Item]] = {}
        self.exports: Final[dict[str, Item]] = {}
        self._budget: Final = budget
        self._depth: Final = depth

    def at(self, sort: str, index: int) -> Node:
        """What an index means."""
        return self.spaces[sort][index]

    def type(self, index: int) -> TypeNode:
        """The value type or resource at an index."""
        node = self.at("type", index)
        assert isinstance(node, TypeNode), "validated"
        return node

    def _add(self, sort: str, node: Node) -> None:
        self.spaces.setdefault(sort, []).append(node)

    def follow(self, definitions: Sequence[Definition | Decl], args: Mapping[str, Node]) -> "Scope":
        """Follow definitions to their end, and return this scope."""
        for d in definitions:
            self._budget[0] -= 1
            if self._budget[0] < 0:
                raise Invalid(f"components instantiate each other too often: over {_STEPS} steps")
            self._definition(d, args)
        return self

    def _definition(self, d: Definition | Decl, args: Mapping[str, Node]) -> None:
        match d:
            case TypeDef():
                self._add("type", self._type_def(d))
            case Import(name, type_):
                node = args[name.name] if name.name in args else self._brought(type_)
                self.imports[name.name] = Item(name, sort_of(type_), node)
                self._add(sort_of(type_), node)
            case ExportDecl(name, type_):
                self._export(name, sort_of(type_), self._brought(type_))
            case Export():
                self._export(d.name, d.sort, self._exported(d))
            case AliasExport(sort, index, label):
                instance = self.at("instance", index)
                assert isinstance(instance, InstanceNode), "validated"
                self._add(sort, instance.exports[label].node)
            case AliasOuter(sort, count, index):
                self._add(sort, self._outward(count)._get(sort, index))
            case Component():
                self._add("component", Pattern(d.definitions, self))
            case Instantiate() | Bundle():
                self._add("instance", self._instance(d))
            case Lift():
                self._add("func", self.at("type", d.type))
            case AliasCoreExport():
                pass
            case _:
                sort, count = additions(d)
                for _ in range(count if sort == "value" else 0):
                    self._add("value", None)

    def _get(self, sort: str, index: int) -> Node:
        """What an index means; nothing is known of core definitions."""
        return self.at(sort, index) if sort in ("type", "component") else None

    def _outward(self, count: int) -> "Scope":
        scope = self
        for _ in range(count):
            assert scope.outer is not None, "validated"
            scope = scope.outer
        return scope

    def _export(self, name: ExternName, sort: str, node: Node) -> None:
        self.exports[name.name] = Item(name, sort, node)
        self._add(sort, node)

    def _type_def(self, d: TypeDef) -> Node:
        match d.type:
            case FuncType():
                return FuncNode(self, d.type)
            case ComponentType(decls) | InstanceType(decls):
                return Pattern(decls, self)
            case ResourceDef():
                return TypeNode(self, None)
        return TypeNode(self, d.type)

    def _brought(self, t: ExternType) -> Node:
        """What an import or a promised export brings."""
        if isinstance(t, SubResource):
            return TypeNode(self, None)
        if isinstance(t, EqType):
            return _renamed(self.at("type", t.type))
        if not isinstance(t, TypeUse) or t.sort == "core module":
            return None
        node = self.at("type", t.type)
        if t.sort == "instance":
            assert isinstance(node, Pattern), "validated"
            return InstanceNode(self.inside(node, {}).exports)
        return node

    def _exported(self, d: Export) -> Node:
        """What an export stands for, with the type that is given to it."""
        node = self._get(d.sort, d.index) if d.sort == "core module" else self.at(d.sort, d.index)
        if d.sort == "func" and d.type is not None:
            return self._brought(d.type)
        return _renamed(node)

    def _instance(self, d: Instantiate | Bundle) -> InstanceNode:
        if isinstance(d, Bundle):
            items = [Item(e.name, e.sort, self._item(e.sort, e.index)) for e in d.exports]
            return InstanceNode({item.name.name: item for item in items})
        pattern = self.at("component", d.component)
        assert isinstance(pattern, Pattern), "validated"
        args = {arg.name: self._item(arg.sort, arg.index) for arg in d.args}
        return InstanceNode(self.inside(pattern, args).exports)

    def _item(self, sort: str, index: int) -> Node:
        return None if sort == "core module" else self.at(sort, index)

    def inside(self, pattern: Pattern, args: Mapping[str, Node]) -> "Scope":
        """The scope of a component, with arguments for its imports, or of an instance type."""
        scope = Scope(pattern.scope, self._budget, self._depth + 1)
        return scope.follow(pattern.definitions, args)


def _renamed(node: Node) -> Node:
    """A type under a name of its own."""
    if isinstance(node, TypeNode):
        return TypeNode(node.scope, node.written, node)
    return node


def outline(component: Component) -> Scope:
    """Follow a valid component. Raises Invalid where that would take too long."""
    return Scope(None, [_STEPS], 1).follow(component.definitions, {})
