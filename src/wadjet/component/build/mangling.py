"""What the imports and exports of core modules are called that are written for a world.

There are two conventions. In the older one an import's module is the interface (`$root` for what a
world has by itself, `[export]` before what is about an exported one), signs in square brackets say
what is wanted of it, and an export is `interface#function`. In the newer one (`cm32p2`) everything
begins with that word, parts are separated by bars, and versions are canonical.
"""

import re
from collections.abc import Iterator
from wadjet.base.records import dataclass
from typing import Final

from wadjet.component.builtins import BY_NAME, ENCODINGS
from wadjet.wit.model import Function, InterfaceId, Resolve, WorldKey
from wadjet.wit.semver import split

STANDARD: Final = "cm32p2"
_ROOT, _EXPORT = "$root", "[export]"
#: what a linker writes where each thread has a stack of its own
_STACK: Final = {
    "__wasm_get_stack_pointer": "context.get",
    "__wasm_set_stack_pointer": "context.set",
}
_LOWER: Final = "[async-lower]"
_CANCELLABLE: Final = "[cancellable]"
_SIGN: Final = re.compile(r"\[([a-z0-9+-]+)\](.*)", re.DOTALL)
#: name of a built-in, spelled with hyphens → its name
_BUILTINS: Final = {name.replace(".", "-"): name for name in BY_NAME}
#: suffixes of resource built-ins in the newer convention
_SUFFIXES: Final = {
    "_drop": "resource.drop",
    "_new": "resource.new",
    "_rep": "resource.rep",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a core import asks for.

    `interface` is None for what a world has by itself; `exported` tells that it is about what the
    component exports. `what` is "func" or the name of a built-in, `item` the function or resource
    that it is about. `detail` is what else was in the sign: a number, `unit`, an encoding, a type.
    """

    interface: str | None
    exported: bool
    what: str
    item: str
    detail: str = ""
    is_async: bool = False
    cancellable: bool = False


def readings(module: str, name: str) -> list[Wanted]:
    """What a core import may mean; the first reading that makes sense counts."""
    if module.startswith(STANDARD):
        return list(_standard(module.removeprefix(STANDARD), name))
    if module == "env" and name in _STACK:
        return [Wanted(None, False, _STACK[name], "", f"{t}-0") for t in ("i32", "i64")]
    exported = module.startswith(_EXPORT)
    module = module.removeprefix(_EXPORT)
    return list(_legacy(None if module == _ROOT else module, exported, name))


def _standard(module: str, name: str) -> Iterator[Wanted]:
    exported = module.removeprefix("|").startswith("_ex_")
    interface = module.removeprefix("|").removeprefix("_ex_") if module else None
    if not exported:
        yield Wanted(interface, False, "func", name)
    for suffix, what in _SUFFIXES.items():
        if name.endswith(suffix):
            yield Wanted(interface or None, exported, what, name.removesuffix(suffix))


def _legacy(interface: str | None, exported: bool, name: str) -> Iterator[Wanted]:
    if not exported:
        is_async = name.startswith(_LOWER)
        yield Wanted(interface, False, "func", name.removeprefix(_LOWER), is_async=is_async)
    is_async = name.startswith(_LOWER)
    rest = name.removeprefix(_LOWER)
    cancellable = rest.startswith(_CANCELLABLE)
    found = _SIGN.fullmatch(rest.removeprefix(_CANCELLABLE))
    if found is None:
        return
    sign, item = found.groups()
    for spelled, what in _BUILTINS.items():
        if sign == spelled or sign.startswith(f"{spelled}-"):
            detail = sign[len(spelled) + 1 :]
            yield Wanted(interface, exported, what, item, detail, is_async, cancellable)


def encoding_in(detail: str) -> str | None:
    """The string encoding that a sign ends in."""
    return detail if detail in ENCODINGS else None


@dataclass(frozen=True, slots=True)
class Offered:
    """What a core export may be: `what` is "func", "post-return", "callback" or "dtor"; `how` a
    function is lifted: "sync", "callback" or "stackful"."""

    what: str
    key: WorldKey
    item: str
    how: str = "sync"


def core_exports(
    resolve: Resolve, key: WorldKey, id: InterfaceId | None, function: Function
) -> Iterator[tuple[str, Offered]]:
    """The names under which a core module may export a function and what belongs to it."""
    name = function.name if id is None else f"{resolve.key_name(key)}#{function.name}"
    bars = f"{STANDARD}|{'' if id is None else canonical_name(resolve, key)}|{function.name}"
    for each, post in ((name, f"cabi_post_{name}"), (bars, f"{bars}_post")):
        yield each, Offered("func", key, function.name)
        yield post, Offered("post-return", key, function.name)
    yield f"[async-lift]{name}", Offered("func", key, function.name, "callback")
    yield f"[callback][async-lift]{name}", Offered("callback", key, function.name, "callback")
    yield f"[async-lift-stackful]{name}", Offered("func", key, function.name, "stackful")


def destructors(resolve: Resolve, key: WorldKey, resource: str) -> Iterator[tuple[str, Offered]]:
    """The names under which a core module may export the destructor of a resource."""
    yield f"{resolve.key_name(key)}#[dtor]{resource}", Offered("dtor", key, resource)
    bars = f"{STANDARD}|{canonical_name(resolve, key)}|{resource}_dtor"
    yield bars, Offered("dtor", key, resource)


def canonical_name(resolve: Resolve, key: WorldKey) -> str:
    """The name of an import or export, with as much of its version as tells what fits."""
    name = resolve.key_name(key)
    if isinstance(key, str):
        return name
    version = resolve.packages[resolve.interfaces[key].package].name.version
    return name if version is None else f"{name.partition('@')[0]}@{split(version)[0]}"
