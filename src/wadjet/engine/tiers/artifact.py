"""A module with its machine code, as one piece of bytes that loads without compiling anything.

    head        magic; what the code depends on (see `cache.identity`); a digest of the rest; sizes
    about       settings of the code, and features of the module
    module      the binary or the text
    runtime     the objects of the runtime itself: names, sizes, contents
    code        a record, as the cache has them

An artifact is a program for this processor, made by this version of wadjet with this version of
LLVM: anywhere else it is refused. What is in it runs with all rights of the process. The digest
finds damage; it does not find malice.
"""

import os
import struct
import threading
from collections.abc import Callable
from typing import Final, final

from wadjet.base.digests import digest
from wadjet.base.errors import Error
from wadjet.core.features import Features
from wadjet.core.types import FuncType
from wadjet.core.validate import ValidModule
from wadjet.engine.llvm.compile import FULL
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.tiers import cache
from wadjet.engine.tiers.compiled import CompiledCode
from wadjet.engine.tiers.compiler import objects

#: What every artifact begins with; no module does.
MAGIC: Final = b"\0wadjet\1"
#: magic, identity, digest of all that follows it, sizes of about, module (text: with the top bit
#: set), runtime and code
_HEAD: Final = struct.Struct("<8s32s32sQQQQ")
#: sizes of a name and of an object
_OBJECT: Final = struct.Struct("<QQ")
_DIGESTED: Final = 8 + 32 + 32
_TEXT: Final = 1 << 63


@final
class Artifact:
    """A module and its code, read from bytes."""

    def __init__(self, data: bytes | memoryview) -> None:
        """Error where they are no artifact, or none for here."""
        view = memoryview(data)
        if len(view) < _HEAD.size or bytes(view[: len(MAGIC)]) != MAGIC:
            raise Error("this is no precompiled module")
        _, identity, digest, about, source, runtime, code = _HEAD.unpack_from(view)
        text, source = source >= _TEXT, source % _TEXT
        if identity != cache.identity():
            raise Error(
                "precompiled for another processor, or by another version of wadjet or LLVM: "
                "compile the module again"
            )
        start = _HEAD.size
        if len(view) != start + about + source + runtime + code or digest != _digest(view):
            raise Error("this precompiled module is damaged: compile the module again")
        self._settings, features = str(view[start : start + about], "utf-8").split("\n")
        #: the proposals that the module was checked against
        self.features: Final[Features] = frozenset(features.split())
        start += about
        found = view[start : start + source]
        #: the binary or the text
        self.source: Final = str(found, "utf-8", "surrogatepass") if text else bytes(found)
        start += source
        objects().lend(_unpacked(view[start : start + runtime]))
        self._code: Final = view[start + runtime :]

    def give(self, code: ModuleCode) -> None:
        """Let a module's new code have what is here, if it is made in the same way."""
        if isinstance(code, CompiledCode) and code.settings.key() == self._settings:
            code.load((cache.CODE, bytes(self._code)))


def _packed(found: dict[bytes, bytes]) -> bytes:
    pieces = [_OBJECT.pack(len(k), len(v)) + k + v for k, v in sorted(found.items())]
    return b"".join(pieces)


def _unpacked(view: memoryview) -> dict[bytes, bytes]:
    found, at = {}, 0
    while at < len(view):
        name, size = _OBJECT.unpack_from(view, at)
        at += _OBJECT.size
        found[bytes(view[at : at + name])] = bytes(view[at + name : at + name + size])
        at += name + size
    return found


def _digest(view: memoryview) -> bytes:
    return digest(view[_DIGESTED:])


def compile_artifact(
    valid: ValidModule, source: bytes | str, progress: Callable[[int, int], None] | None = None
) -> bytes:
    """The artifact of a module, every function of which is optimised. `progress` is told how many
    of how many functions are done, by any thread."""
    from wadjet.engine.tiers.optimizing import OptimizingCode

    code = OptimizingCode(valid)
    _compile_all(code, progress)
    for into, types in _signatures(valid):
        for type_ in types:
            code.doors.prepare(type_, into)
    kind, content = code.saved()
    assert kind == cache.CODE, "the code of a module"
    about = f"{code.settings.key()}\n{' '.join(sorted(valid.features))}".encode()
    binary = isinstance(source, bytes)
    text = source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
    runtime = _packed(objects().all())
    sizes = len(about), len(text) + (0 if binary else _TEXT), len(runtime), len(content)
    head = _HEAD.pack(MAGIC, cache.identity(), bytes(32), *sizes)
    data = bytearray(b"".join([head, about, text, runtime, content]))
    data[len(MAGIC) + 32 : _DIGESTED] = _digest(memoryview(data))
    return bytes(data)


def _signatures(valid: ValidModule) -> list[tuple[bool, list[FuncType]]]:
    """The types of functions through which guests are entered, and left."""
    module, functions = valid.module, [t.comp for t in valid.func_types]
    imports = functions[: len(functions) - len(module.funcs)]
    exports = [functions[e.index] for e in module.exports if e.kind == "func"]
    starts = [] if module.start is None else [functions[module.start]]
    return [
        (True, [t for t in (*exports, *starts) if isinstance(t, FuncType)]),
        (False, [t for t in imports if isinstance(t, FuncType)]),
    ]


def _compile_all(code: CompiledCode, progress: Callable[[int, int], None] | None) -> None:
    """Compile all functions, in as many processes as there are processors."""
    from wadjet.engine.tiers.background import Worker

    count = len(code.valid.module.funcs)
    waiting = iter(range(count))
    taking = threading.Lock()
    done = [0]

    def work() -> None:
        worker = Worker()
        try:
            while True:
                with taking:
                    slot = next(waiting, None)
                if slot is None:
                    return
                built = worker.compile(code, slot) if worker.alive else b""
                if built:
                    code.add(built, FULL)
                else:
                    code.compile_slot(slot)
                with taking:
                    done[0] += 1
                    if progress is not None:
                        progress(done[0], count)
        finally:
            worker.close()

    crowd = [threading.Thread(target=work) for _ in range(min(os.cpu_count() or 1, count))]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
