"""Instances of components (Explainer.md, "Instance Definitions", "Type Checking")."""

from wadjet.component.closed import Extern, InstanceShape
from wadjet.component.component import Bundle, Instantiate
from wadjet.component.subtyping import Matcher
from wadjet.component.types import Resource
from wadjet.component.validate.externnames import check_name
from wadjet.component.validate.scope import Names, Scope


def add_instantiate(scope: Scope, d: Instantiate) -> None:
    """Check the instantiation of a component, and add the instance.

    Each argument must fit its import. As arguments are supplied, what they are stands for what the
    imports left open; the resources that the component makes are new ones each time.
    """
    component = scope.at(scope.components, d.component, "component", d.place)
    args: dict[str, Extern] = {}
    for arg in d.args:
        if arg.name in args:
            name = arg.name
            conflict = f"`{name}` conflicts with previous argument `{name}`"
            scope.fail(f"instantiation argument {conflict}", d.place)
        args[arg.name] = scope.extern(arg.sort, arg.index, d.place)
    matcher = Matcher(scope.session.work, component.taken)
    for name, wanted in component.imports.items():
        found = args.get(name)
        if found is None:
            scope.fail(f"missing import named `{name}`", d.place)
        problem = matcher.extern(found, wanted)
        if problem is not None:
            scope.fail(f"type mismatch for import `{name}`: {problem}", d.place)
    renaming = matcher.renaming
    for old, path in component.made.items():
        new = Resource("instance", path, len(scope.instances))
        renaming.resources[old] = new
        scope.local[new] = None
    _add(scope, InstanceShape(renaming.externs(component.exports)), d.place)


def add_bundle(scope: Scope, d: Bundle) -> None:
    """Check an instance that is put together from definitions, and add it."""
    names = Names()
    for e in d.exports:
        extern = scope.extern(e.sort, e.index, d.place)
        check_name(scope.session, names, "export", e.name, extern, d.place)
        names.externs[e.name.name] = extern
    _add(scope, InstanceShape(names.externs), d.place)


def _add(scope: Scope, shape: InstanceShape, place: int) -> None:
    scope.session.bounded(shape, place)
    scope.add_extern(shape, place)
