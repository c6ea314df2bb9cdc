"""The adapter between programs made for WASI 0.1 and the interfaces of WASI 0.2.

It is written in text, preview1.wat, and says in preview1.wit what it asks of the world. Of both a
component gets only what its program needs: functions that nobody calls are left out.
"""

import re
from collections.abc import Collection
from importlib import resources
from typing import Final

from wadjet.component.build.metadata import embed
from wadjet.core.binary import encode
from wadjet.core.features import ALL
from wadjet.core.module import Module
from wadjet.core.text import parse
from wadjet.wit import resolve, select_world

#: what programs import the functions of WASI 0.1 from
NAME: Final = "wasi_snapshot_preview1"
_FORM: Final = re.compile(r"^  \((?:[^\n]*\n(?:    [^\n]*\n|\n(?=    ))*)", re.MULTILINE)
_IDENTIFIER: Final = re.compile(r"\$[a-z0-9-]+")
_EXPORT: Final = re.compile(r'\(export "([^"]+)"\)')


def adapter(module: Module) -> bytes:
    """The adapter for a program: a command if it exports `_start`, or else a library."""
    command = any(export.name == "_start" for export in module.exports)
    wanted = {each.name for each in module.imports if each.module == NAME} | {"cabi_import_realloc"}
    if command:
        wanted.add("wasi:cli/run@0.2.0#run")
    here = resources.files(__package__)
    text = needed((here / "preview1.wat").read_text("utf-8"), wanted)
    made = resolve({"preview1.wit": (here / "preview1.wit").read_text("utf-8")})
    world = select_world(made, "command" if command else "reactor")
    return embed(encode(parse(text, ALL)), made, world)


def needed(text: str, wanted: Collection[str]) -> str:
    """The module with those of its fields that exports of these names need."""
    fields = [found[0] for found in _FORM.finditer(text)]
    defined: dict[str, int] = {}
    for i, each in enumerate(fields):
        for name in _defines(each):
            defined[name] = i
    kept, rest = set[int](), []
    for i, each in enumerate(fields):
        exports = _EXPORT.findall(each)
        if any(name in wanted for name in exports) or '"memory"' in each:
            rest.append(i)
    while rest:
        i = rest.pop()
        if i not in kept:
            kept.add(i)
            rest += [defined[n] for n in _IDENTIFIER.findall(fields[i]) if n in defined]
    return "(module\n" + "".join(each for i, each in enumerate(fields) if i in kept) + ")"


def _defines(field: str) -> list[str]:
    """The identifiers that stand for a field of the module: what it begins with, or imports."""
    found = re.match(r"  \((?:func|global|data) (\$[a-z0-9-]+)", field)
    imported = re.search(r"\(func (\$[a-z0-9-]+)", field) if "(import " in field else None
    return [each[1] for each in (found, imported) if each is not None]
