"""What an interface is: WIT text ⇄ resolved packages (design/mvp/WIT.md of the component model).

    resolve(where)              folder, file, or texts by name → `Resolve`: what the packages mean
    print_package(resolve, id)  one package of a `Resolve` → canonical WIT text
    to_json(resolve)            a `Resolve` → plain data, in the shape of other WIT tools
    select_world(resolve, name) the world that is meant
    parse(text)                 one file → its syntax, names not looked up

The way of a text through the files: `sources` finds texts, `lexer` cuts them into tokens, `cursor`
and `parse` read these as an `ast`; `packages` puts packages in order, `names` tells what a path
leads to, `definitions` and `types` make types and functions of what is written; `include` and
`elaborate` complete worlds. `model` describes what comes of it: begin there.
"""

from wadjet.wit.json_form import to_json
from wadjet.wit.model import Resolve
from wadjet.wit.parse import parse
from wadjet.wit.printer import dependencies, print_package
from wadjet.wit.resolve import resolve
from wadjet.wit.select import select_world
from wadjet.wit.semver import Version, compatible

__all__ = [
    "Resolve",
    "Version",
    "compatible",
    "dependencies",
    "parse",
    "print_package",
    "resolve",
    "select_world",
    "to_json",
]
