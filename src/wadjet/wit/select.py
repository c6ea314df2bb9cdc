"""Which world is meant (WIT.md, "Specifying a World")."""

from wadjet.base.errors import Invalid
from wadjet.wit.model import Package, PackageName, Resolve, WorldId
from wadjet.wit.parse import use_path


def select_world(resolve: Resolve, world: str | None = None) -> WorldId:
    """The only world of the main package, the one of this name in it, or one by its full name.

    A full name may leave the version out where there is one package of that name. Raises Invalid
    where nothing or more than one thing is meant, and says what there is; Malformed for what is
    no name.
    """
    package = resolve.packages[resolve.main]
    if world is None:
        if len(package.worlds) == 1:
            return next(iter(package.worlds.values()))
        raise Invalid(f"which world of `{package.name}` is meant? {_choice(package)}")
    path = use_path(world)
    if path.package is not None:
        package = _package(resolve, path.package)
    if path.name.name not in package.worlds:
        there = _choice(package)
        raise Invalid(f"package `{package.name}` has no world `{path.name.name}`: {there}")
    return package.worlds[path.name.name]


def _package(resolve: Resolve, name: PackageName) -> Package:
    if name in resolve.package_names:
        return resolve.packages[resolve.package_names[name]]
    found = [
        package
        for package in resolve.packages
        if name.version is None
        and (package.name.namespace, package.name.name) == (name.namespace, name.name)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        versions = ", ".join(str(package.name) for package in found)
        raise Invalid(f"which `{name}` is meant? There are {versions}")
    raise Invalid(f"package `{name}` is not there")


def _choice(package: Package) -> str:
    if not package.worlds:
        return "it has none"
    return f"there are {', '.join(f'`{name}`' for name in package.worlds)}"
