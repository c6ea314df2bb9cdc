"""What all commands share: how options are read, files opened, and failures told."""

import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any, Final, cast, final

from wadjet.base.errors import EngineBug, Error, Invalid, Malformed

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

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
class Command:
    """One command: its options, and what it does with them."""

    def __init__(
        self,
        name: str,
        description: str,
        options: "Callable[[ArgumentParser], None]",
        run: "Callable[[Namespace], int]",
        *,
        settles: bool = False,
        plain: bool = False,
    ) -> None:
        """`settles`: `run` calls `settle` itself. `plain`: the arguments are a file and what is for
        the program in it, and are mostly given without options."""
        self._name: Final = name
        self._description: Final = description
        self._options: Final = options
        self._run: Final = run
        self._settles: Final = settles
        self._plain: Final = plain

    def main(self, words: Sequence[str]) -> int:
        """Read the words after the command's name, and do it; the exit status."""
        try:
            args = self._read(words)
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

    def _read(self, words: Sequence[str]) -> "Namespace":
        """What the words after the command's name say."""
        # a parser takes no notice of a `--` right behind the file
        if self._plain and words and not words[0].startswith("-") and words[1:2] != ["--"]:
            defaults = Defaults()
            self._options(defaults)  # type: ignore[arg-type]  # as far as it goes
            return defaults.given(file=words[0], args=list(words[1:]))
        from wadjet.cli.parser import Formatter, Parser

        parser = Parser(
            prog=f"wadjet {self._name}",
            description=self._description,
            formatter_class=Formatter,
            conflict_handler="resolve",  # objdump's -h is its own
        )
        self._options(parser)
        return parser.parse_args(words)


@final
class Defaults:
    """Stands in for a parser where no option is given: making one, with what it needs to speak the
    user's language, takes as long as reading a small program."""

    def __init__(self) -> None:
        self._found: Final[dict[str, Any]] = {}

    def add_argument(
        self, *names: str, default: object = None, action: str = "store", **_: object
    ) -> None:
        """Know what an option is if it is not given. (The first long name is the attribute's.)"""
        name = next((name for name in names if name.startswith("--")), names[0])
        value = False if action == "store_true" else default
        self._found[name.lstrip("-").replace("-", "_")] = value

    def given(self, **words: object) -> "Namespace":
        """All options, and these words."""
        return cast("Namespace", SimpleNamespace(**(self._found | words)))


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


def add_output(parser: "ArgumentParser", default: str) -> None:
    """The option that says where to write."""
    parser.add_argument(
        "-o", "--output", metavar="OUT", help=f"where to write (default: {default})"
    )


def add_features(parser: "ArgumentParser", default: str) -> None:
    """The option that chooses what the standard is."""
    parser.add_argument(
        "--features",
        metavar="A,B",
        default=default,
        help="proposals and editions: a name adds, -name removes, "
        f"all, wasm1, wasm2, wasm3 and default are sets (default: {default}), "
        "deterministic is the profile that leaves no result to the machine",
    )


def add_tier(parser: "ArgumentParser") -> None:
    """The option that chooses how code is run."""
    parser.add_argument(
        "--tier",
        choices=("auto", "interpreter", "baseline", "optimizing"),
        default="auto",
        help="how to run code (default: auto, the fastest there is)",
    )


def chosen_features(args: "Namespace") -> "Features":
    """The features that the option names."""
    from wadjet.core.features import parse_features

    try:
        return parse_features(args.features)
    except Error as error:
        raise Failure(str(error), BAD_USAGE) from None
