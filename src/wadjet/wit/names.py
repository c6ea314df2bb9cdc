"""What the names in a package stand for: interfaces and worlds, here and in other packages."""

from dataclasses import dataclass, field
from typing import Final

from wadjet.base.errors import Invalid
from wadjet.wit.ast import Id, Interface, PackageName, Scope, TopUse, UsePath, World
from wadjet.wit.model import TypeId
from wadjet.wit.order import in_order
from wadjet.wit.packages import Reference, references

#: stands for the index of what a gate has left out
EXCLUDED: Final = -1


@dataclass(slots=True)
class Local:
    """An interface or world of the package itself.

    `id` is its index once it has one. Of an interface, `types` are those by name, left out or
    not, and `functions` the names of the others.
    """

    written: Interface | World
    scope: int
    id: int = EXCLUDED
    types: dict[str, TypeId] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)

    @property
    def kind(self) -> str:
        """`interface` or `world`."""
        return "interface" if isinstance(self.written, Interface) else "world"

    @property
    def full_name(self) -> str:
        """What tells it from all others that this package knows."""
        return self.written.name.name


@dataclass(slots=True)
class Foreign:
    """An interface or world of another package: `id` is its index, if any reference to it is
    there at all. `references` are all of them."""

    package: PackageName
    name: str
    kind: str
    id: int = EXCLUDED
    references: list[Reference] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        """What tells it from all others that a package knows."""
        return self.package.member(self.name)


class Names:
    """The interfaces and worlds that a package defines, in order, and those that it refers to."""

    def __init__(self, scopes: list[Scope]) -> None:
        self.foreign: Final[dict[tuple[PackageName, str], Foreign]] = {}
        self._here: Final[dict[str, Local]] = {}
        self._in_scope: Final[list[dict[str, Local | Foreign | Id]]] = []
        folded: set[str] = set()
        for number, scope in enumerate(scopes):
            self._define(number, scope, folded)
        for scope in scopes:
            self._note_foreign(scope)
            self._in_scope.append(self._scope_names(scope))
        needs: dict[str, list[Id]] = {name: [] for name in self._here}
        for number, scope in enumerate(scopes):
            self._note_needs(number, scope, needs)
        order = in_order(needs, "interface or world")
        self.locals: Final = {name: self._here[name] for name in order}

    def interface(self, path: UsePath, scope: int) -> Local | Foreign:
        """The interface that a path leads to from a scope."""
        return self._find(path, scope, "interface")

    def world(self, path: UsePath, scope: int) -> Local | Foreign:
        """The world that a path leads to from a scope."""
        return self._find(path, scope, "world")

    def _find(self, path: UsePath, scope: int, kind: str) -> Local | Foreign:
        name = path.name
        found: Local | Foreign | Id | None
        if path.package is not None:
            found = self.foreign[path.package, name.name]
        else:
            found = self._in_scope[scope].get(name.name) or self._here.get(name.name)
            if isinstance(found, Id):
                found = self._here[found.name]
        if found is None:
            raise _unknown(name)
        if found.kind != kind:
            raise _mistaken(name, found.kind, kind)
        return found

    def _define(self, number: int, scope: Scope, folded: set[str]) -> None:
        """Note the definitions of a scope: their names are those of the package, in any case."""
        for item in scope.items:
            if isinstance(item, TopUse):
                continue
            name = item.name
            if name.name.lower() in folded:
                raise name.spot.invalid(f"`{name.name}` is defined twice in this package")
            folded.add(name.name.lower())
            self._here[name.name] = Local(item, number)

    def _note_foreign(self, scope: Scope) -> None:
        """Note what a scope refers to elsewhere; the first reference tells what it is."""
        for reference in references(scope):
            package, name = reference.path.package, reference.path.name.name
            if package is not None:
                key = package, name
                if key not in self.foreign:
                    self.foreign[key] = Foreign(package, name, reference.wants)
                if self.foreign[key].kind != reference.wants:
                    raise _mistaken(reference.path.name, self.foreign[key].kind, reference.wants)
                self.foreign[key].references.append(reference)

    def _scope_names(self, scope: Scope) -> dict[str, Local | Foreign | Id]:
        """The names of one scope; an Id is another name for a definition of the package."""
        names: dict[str, Local | Foreign | Id] = {}
        for item in scope.items:
            name = item.name
            if name.name in names:
                raise name.spot.invalid(f"the name `{name.name}` is taken in this file")
            if not isinstance(item, TopUse):
                names[name.name] = self._here[name.name]
            elif item.path.package is None:
                names[name.name] = item.path.name
            else:
                names[name.name] = self.foreign[item.path.package, item.path.name.name]
        for found in names.values():
            if isinstance(found, Id) and found.name not in self._here:
                raise _unknown(found)
        return names

    def _note_needs(self, number: int, scope: Scope, needs: dict[str, list[Id]]) -> None:
        """Add what the definitions of a scope need of each other."""
        in_scope = self._in_scope[number]
        for reference in references(scope):
            name = reference.path.name
            if reference.inside is None or reference.path.package is not None:
                continue
            found = in_scope.get(name.name)
            if isinstance(found, Local):
                needs[reference.inside.name].append(found.written.name)
            elif isinstance(found, Id):
                needs[reference.inside.name].append(found)
            elif found is None:
                if name.name not in self._here:
                    raise _unknown(name)
                needs[reference.inside.name].append(name)


_ARTICLE: Final = {"interface": "an interface", "world": "a world"}


def _mistaken(name: Id, kind: str, wanted: str) -> Invalid:
    message = f"`{name.name}` is {_ARTICLE[kind]}, not {_ARTICLE[wanted]}"
    return name.spot.invalid(message)


def _unknown(name: Id) -> Invalid:
    return name.spot.invalid(f"interface or world `{name.name}` does not exist")
