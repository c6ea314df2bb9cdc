"""`wadjet validate`: is it a valid module, or component?"""

import json
import sys
from argparse import ArgumentParser, Namespace

from wadjet.base.errors import Invalid, Malformed
from wadjet.base.spans import Place
from wadjet.cli.common import (
    BAD_FILE, Command, add_features, chosen_features, decode_or_parse, explain, read_input,
)  # fmt: skip
from wadjet.cli.components import is_component
from wadjet.core.validate import validate


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="a module or component, binary or text; - is standard input",
    )
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    add_features(parser, "default")


def _run(args: Namespace) -> int:
    findings = {name: _check(read_input(name), args) for name in args.files}
    if args.json:
        print(json.dumps([_record(name, e) for name, e in findings.items()], indent=2))
    else:
        for name, error in findings.items():
            if error is not None:
                print(f"wadjet: error: {explain(name, error)}", file=sys.stderr)
    return BAD_FILE if any(findings.values()) else 0


def _check(data: bytes, args: Namespace) -> Malformed | Invalid | None:
    """What is wrong with a module or component; None if nothing is."""
    try:
        if is_component(data):
            _check_component(data, args)
        else:
            features = chosen_features(args)
            validate(decode_or_parse(data, features), features)
    except (Malformed, Invalid) as error:
        return error
    return None


def _check_component(data: bytes, args: Namespace) -> None:
    from wadjet.cli import components
    from wadjet.component.validate import validate as validate_component

    features = components.component_features(args)
    validate_component(components.decode_or_parse(data, features), features)


def _record(name: str, error: Malformed | Invalid | None) -> dict[str, object]:
    if error is None:
        return {"file": name, "valid": True}
    place = error.place or Place()
    return {
        "file": name,
        "valid": False,
        "error": type(error).__name__,
        "message": error.message,
        "offset": place.offset,
        "line": place.line,
        "column": place.column,
        "function": place.function,
    }


COMMAND = Command("validate", "Check whether modules and components are valid.", _options, _run)
