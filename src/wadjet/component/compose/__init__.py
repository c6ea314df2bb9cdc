"""Composing components: in the language WAC (`compose`), and by what fits together (`plug`).

    compose(text, packages)   a WAC document → the component that it describes
    plug(socket, plugs)       a component, with the imports that others export given to it

`parse` reads a document into an `ast`, `resolve` makes a `graph` of it, `assemble` a component.
"""

from collections.abc import Sequence

from wadjet.base.errors import Invalid
from wadjet.base.spans import Place
from wadjet.component.build.targets import check_targets
from wadjet.component.component import Component
from wadjet.component.compose.assemble import assemble
from wadjet.component.compose.graph import Graph, Node, Package
from wadjet.component.compose.parse import parse
from wadjet.component.compose.resolve import Packages, resolve_document
from wadjet.wit.lexer import Source
from wadjet.wit.parse import decode
from wadjet.wit.semver import compatible, parse_version

__all__ = ["Packages", "compose", "plug"]


def compose(text: str | bytes, packages: Packages, name: str = "<wac>") -> Component:
    """The component that a WAC document describes. `packages` finds the components it names.

    Raises Malformed where the text is not WAC, Invalid where something is not there or does not
    fit; both know line and column.
    """
    source = Source(name, decode(text, name))
    found = resolve_document(parse(source.text, name), packages)

    def locate(place: int) -> Place:
        return source.place(place)

    made = assemble(found.graph, locate)
    if found.targets is not None:
        world, spot = found.targets
        try:
            check_targets(made, found.wit, world)
        except Invalid as error:
            raise spot.invalid(error.message) from None
    return made


def plug(socket: Component, plugs: Sequence[Component]) -> Component:
    """A component whose imports are given what others export, each the first that fits; what is
    left is imported. It exports what the component exports. Raises Invalid, also for a plug that
    fits nowhere."""
    graph, target = Graph(), Package("socket", socket)
    args: dict[str, Node] = {}
    for number, each in enumerate(plugs):
        package = Package(f"plug {number}", each)
        fits = {
            wanted: given
            for wanted in target.shape.imports
            for given in package.shape.exports
            if wanted not in args and _fits(wanted, given)
        }
        if not fits:
            raise Invalid(f"plug {number + 1} exports nothing that the component imports")
        instance = graph.new(package, {}, rest=True)
        for wanted, given in fits.items():
            args[wanted] = graph.access(instance, given)
    whole = graph.new(target, args, rest=True)
    for name in target.shape.exports:
        graph.export(name, graph.access(whole, name))
    return assemble(graph)


def _fits(wanted: str, given: str) -> bool:
    """Whether names are the same, or those of compatible versions."""
    if wanted == given:
        return True
    path, _, one = wanted.partition("@")
    other, _, two = given.partition("@")
    versions = parse_version(one), parse_version(two)
    if path != other or versions[0] is None or versions[1] is None:
        return False
    return compatible(versions[0], versions[1])
