"""The options that say what a guest is given, for the commands that run guests."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from wadjet.cli.common import BAD_USAGE, Failure
from wadjet.wasi import Wasi

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_SIZE: Final = r"(\d+) *(?:([KMGT])(?:i?B)?|B)?"
_UNITS: Final = {"K": 10, "M": 20, "G": 30, "T": 40}


def add_grants(parser: "ArgumentParser") -> None:
    """What the guest may use."""
    parser.add_argument(
        "--dir",
        metavar="HOST[::GUEST]",
        action="append",
        default=[],
        type=_directory,
        help="let the program use this directory, under the name GUEST (repeatable)",
    )
    parser.add_argument(
        "--env",
        metavar="K=V",
        action="append",
        default=[],
        help="set an environment variable; K alone passes on the one of this process (repeatable)",
    )
    parser.add_argument(
        "--net",
        metavar="RULE",
        action="append",
        default=[],
        help="let the program reach this: *, example.com:443, 10.0.0.0/8, udp:[::1]:53, "
        "listen:127.0.0.1:8080 (repeatable)",
    )
    parser.add_argument(
        "--tls-ca",
        metavar="PATH",
        type=_authorities,
        help="trust these certificates in HTTPS requests, in place of the system's",
    )
    parser.add_argument(
        "--clock", metavar="NS", type=natural, help="fix the clocks, at NS nanoseconds since 1970"
    )
    parser.add_argument(
        "--seed", metavar="N", type=natural, help="fix randomness, as this seed gives it"
    )


def granted(args: "Namespace", words: Sequence[str], **streams: Any) -> Wasi:
    """What the options grant a program that is given these words, its own name first."""
    try:
        return Wasi(
            words,
            _environment(args.env),
            dict(args.dir),
            clocks=args.clock,
            random=args.seed,
            network=args.net or None,
            tls=args.tls_ca,
            **streams,
        )
    except ValueError as error:
        raise Failure(str(error), BAD_USAGE) from None


def _environment(words: Sequence[str]) -> Mapping[str, str]:
    found = {}
    for word in words:
        name, given, value = word.partition("=")
        if not name:
            raise Failure(f"--env: {word!r} names no variable", BAD_USAGE)
        if given:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return found


def _unfit(message: str) -> Exception:
    """What tells that an option has a value that will not do."""
    from argparse import ArgumentTypeError

    return ArgumentTypeError(message)


def _directory(word: str) -> tuple[str, str]:
    host, _, guest = word.partition("::")
    if not os.path.isdir(host):
        raise _unfit(f"{host} is no directory")
    return guest or host, host


def _authorities(word: str) -> str:
    from wadjet.wasi.http.tls import client_context

    try:
        client_context(word)
    except OSError as error:  # of which SSLError is one
        raise _unfit(f"{word}: {error.strerror or error}") from None
    return word


def natural(word: str) -> int:
    """A number that is not negative."""
    if not word.isdecimal():
        raise _unfit(f"{word!r} is no number")
    return int(word)


def seconds(word: str) -> float:
    """A number of seconds."""
    try:
        found = float(word.removesuffix("s"))
    except ValueError:
        raise _unfit(f"{word!r} is no number of seconds") from None
    if not 0 <= found < 1e9:
        raise _unfit(f"{word} seconds cannot be waited for")
    return found


def size(word: str) -> int:
    """A number of bytes."""
    match = re.fullmatch(_SIZE, word, re.IGNORECASE)
    if match is None:
        raise _unfit(f"{word!r} is no size; 1000000, 64MiB and 2G are")
    return int(match[1]) << _UNITS.get((match[2] or "").upper(), 0)
