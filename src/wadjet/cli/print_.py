"""`wadjet print`: binary → text."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from wadjet.base.errors import Malformed
from wadjet.cli.common import (
    Command, Failure, add_features, add_output, chosen_features, explain, read_input,
    read_module, write_text,
)  # fmt: skip
from wadjet.cli.components import component_features, is_component, read_component
from wadjet.core.module import Module
from wadjet.core.text.printer import print_chunks


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="a module or component, binary or text; - is standard input"
    )
    add_output(parser, "standard output")
    parser.add_argument("--folded", action="store_true", help="write operands inside instructions")
    parser.add_argument(
        "--no-names", action="store_true", help="write numbers in place of identifiers"
    )
    add_features(parser, "all")


def _run(args: Namespace) -> int:
    data = read_input(args.file)
    if is_component(data):
        from wadjet.component.text.printer import print_chunks as print_component

        component = read_component(args.file, component_features(args))
        write_text(print_component(component, names=not args.no_names), args.output)
        return 0
    module = read_module(args.file, data, chosen_features(args), lazy=True)
    write_text(_chunks(args, module), args.output)
    return 0


def _chunks(args: Namespace, module: Module) -> Iterator[str]:
    try:
        yield from print_chunks(module, folded=args.folded, names=not args.no_names)
    except Malformed as error:
        raise Failure(explain(args.file, error)) from None


COMMAND = Command("print", "Translate a binary module or component to text.", _options, _run)
