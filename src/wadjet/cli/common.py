"""What all commands share: how options are read, files opened, and failures told."""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import IO, TYPE_CHECKING, Final, NoReturn, final

from wadjet.base.errors import EngineBug, Error, Invalid, Malformed

if TYPE_CHECKING:
    from wadjet.core.features import Features
    from wadjet.core.module import Module

BAD_FILE: Final = 1
BAD_USAGE: Final = 2
INTERNAL: Final = 70
_MAGIC: Final = b"\0asm"


@final
class Failure(Exception):
    """The command cannot go on: what to say, and the exit status."""

    def __init__(self, message: str, status: int = BAD_FILE) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@final
class Parser(argparse.ArgumentParser):
    """Says what is wrong with the usage in one line."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        raise Failure(f"{message} (see `{self.prog} --help`)", BAD_USAGE)


@final
class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Finds the width of the terminal without `shutil`, which every start would load."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        try:
            width = int(columns) if columns.isdecimal() else os.get_terminal_size(1).columns
        except OSError:
            width = 80
        super().__init__(prog, width=(width or 80) - 2)


@final
class Command:
    """One command: its options, and what it does with them."""

    def __init__(
        self,
        name: str,
        description: str,
        options: Callable[[argparse.ArgumentParser], None],
        run: Callable[[argparse.Namespace], int],
        *,
        settles: bool = False,
    ) -> None:
        """`settles`: `run` calls `settle` itself."""
        self._name: Final = name
        self._description: Final = description
        self._options: Final = options
        self._run: Final = run
        self._settles: Final = settles

    def main(self, words: Sequence[str]) -> int:
        """Read the words after the command's name, and do it; the exit status."""
        parser = Parser(
            prog=f"wadjet {self._name}",
            description=self._description,
            formatter_class=_Formatter,
            conflict_handler="resolve",  # objdump's -h is its own
        )
        self._options(parser)
        try:
            args = parser.parse_args(words)
            if not self._settles:
                settle()
            return self._run(args)
        except Failure as failure:
            print(f"wadjet: error: {failure.message}", file=sys.stderr)
            return failure.status
        except EngineBug:
            from traceback import print_exc

            print_exc()
            print("wadjet: this is a defect of wadjet; please report it", file=sys.stderr)
            return INTERNAL
        except SystemExit as end:  # argparse has printed the help
            return int(end.code or 0)


def settle() -> None:
    """All is loaded: from now on there may be garbage (see `wadjet.cli.process`)."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def explain(name: str, error: Error) -> str:
    """`FILE: message (place)`, and for text the line below it with a caret."""
    return f"{name}: {error}"


def read_input(name: str) -> bytes:
    """The bytes of a file; `-` is the standard input."""
    try:
        if name == "-":
            return sys.stdin.buffer.read()
        with open(name, "rb") as file:
            return file.read()
    except OSError as error:
        raise Failure(f"{name}: {error.strerror or error}") from None


def read_module(name: str, data: bytes, features: "Features", *, lazy: bool = False) -> "Module":
    """Decode or parse the contents of a file; Failure, with the name, where that fails."""
    try:
        return decode_or_parse(data, features, lazy=lazy)
    except (Malformed, Invalid) as error:
        raise Failure(explain(name, error)) from None


def decode_or_parse(data: bytes, features: "Features", *, lazy: bool = False) -> "Module":
    """Decode a binary, or parse a text: what does not begin with the magic bytes is text, unless
    it cannot be. Raises Malformed."""
    if _is_binary(data):
        from wadjet.core.binary import decode

        return decode(data, features, lazy=lazy)
    from wadjet.core.text import parse

    return parse(data, features)


def _is_binary(data: bytes) -> bool:
    return data.startswith(_MAGIC) or not data or b"\0" in data[:512]


def need_binary(name: str, data: bytes) -> None:
    """Fail for a text, telling what to do with it."""
    if not _is_binary(data):
        raise Failure(f"{name}: this is text; `wadjet parse {name}` makes a binary of it")


def write_output(data: bytes, target: str | None) -> None:
    """Write bytes to a file or, for None and `-`, to the standard output unless that is a
    terminal."""
    if target is None or target == "-":
        if target is None and sys.stdout.isatty():
            raise Failure("binary output to a terminal: use -o FILE, or -o - to insist", BAD_USAGE)
        sys.stdout.buffer.write(data)
        return
    try:
        with open(target, "wb") as file:
            file.write(data)
    except OSError as error:
        raise Failure(f"{target}: {error.strerror or error}") from None


def write_text(pieces: Iterable[str], target: str | None) -> None:
    """Write text in pieces to a file or, for None and `-`, to the standard output, as UTF-8."""
    if target is None or target == "-":
        _write_pieces(pieces, sys.stdout.buffer)
        return
    try:
        with open(target, "wb") as file:
            _write_pieces(pieces, file)
    except OSError as error:
        raise Failure(f"{target}: {error.strerror or error}") from None


def _write_pieces(pieces: Iterable[str], file: IO[bytes]) -> None:
    for piece in pieces:
        file.write(piece.encode())


def add_output(parser: argparse.ArgumentParser, default: str) -> None:
    """The option that says where to write."""
    parser.add_argument(
        "-o", "--output", metavar="OUT", help=f"where to write (default: {default})"
    )


def add_features(parser: argparse.ArgumentParser, default: str) -> None:
    """The option that chooses what the standard is."""
    parser.add_argument(
        "--features",
        metavar="A,B",
        default=default,
        help="proposals and editions: a name adds, -name removes, "
        f"all, wasm1, wasm2, wasm3 and default are sets (default: {default}), "
        "deterministic is the profile that leaves no result to the machine",
    )


def add_tier(parser: argparse.ArgumentParser) -> None:
    """The option that chooses how code is run."""
    parser.add_argument(
        "--tier",
        choices=("auto", "interpreter", "baseline", "optimizing"),
        default="auto",
        help="how to run code (default: auto, the fastest there is)",
    )


def chosen_features(args: argparse.Namespace) -> "Features":
    """The features that the option names."""
    from wadjet.core.features import parse_features

    try:
        return parse_features(args.features)
    except Error as error:
        raise Failure(str(error), BAD_USAGE) from None
