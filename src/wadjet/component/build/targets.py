"""Whether a component fits a world, and a world an earlier one: questions of subtyping."""

from wadjet.base.records import replace

from wadjet.base.errors import Invalid
from wadjet.component.closed import ComponentShape, TypeBound
from wadjet.component.component import Component
from wadjet.component.features import ALL
from wadjet.component.renaming import Work
from wadjet.component.subtyping import Matcher
from wadjet.component.validate import validate
from wadjet.component.wit_bridge import encode_world
from wadjet.wit.model import Resolve, WorldId


def world_shape(resolve: Resolve, world: WorldId) -> ComponentShape:
    """The type of the components of a world."""
    (bound,) = validate(encode_world(resolve, world), ALL).shape.exports.values()
    assert isinstance(bound, TypeBound), "worlds are exported as types"
    assert isinstance(bound.type, ComponentShape), "of components"
    (made,) = bound.type.exports.values()
    assert isinstance(made, ComponentShape), "which export the world"
    return made


def check_targets(component: Component, resolve: Resolve, world: WorldId) -> None:
    """Raise Invalid, saying what does not fit, unless a component does with the imports of a world
    and has all its exports."""
    found, wanted = validate(component, ALL).shape, world_shape(resolve, world)
    problem = Matcher(Work()).component(found, wanted)
    if problem is not None:
        name = resolve.worlds[world].name
        raise Invalid(f"the component does not fit the world `{name}`: {problem}")


def check_semver(resolve: Resolve, before: WorldId, after: WorldId) -> None:
    """Raise Invalid, saying what does not fit, unless whatever was made for a world fits a later
    one as well. Versions of packages are not looked at: they are what is to be decided."""
    packages = {resolve.packages[resolve.worlds[w].package].name for w in (before, after)}
    if len({(name.namespace, name.name) for name in packages}) > 1:
        raise Invalid(f"the worlds are of different packages: {', '.join(map(str, packages))}")
    bare = [replace(p, name=replace(p.name, version=None)) for p in resolve.packages]
    plain = replace(resolve, packages=bare)
    found, wanted = world_shape(plain, before), world_shape(plain, after)
    problem = Matcher(Work()).component(found, wanted)
    if problem is not None:
        raise Invalid(f"what was made for the earlier world does not fit the later: {problem}")
