"""`wadjet compile`: a module with its machine code in one file, which starts at once."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Final

import wadjet
from wadjet.base.errors import Error, Invalid, Malformed
from wadjet.cli.common import Command, Failure, add_features, chosen_features, explain

_SUFFIX: Final = ".wadjet"


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="OUT", help=f"where to write (default: FILE{_SUFFIX})"
    )
    add_features(parser, "default")
    parser.add_argument("file", metavar="FILE", help="a module, binary or text")


def _run(args: Namespace) -> int:
    target = Path(args.output or f"{args.file}{_SUFFIX}")
    try:
        module = wadjet.Module.from_file(args.file, features=chosen_features(args))
        shown = _show if sys.stderr.isatty() else None
        data = module.serialize(shown)
        if shown is not None:
            print(file=sys.stderr)
        _replace(target, data)
    except (Malformed, Invalid) as error:
        raise Failure(explain(args.file, error)) from None
    except Error as error:
        raise Failure(f"{args.file}: {error}") from None
    except OSError as error:
        raise Failure(f"{error.filename or args.file}: {error.strerror or error}") from None
    return 0


def _show(done: int, count: int) -> None:
    print(f"\r{done} of {count} functions", end="", file=sys.stderr, flush=True)


def _replace(target: Path, data: bytes) -> None:
    """Write a file whole or not at all: it may be in use."""
    draft = target.with_name(f".{target.name}.part")
    try:
        draft.write_bytes(data)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


COMMAND = Command(
    "compile",
    "Compile a module and write it with its machine code, all of it optimised, to a file\n"
    "that `wadjet run` and `Module.from_file` start at once, without a compiler.\n\n"
    "The file is for this processor and this version of wadjet; others refuse it. It is a\n"
    "program with all your rights, not a guest: run only what you compiled yourself.",
    _options,
    _run,
)
