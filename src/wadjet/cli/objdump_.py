"""`wadjet objdump`: what is in a module."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from wadjet.base.errors import Malformed
from wadjet.cli.common import (
    BAD_USAGE, Command, Failure, add_features, chosen_features, explain, need_binary, read_input,
    read_module, write_text,
)  # fmt: skip
from wadjet.tools.objdump import Dump, describe


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="a binary module")
    parser.add_argument("-h", "--headers", action="store_true", help="the table of sections")
    parser.add_argument("-x", "--details", action="store_true", help="what every section says")
    parser.add_argument("-d", "--disassemble", action="store_true", help="every instruction")
    parser.add_argument("-s", "--full-contents", action="store_true", help="the raw bytes")
    parser.add_argument(
        "-f",
        "--function",
        metavar="NAME",
        action="append",
        default=[],
        help="disassemble only this function, a name or an index (repeatable)",
    )
    parser.add_argument("--json", action="store_true", help="the outline as JSON")
    add_features(parser, "all")


def _run(args: Namespace) -> int:
    chosen = args.headers or args.details or args.disassemble or args.full_contents
    if not (chosen or args.function or args.json):
        raise Failure("say what to show: -h, -x, -d, -s or --json", BAD_USAGE)
    for name in args.files:
        data = read_input(name)
        need_binary(name, data)
        module = read_module(name, data, chosen_features(args), lazy=True)
        try:
            write_text(_lines(args, name, Dump(module, data)), None)
        except Malformed as error:
            raise Failure(explain(name, error)) from None
    return 0


def _lines(args: Namespace, name: str, dump: Dump) -> Iterator[str]:
    if args.json:
        yield json.dumps({"file": name, **describe(dump)}, indent=2) + "\n"
        return
    yield f"{name}: module, {len(dump.data)} bytes\n\n"
    if args.headers:
        yield from _block(dump.headers())
        yield "\n"
    if args.details:
        yield from _block(dump.details())
    if args.full_contents:
        yield from _block(dump.contents())
    if args.disassemble or args.function:
        yield from _block(dump.disassembly(args.function))


def _block(lines: Iterator[str]) -> Iterator[str]:
    return (f"{line}\n" for line in lines)


COMMAND = Command(
    "objdump",
    "Show what is in binary modules.",
    _options,
    _run,
)
