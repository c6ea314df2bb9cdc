"""Definitions of a component, or declarators of a type, while they are being written, with the
indices they get.
"""

from typing import Final, final

from wadjet.component.component import Component, Definition, additions
from wadjet.component.types import (
    AnyType, ComponentType, Decl, EqType, ExportDecl, ExternName, ExternType, Import,
    InstanceType, Prim, SubResource, TypeDef, sort_of,
)  # fmt: skip


@final
class Declarations:
    """What has been written so far. `names_by` is what gives a type its name: in a world an import,
    elsewhere an export."""

    __slots__ = ("_counts", "decls", "names_by")

    def __init__(self, names_by: type[Import] | type[ExportDecl] = ExportDecl) -> None:
        self.decls: Final[list[Definition | ExportDecl]] = []
        self.names_by: Final = names_by
        self._counts: Final[dict[str, int]] = {}

    def add(self, d: Definition | ExportDecl) -> int:
        """Append a definition; the first index that it adds."""
        self.decls.append(d)
        sort, count = (sort_of(d.type), 1) if isinstance(d, ExportDecl) else additions(d)
        index = self._counts.get(sort, 0)
        self._counts[sort] = index + count
        return index

    def define(self, t: AnyType) -> int:
        """Append a type definition; its index."""
        return self.add(TypeDef(t))

    def defined(self, t: Prim | int) -> int:
        """The index of a type; a primitive one gets a definition for that."""
        return t if isinstance(t, int) else self.define(t)

    def name_type(self, name: ExternName, t: EqType | SubResource) -> int:
        """Give a type a name; the index that stands for it from now on."""
        return self.add(self.names_by(name, t))

    def import_(self, name: ExternName, t: ExternType) -> int:
        """Append an import; the index of what it brings."""
        return self.add(Import(name, t))

    def export(self, name: ExternName, t: ExternType) -> int:
        """Append an export that is promised; the index of what it brings."""
        return self.add(ExportDecl(name, t))

    def component(self) -> Component:
        """What has been written, as a component."""
        return Component([d for d in self.decls if not isinstance(d, ExportDecl)])

    def component_type(self) -> ComponentType:
        """What has been written, as the type of a component."""
        return ComponentType(tuple([d for d in self.decls if isinstance(d, Decl | Import)]))

    def instance_type(self) -> InstanceType:
        """What has been written, as the type of an instance."""
        return InstanceType(tuple([d for d in self.decls if isinstance(d, Decl)]))
