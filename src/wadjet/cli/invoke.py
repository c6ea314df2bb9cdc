"""`wadjet run --invoke` of a component: a call in WAVE, or a name and words in WAVE."""

from argparse import Namespace
from typing import TYPE_CHECKING

from wadjet.cli.common import BAD_USAGE, Failure

if TYPE_CHECKING:
    from wadjet.api.component import Component
    from wadjet.wasi.command import ComponentProgram


def invoke(args: Namespace, component: "Component", command: "ComponentProgram") -> int:
    """Call what was asked for and print the result; the exit status."""
    raise Failure("--invoke calls functions of modules alone", BAD_USAGE)
