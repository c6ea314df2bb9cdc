"""`wadjet run`: a program with what it is granted, and nothing else."""

import os
import sys
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import wadjet
from wadjet.base.errors import (
    Error, Exhaustion, Exit, Frame, Timeout, Trap, WasmException,
)  # fmt: skip
from wadjet.cli.common import (
    BAD_USAGE, Command, Failure, add_features, add_tier, chosen_features, explain, settle,
)  # fmt: skip
from wadjet.cli.grants import add_grants, granted, natural, seconds, size
from wadjet.core.types import F32, F64, I32, I64, FuncType, ValType
from wadjet.wasi import Wasi
from wadjet.cli.profiling import add_profile, profiled
from wadjet.wasi.run import Program, load

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from wadjet.api.component import Component

TRAPPED: Final = 134
OUT_OF_TIME: Final = 124


def _options(parser: "ArgumentParser") -> None:
    add_grants(parser)
    parser.add_argument(
        "--invoke",
        metavar="NAME",
        help="call this export with the arguments, print its results; of a component also "
        "'NAME(VALUE, …)', in WAVE",
    )
    add_tier(parser)
    parser.add_argument("--fuel", metavar="N", type=natural, help="stop after so much work")
    parser.add_argument("--timeout", metavar="S", type=seconds, help="stop after so many seconds")
    parser.add_argument(
        "--max-memory", metavar="BYTES", type=size, help="most memory it may have, such as 64MiB"
    )
    add_profile(parser)
    add_features(parser, "default")
    parser.add_argument("file", metavar="FILE", help="a module or component, binary or text")
    parser.add_argument("args", metavar="ARG", nargs="...", help="what the program is given")


def _run(args: "Namespace") -> int:
    program = _load(args)
    grants = granted(args, [os.path.basename(args.file), *([] if args.invoke else args.args)])
    limits = wadjet.Limits(seconds=args.timeout, memory=args.max_memory, fuel=args.fuel)
    try:
        with profiled(args):
            return _status(_run_program(args, program, grants, limits))
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


def _run_program(
    args: "Namespace", program: "wadjet.Module | Component", grants: Wasi, limits: wadjet.Limits
) -> int:
    if not isinstance(program, wadjet.Module):
        return _run_component(args, program, grants, limits)
    with Program(program, grants, limits=limits, tier=args.tier) as running:
        settle()
        return _start(args, program, running)


def _status(code: int) -> int:
    """A process has eight bits to say how it ended: failure must not look like success."""
    return code & 0xFF or (1 if code else 0)


def _load(args: "Namespace") -> "wadjet.Module | Component":
    try:
        return load(args.file, chosen_features(args), args.tier)
    except Error as error:
        raise Failure(explain(args.file, error)) from None
    except OSError as error:
        raise Failure(f"{args.file}: {error.strerror or error}") from None


def _run_component(
    args: "Namespace", component: "Component", grants: Wasi, limits: wadjet.Limits
) -> int:
    """Run the command that a component is, or call what was asked for; the exit status."""
    from wadjet.wasi.command import ComponentProgram

    with ComponentProgram(component, grants, limits=limits, tier=args.tier) as command:
        settle()
        if args.invoke is not None:
            from wadjet.cli.invoke import invoke

            return invoke(args, component, command)
        if not command.is_command:
            names = ", ".join(item.name for item in component.exports) or "nothing"
            raise Failure(
                f"{args.file}: nothing to run: no wasi:cli/run among its exports: {names}"
            )
        return command.start()


def _start(args: "Namespace", module: wadjet.Module, program: Program) -> int:
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


COMMAND = Command(
    "run",
    "Run a program: a module that speaks WASI 0.1, or a component that speaks 0.2 or 0.3,\n"
    "in binary or in text.\n\n"
    "What follows FILE is for the program. It may use its standard streams and what is\n"
    "granted here, nothing else. The status is the program's own; 134 if it trapped, 124\n"
    "if its time was up.",
    _options,
    _run,
    settles=True,
    plain=True,
)
