"""A compiler in a process of its own: functions in on stdin, objects out on stdout.

llvmlite holds one lock around every call, and Python one around everything else, so a long
optimisation in this process would hold up every short compile beside it. A separate process does
not, uses another core, and takes nothing with it if the compiler fails. It reads modules by itself;
a few at a time, each in a place that has a number. It ends with its input.

A request is (kind: u8, place: u32, level: u32, length: u32, content). OPEN reads a module into a
place: a line of JSON that tells features, settings and whether it is binary, and the module itself.
COMPILE asks for functions, by slots of 32 bits; the answer is (length: u32, object), where length 0
says that there is none. LAND asks for what goes on from a loop of one function: its slot, the
instruction that the loop is, and how far values are apart in the frame. TEXT is LLVM text, which is
compiled as it is.
"""

import json
import os
import signal
import struct
import sys
from array import array
from collections.abc import Sequence
from importlib import import_module
from typing import BinaryIO, Final

from wadjet.base.errors import EngineBug, Error
from wadjet.core.features import Features
from wadjet.core.validate import ValidModule, validate
from wadjet.engine.contract.settings import Settings
from wadjet.engine.llvm.compile import compile_text
from wadjet.engine.llvm.target import binding, host_target
from wadjet.engine.tiers.compiler import functions_object, landing_object

OPEN: Final = 0
COMPILE: Final = 1
LAND: Final = 2
TEXT: Final = 3
REQUEST: Final = struct.Struct("<BIII")
ANSWER: Final = struct.Struct("<I")
#: How much less important it is than what goes on meanwhile, once it reads modules: until then
#: somebody waits for it.
_NICE: Final = 5
#: What it is told if somebody will wait soon.
URGENT: Final = "urgent"
#: What compiling a function loads: better before somebody waits for one.
_EMITTERS: Final = ("wadjet.engine.emit.inlining", "wadjet.engine.emit.unit")

Opened = tuple[ValidModule, Settings]


def describe(source: bytes | str, features: Features, settings: Settings) -> bytes:
    """The content of a request to read a module."""
    fields = {name: getattr(settings, name) for name in settings.__match_args__}
    fields["features"] = sorted(settings.features)
    binary = isinstance(source, bytes)
    head = {"binary": binary, "features": sorted(features), "settings": fields}
    text = source if isinstance(source, bytes) else source.encode()
    return json.dumps(head).encode() + b"\n" + text


def _opened(content: bytes) -> Opened:
    line, _, text = content.partition(b"\n")
    head = json.loads(line)
    features = frozenset(head["features"])
    fields = head["settings"]
    settings = Settings(**(fields | {"features": frozenset(fields["features"])}))
    if head["binary"]:
        from wadjet.core.binary import decode

        module = decode(text, features, lazy=True)
    else:
        from wadjet.core.text import parse

        module = parse(text, features)
    return validate(module, features, lazy=True), settings


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    places: dict[int, Opened] = {}
    while head := requests.read(REQUEST.size):
        kind, place, level, length = REQUEST.unpack(head)
        content = requests.read(length)
        if kind == OPEN:
            if not places and hasattr(os, "nice"):
                os.nice(_NICE)
            places[place] = _opened(content)
            for name in _EMITTERS:
                import_module(name)
            continue
        if kind in (COMPILE, LAND):
            answer = _functions(*places[place], kind, level, array("I", content))
        else:
            answer = _runtime(level, content)
        answers.write(ANSWER.pack(len(answer)) + answer)
        answers.flush()


def _functions(
    valid: ValidModule, settings: Settings, kind: int, level: int, numbers: "array[int]"
) -> bytes:
    slots = numbers[:1] if kind == LAND else numbers
    try:
        if kind == LAND:
            slot, loop, stride = numbers
            return landing_object(valid, slot, (loop, stride), settings)
        return functions_object(valid, slots, settings, level)
    except (Error, EngineBug):
        return b""
    finally:
        for slot in slots:
            valid.forget(slot)


def _runtime(level: int, content: bytes) -> bytes:
    """For the runtime's own code."""
    try:
        return compile_text(content.decode(), host_target(), level)
    except EngineBug:
        return b""  # it will show where it was emitted


def main(words: Sequence[str]) -> None:
    """Serve whoever started this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for them
    if URGENT in words:
        binding()  # before anybody asks
    serve(sys.stdin.buffer, sys.stdout.buffer)
