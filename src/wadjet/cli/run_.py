"""`wadjet run`: a program with what it is granted, and nothing else."""

import os
import re
import sys
from argparse import REMAINDER, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import wadjet
from wadjet.base.errors import (
    Error, Exhaustion, Exit, Frame, Invalid, Malformed, Timeout, Trap, WasmException,
)  # fmt: skip
from wadjet.cli.common import (
    BAD_USAGE, Command, Failure, add_features, add_tier, chosen_features, explain, settle,
)  # fmt: skip
from wadjet.core.types import F32, F64, I32, I64, FuncType, ValType
from wadjet.wasi import INHERIT, Wasi
from wadjet.wasi.run import Program

TRAPPED: Final = 134
OUT_OF_TIME: Final = 124
_SIZE: Final = re.compile(r"(\d+) *(?:([KMGT])(?:i?B)?|B)?", re.IGNORECASE)
_UNITS: Final = {"K": 10, "M": 20, "G": 30, "T": 40}


def _options(parser: ArgumentParser) -> None:
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
        "--invoke", metavar="NAME", help="call this export with the arguments, print its results"
    )
    add_tier(parser)
    parser.add_argument("--fuel", metavar="N", type=_natural, help="stop after so much work")
    parser.add_argument("--timeout", metavar="S", type=_seconds, help="stop after so many seconds")
    parser.add_argument(
        "--max-memory", metavar="BYTES", type=_size, help="most memory it may have, such as 64MiB"
    )
    add_features(parser, "default")
    parser.add_argument("file", metavar="FILE", help="a module, binary or text")
    parser.add_argument("args", metavar="ARG", nargs=REMAINDER, help="what the program is given")


def _run(args: Namespace) -> int:
    module = _load(args)
    grants = Wasi(
        [Path(args.file).name, *([] if args.invoke else args.args)],
        _environment(args.env),
        dict(args.dir),
        stdin=INHERIT,
        stdout=INHERIT,
        stderr=INHERIT,
    )
    limits = wadjet.Limits(seconds=args.timeout, memory=args.max_memory, fuel=args.fuel)
    try:
        with Program(module, grants, limits=limits, tier=args.tier) as program:
            settle()
            return _status(_start(args, module, program))
    except Exit as end:
        return _status(end.code)
    except Timeout as error:
        return _stopped(f"error: {args.file}: {error.message}", error.backtrace, OUT_OF_TIME)
    except (Trap, Exhaustion) as error:
        return _stopped(f"trap: {args.file}: {error.message}", error.backtrace, TRAPPED)
    except WasmException as error:
        return _stopped(f"trap: {args.file}: {error}", (), TRAPPED)
    except Error as error:
        raise Failure(explain(args.file, error)) from None
    except OSError as error:
        raise Failure(f"{error.filename or args.file}: {error.strerror or error}") from None


def _status(code: int) -> int:
    """A process has eight bits to say how it ended: failure must not look like success."""
    return code & 0xFF or (1 if code else 0)


def _load(args: Namespace) -> wadjet.Module:
    try:
        return wadjet.Module.from_file(args.file, features=chosen_features(args), lazy=True)
    except (Malformed, Invalid) as error:
        raise Failure(explain(args.file, error)) from None
    except OSError as error:
        raise Failure(f"{args.file}: {error.strerror or error}") from None


def _start(args: Namespace, module: wadjet.Module, program: Program) -> int:
    """Run the command, or call what was asked for; the exit status."""
    functions = {e.name: e.type for e in module.exports if isinstance(e.type, FuncType)}
    if args.invoke is None:
        if "_start" in functions:
            return program.start()
        if module.core.start is not None:
            return 0  # the start function has run
        names = ", ".join(functions) or "none"
        hint = f"try --invoke NAME (functions it exports: {names})"
        raise Failure(f"{args.file}: nothing to run: it exports no function _start; {hint}")
    wanted = functions.get(args.invoke)
    if wanted is None:
        raise Failure(f"{args.file}: exports no function {args.invoke}", BAD_USAGE)
    values = _values(args.invoke, wanted.params, args.args)
    program.initialize()
    _show(program.invoke(args.invoke, *values))
    return 0


def _stopped(what: str, backtrace: Sequence[Frame], status: int) -> int:
    """Tell how the guest was stopped and where it was, a recursion in one line."""
    sys.stdout.flush()
    print(f"wadjet: {what}", file=sys.stderr)
    for frame, same in groupby(backtrace):
        count = len(list(same))
        print(f"  at {frame}{f' ({count} times)' if count > 1 else ''}", file=sys.stderr)
    return status


def _values(name: str, types: Sequence[ValType], words: Sequence[str]) -> list[int | float]:
    """The arguments of a call, as the types of its parameters read them."""
    if len(types) != len(words):
        wanted = " ".join(map(repr, types)) or "nothing"
        raise Failure(f"--invoke: {name} takes {wanted}; given: {len(words)}", BAD_USAGE)
    return [_value(t, word) for t, word in zip(types, words)]


def _value(t: ValType, word: str) -> int | float:
    try:
        if t is I32 or t is I64:
            return int(word, 0)
        if t is F32 or t is F64:
            return float.fromhex(word) if "0x" in word.lower() else float(word)
    except ValueError:
        raise Failure(f"--invoke: {word!r} is no {t}", BAD_USAGE) from None
    raise Failure(f"--invoke: a value of type {t} cannot be given here", BAD_USAGE)


def _show(result: Any) -> None:
    """Print the results of a call, one a line."""
    values = result if isinstance(result, tuple) else () if result is None else (result,)
    for value in values:
        print(value)


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


def _directory(word: str) -> tuple[str, str]:
    host, _, guest = word.partition("::")
    if not Path(host).is_dir():
        raise ArgumentTypeError(f"{host} is no directory")
    return guest or host, host


def _natural(word: str) -> int:
    if not word.isdecimal():
        raise ArgumentTypeError(f"{word!r} is no number")
    return int(word)


def _seconds(word: str) -> float:
    try:
        seconds = float(word.removesuffix("s"))
    except ValueError:
        raise ArgumentTypeError(f"{word!r} is no number of seconds") from None
    if not 0 <= seconds < 1e9:
        raise ArgumentTypeError(f"{word} seconds cannot be waited for")
    return seconds


def _size(word: str) -> int:
    match = _SIZE.fullmatch(word)
    if match is None:
        raise ArgumentTypeError(f"{word!r} is no size; 1000000, 64MiB and 2G are")
    return int(match[1]) << _UNITS.get((match[2] or "").upper(), 0)


COMMAND = Command(
    "run",
    "Run a program: a module that speaks WASI 0.1, in binary or in text.\n\n"
    "What follows FILE is for the program. It may use its standard streams and what is\n"
    "granted here, nothing else. The status is the program's own; 134 if it trapped, 124\n"
    "if its time was up.",
    _options,
    _run,
    settles=True,
)
