"""`wadjet compose`: components put together as a document in the language WAC says."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wadjet.base.errors import Invalid, Malformed
from wadjet.cli.common import (
    BAD_USAGE, Command, Failure, add_output, explain, read_input, write_output,
)  # fmt: skip
from wadjet.cli.components import read_component

if TYPE_CHECKING:
    from wadjet.component.component import Component
    from wadjet.wit.ast import PackageName


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a WAC document; - is standard input")
    parser.add_argument(
        "-d",
        "--dep",
        metavar="PACKAGE=PATH",
        action="append",
        default=[],
        help="where a package is: a component, or WIT (repeatable)",
    )
    parser.add_argument(
        "--deps-dir",
        metavar="DIR",
        default="deps",
        help="where other packages are, as NAMESPACE/NAME.wasm, .wat or a folder of WIT "
        "(default: deps)",
    )
    add_output(parser, "standard output, in a pipe")


def _run(args: Namespace) -> int:
    from wadjet.component.binary import encode
    from wadjet.component.compose import compose

    try:
        made = compose(read_input(args.file), _finder(args), args.file)
    except (Malformed, Invalid) as error:
        raise Failure(explain(args.file, error)) from None
    write_output(encode(made), args.output)
    return 0


def _finder(args: Namespace) -> "Callable[[PackageName], Component | None]":
    """Where packages are looked for."""
    given = {}
    for each in args.dep:
        name, sign, path = each.partition("=")
        if not sign:
            raise Failure(f"--dep takes PACKAGE=PATH, not {each}", BAD_USAGE)
        given[name] = Path(path)

    def find(name: "PackageName") -> "Component | None":
        for key in (str(name), f"{name.namespace}:{name.name}"):
            if key in given:
                return _load(given[key])
        folder = Path(args.deps_dir) / name.namespace
        for path in (folder / name.name / str(name.version), folder / name.name):
            for ending in (".wasm", ".wat", ".wit", ""):
                found = path.with_name(path.name + ending)
                if found.exists():
                    return _load(found)
        return None

    return find


def _load(path: Path) -> "Component":
    """The component at a path, or the WIT there in binary form."""
    if path.is_dir() or path.suffix == ".wit":
        from wadjet.component.wit_bridge import encode_package, read

        resolve = read(path)
        return encode_package(resolve, resolve.main)
    return read_component(str(path))


COMMAND = Command("compose", "Put components together as a WAC document says.", _options, _run)
