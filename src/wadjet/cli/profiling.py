"""`--profile`: a flame graph of the program that runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

#: Seconds between two looks.
_PERIOD: Final = 0.002


def add_profile(parser: "ArgumentParser") -> None:
    """The option that asks for it."""
    parser.add_argument(
        "--profile",
        metavar="OUT",
        help="write a flame graph of the program's functions, as SVG or (named .html) as a page",
    )


@contextmanager
def profiled(args: "Namespace") -> Iterator[None]:
    """Watch what runs inside, however it ends, and write what was seen. OSError if that fails."""
    if args.profile is None:
        yield
        return
    from wadjet.api.profile import Profile
    from wadjet.tools.flamegraph import html, svg

    draw = html if args.profile.endswith((".html", ".htm")) else svg
    with Profile(period=_PERIOD) as profile:
        try:
            yield
        finally:
            with open(args.profile, "w", encoding="utf-8") as file:
                file.write(draw(profile.stacks, os.path.basename(args.file), _PERIOD))
