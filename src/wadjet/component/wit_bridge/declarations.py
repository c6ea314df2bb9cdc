"""A component or instance type that is being written: its declarators, and the indices they get."""

from typing import Final, final

from wadjet.component.types import (
    Alias, AnyType, ComponentType, EqType, ExportDecl, ExternName, ExternType, Import, InstanceType,
    Prim, SubResource, TypeDef, sort_of,
)  # fmt: skip


@final
class Declarations:
    """The declarators so far. `names_by` is what gives a type its name: in a world an import,
    elsewhere an export."""

    __slots__ = ("_counts", "decls", "names_by")

    def __init__(self, names_by: type[Import] | type[ExportDecl] = ExportDecl) -> None:
        self.decls: Final[list[TypeDef | Alias | Import | ExportDecl]] = []
        self.names_by: Final = names_by
        self._counts: Final[dict[str, int]] = {}

    def _add(self, sort: str, decl: TypeDef | Alias | Import | ExportDecl) -> int:
        self.decls.append(decl)
        index = self._counts.get(sort, 0)
        self._counts[sort] = index + 1
        return index

    def define(self, t: AnyType) -> int:
        """Append a type definition; its index."""
        return self._add("type", TypeDef(t))

    def defined(self, t: Prim | int) -> int:
        """The index of a type; a primitive one gets a definition for that."""
        return t if isinstance(t, int) else self.define(t)

    def alias(self, alias: Alias) -> int:
        """Append an alias; the index that it adds."""
        return self._add(alias.sort, alias)

    def name_type(self, name: ExternName, t: EqType | SubResource) -> int:
        """Give a type a name; the index that stands for it from now on."""
        return self._add("type", self.names_by(name, t))

    def import_(self, name: ExternName, t: ExternType) -> int:
        """Append an import; the index of what it brings."""
        return self._add(sort_of(t), Import(name, t))

    def export(self, name: ExternName, t: ExternType) -> int:
        """Append an export; the index of what it brings."""
        return self._add(sort_of(t), ExportDecl(name, t))

    def component_type(self) -> ComponentType:
        """What has been declared, as the type of a component."""
        return ComponentType(tuple(self.decls))

    def instance_type(self) -> InstanceType:
        """What has been declared, as the type of an instance."""
        return InstanceType(tuple([d for d in self.decls if not isinstance(d, Import)]))
