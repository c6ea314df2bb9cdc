"""`wadjet virt`: parts of the world taken away from a component, for good."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from wadjet.base.errors import Invalid, Malformed
from wadjet.cli.common import BAD_USAGE, Command, Failure, add_output, explain, write_output
from wadjet.cli.components import read_component

if TYPE_CHECKING:
    from wadjet.component.compose.files import Tree


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a component, binary or text")
    parser.add_argument(
        "--deny",
        metavar="NAME",
        action="append",
        default=[],
        help="an interface or package whose functions all fail (repeatable)",
    )
    parser.add_argument(
        "--stub",
        metavar="NAME",
        action="append",
        default=[],
        help="one whose functions all answer with nothing: zeros, empty lists (repeatable)",
    )
    parser.add_argument(
        "--set",
        metavar="INTERFACE#FUNCTION=VALUE",
        action="append",
        default=[],
        help="a function that always answers this, in WAVE (repeatable)",
    )
    parser.add_argument(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        help="a variable of a fixed environment, which has no others (repeatable)",
    )
    parser.add_argument(
        "--arg", metavar="WORD", action="append", help="a word of a fixed command line (repeatable)"
    )
    parser.add_argument(
        "--mount",
        metavar="GUEST=HOST",
        action="append",
        help="a file or a folder to embed, and the path where it is found; there are no other files"
        " (repeatable)",
    )
    parser.add_argument(
        "--separate", action="store_true", help="write the component that answers, by itself"
    )
    add_output(parser, "standard output, in a pipe")


def _run(args: Namespace) -> int:
    from wadjet.component.binary import encode
    from wadjet.component.compose import plug
    from wadjet.component.compose.virtual import Wishes, virtualization

    environment = None if args.env is None else dict(_pair("--env", each) for each in args.env)
    constants = dict(_pair("--set", each) for each in args.set)
    try:
        files = None if args.mount is None else _files(args.mount)
        wishes = Wishes(args.deny, args.stub, constants, environment, args.arg, files)
        component = read_component(args.file)
        made = virtualization(component, wishes)
        made = made if args.separate else plug(component, [made])
    except (Malformed, Invalid) as error:
        raise Failure(explain(args.file, error)) from None
    write_output(encode(made), args.output)
    return 0


def _files(mounts: list[str]) -> "Tree":
    """Everything that is to be embedded."""
    from wadjet.component.compose.files import planted

    tree: Tree = {}
    for each in mounts:
        guest, host = _pair("--mount", each, "GUEST=HOST")
        try:
            tree = planted(tree, guest, _read(Path(host)))
        except OSError as error:
            raise Failure(f"{error.filename or host}: {error.strerror or error}") from None
    return tree


def _read(path: Path) -> "bytes | Tree":
    """A file, or a folder with all that is in it. Links in it could lead out of it."""
    if not path.is_dir():
        return path.read_bytes()
    for each in path.iterdir():
        if each.is_symlink() or not (each.is_dir() or each.is_file()):
            raise Failure(f"{each}: neither a file nor a folder, so it cannot be embedded")
    return {each.name: _read(each) for each in path.iterdir()}


def _pair(option: str, text: str, form: str = "NAME=VALUE") -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise Failure(f"{option} takes {form}, not {text}", BAD_USAGE)
    return name, value


COMMAND = Command("virt", "Take parts of the world away from a component.", _options, _run)
