"""The command line: `wadjet COMMAND …`. One file per command, imported when it is typed.

Exit status: 0 done · 1 bad file · 2 bad usage · 70 our own fault · 124 out of time ·
130 interrupted · 134 trap · otherwise the guest's own.
"""

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from wadjet.cli.common import Command

#: command → what it is for, in the order of the help text
COMMANDS: Final = {
    "run": "run a program",
    "serve": "serve an HTTP component",
    "validate": "check whether modules are valid",
    "parse": "translate text to binary",
    "print": "translate binary to text",
    "objdump": "show what is in a module",
    "compile": "compile a module ahead of time",
    "strip": "remove custom sections",
    "component": "components and WIT: look at them, make them",
    "compose": "put components together as a WAC document says",
    "plug": "give a component what others export",
    "virt": "take parts of the world away from a component",
    "bindgen": "make a typed Python module of a world",
    "wast": "run .wast scripts and count",
    "doctor": "tell what this machine supports",
}
_USAGE: Final = "usage: wadjet COMMAND [OPTION…] [ARGUMENT…]"
_BROKEN_PIPE, _INTERRUPTED = 141, 130


def process() -> NoReturn:
    """The process `wadjet …`: run the command of its arguments, and end.

    What is loaded on the way stays until the end: the collector of cycles need not look for
    garbage in it while it is loaded, nor the interpreter take everything apart at the end. So this
    does what else `sys.exit` would do, and leaves the rest to the system.
    """
    gc.disable()
    status = main()
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody is there to be told
            stream.flush()
    os._exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _dispatch(words)
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_stdout()
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if words else 2
    name, *rest = words
    if name in ("-V", "--version"):
        from wadjet import __version__

        print(f"wadjet {__version__}")
        return 0
    if name not in COMMANDS:
        print(f"wadjet: error: {_unknown(name)}", file=sys.stderr)
        return 2
    command: Command = import_module(f"wadjet.cli.{name}_").COMMAND
    return command.main(rest)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in COMMANDS.items()]
    return "\n".join(
        [
            _USAGE,
            "",
            "WebAssembly for Python.",
            "",
            "commands:",
            *lines,
            "",
            "`wadjet COMMAND --help` tells more, `wadjet --version` the version.",
        ]
    )


def _unknown(name: str) -> str:
    """What to say about a word that is no command."""
    if name.endswith((".wasm", ".wat")):
        return f"{name} is a file, not a command: did you mean `wadjet run {name}`?"
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(COMMANDS)}"
    return f"unknown command {name}: {hint}"


def _abandon_stdout() -> None:
    """Nobody reads any more: let the interpreter flush what is left into nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
