"""`wadjet strip`: custom sections taken out."""

import re
from argparse import ArgumentParser, Namespace

from wadjet.base.errors import Malformed
from wadjet.cli.common import (
    BAD_USAGE, Command, Failure, add_output, explain, need_binary, read_input, write_output,
)  # fmt: skip
from wadjet.tools.strip import strip


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a binary module; - is standard input")
    add_output(parser, "standard output, in a pipe")
    parser.add_argument(
        "-a", "--all", action="store_true", help="remove every custom section, names included"
    )
    parser.add_argument(
        "-d",
        "--delete",
        metavar="REGEX",
        action="append",
        default=[],
        help="remove only custom sections whose name matches (repeatable)",
    )
    parser.add_argument(
        "-k",
        "--keep",
        metavar="NAME",
        action="append",
        default=[],
        help="keep this custom section whatever else is said (repeatable)",
    )


def _run(args: Namespace) -> int:
    data = read_input(args.file)
    need_binary(args.file, data)
    try:
        stripped = strip(data, everything=args.all, delete=args.delete, keep=args.keep)
    except Malformed as error:
        raise Failure(explain(args.file, error)) from None
    except re.error as error:
        raise Failure(f"--delete: {error}", BAD_USAGE) from None
    write_output(stripped, args.output)
    return 0


COMMAND = Command(
    "strip",
    "Remove custom sections from a binary module.\n\n"
    "Without options, all go but name, component-type… and dylink.0.",
    _options,
    _run,
)
