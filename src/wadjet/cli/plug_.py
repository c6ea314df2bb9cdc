"""`wadjet plug`: a component whose imports are given what others export."""

from argparse import ArgumentParser, Namespace

from wadjet.base.errors import Invalid, Malformed
from wadjet.cli.common import Command, Failure, add_output, explain, write_output
from wadjet.cli.components import read_component


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="SOCKET", help="the component that imports")
    parser.add_argument(
        "--plug",
        metavar="FILE",
        action="append",
        required=True,
        help="a component that exports some of that (repeatable; the first that fits is taken)",
    )
    add_output(parser, "standard output, in a pipe")


def _run(args: Namespace) -> int:
    from wadjet.component.binary import encode
    from wadjet.component.compose import plug

    try:
        made = plug(read_component(args.file), [read_component(path) for path in args.plug])
    except (Malformed, Invalid) as error:
        raise Failure(explain(args.file, error)) from None
    write_output(encode(made), args.output)
    return 0


COMMAND = Command("plug", "Give a component what others export.", _options, _run)
