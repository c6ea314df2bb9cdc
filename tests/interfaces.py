"""The interfaces of WASI as their WIT says, beside what Python has for them."""

import inspect
from collections.abc import Iterator
from pathlib import Path

from wadjet.canon.naming import member, pascal, snake
from wadjet.wit import resolve
from wadjet.wit.model import Function

#: in an order in which each needs only those before it
ORDER = ("io", "random", "clocks", "filesystem", "sockets", "cli", "http")


def interfaces(folder: Path) -> Iterator[tuple[str, list[Function]]]:
    """Every interface of an edition by its name without a version, with its functions."""
    groups = [folder / name / "wit" for name in ORDER if (folder / name).is_dir()]
    seen: dict[str, list[Function]] = {}
    for count in range(1, len(groups) + 1):
        resolved = resolve(groups[:count], all_features=True)
        for interface in resolved.interfaces:
            if interface.name is not None:
                package = resolved.packages[interface.package].name
                name = f"{package.namespace}:{package.name}/{interface.name}"
                seen[name] = list(interface.functions.values())
    yield from seen.items()


def problems(provider: object, name: str, functions: list[Function]) -> Iterator[str]:
    """What a provider lacks of an interface."""
    for function in functions:
        place = f"{name}: {function.name}"
        found = _counterpart(provider, function)
        if found is None:
            yield f"{place} is missing"
            continue
        params = list(inspect.signature(found).parameters.values())
        wanted = [snake(param.name) for param in function.params]
        if function.role == "method":
            wanted[0] = "self"
        given = [param.name for param in params]
        if function.role == "method":
            given = given if given[:1] == ["self"] else ["self", *given]
        if len(given) != len(wanted):
            yield f"{place} takes {wanted}, ours {given}"


def _counterpart(provider: object, function: Function) -> object:
    if function.role == "free":
        return getattr(provider, snake(function.name), None)
    resource = function.name.partition("]")[2].partition(".")[0]
    made = getattr(provider, pascal(resource), None)
    if function.role == "constructor" or made is None:
        return made
    return getattr(made, member(function.item_name), None)
