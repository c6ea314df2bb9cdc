"""`wadjet parse`: text → binary."""

from argparse import ArgumentParser, Namespace

from wadjet.cli.common import (
    Command, add_features, add_output, chosen_features, read_input, read_module, write_output,
)  # fmt: skip
from wadjet.cli.components import component_features, is_component, read_component
from wadjet.core.binary import encode


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="a module or component in text; - is standard input"
    )
    add_output(parser, "standard output, in a pipe")
    parser.add_argument(
        "--no-names", action="store_true", help="write no name section for identifiers"
    )
    add_features(parser, "all")


def _run(args: Namespace) -> int:
    data = read_input(args.file)
    if is_component(data):
        from wadjet.component.binary import encode as encode_component

        component = read_component(args.file, component_features(args))
        write_output(encode_component(component), args.output)
        return 0
    module = read_module(args.file, data, chosen_features(args))
    write_output(encode(module, names=not args.no_names), args.output)
    return 0


COMMAND = Command("parse", "Translate a module or component in text to binary.", _options, _run)
