"""The native machine of this process, put together: compiler above, runtime below."""

from collections.abc import Callable
from functools import cache, partial
from typing import Final

from wadjet.base.errors import Error
from wadjet.core.types import FuncType
from wadjet.engine.contract.machine import platform
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.llvmtypes import signature
from wadjet.engine.llvm.compile import FAIR, FULL
from wadjet.engine.runtime.doors import Doors, is_plain
from wadjet.engine.runtime.locks import new_lock
from wadjet.engine.runtime.machine import Machine, unsupported
from wadjet.engine.tiers.compiler import runtime_object
from wadjet.engine.tiers.processor import architecture

#: Gives the object of this name, made of the text at this level if need be.
Make = Callable[[str, Callable[[], str], int], bytes]
_making: Final = new_lock()


def native_machine() -> tuple[Machine, Doors]:
    """The machine and its doors; Error where this platform or interpreter has no native tier."""
    with _making:
        return _native_machine()


@cache
def _native_machine() -> tuple[Machine, Doors]:
    obstacle = unsupported()
    if obstacle:
        raise Error(f"no native code {obstacle} yet; use the interpreter")
    arch = architecture()
    here = platform(arch)
    if here is None:
        raise Error(f"no native code for {arch} on this system yet; use the interpreter")
    collector = partial(build_collector, runtime_object)
    machine = Machine(build_glue(runtime_object, arch), here, arch, collector)
    return machine, Doors(machine, partial(build_doors, runtime_object))


def build_glue(make: Make, arch: str) -> bytes:
    """The object of the runtime's own machine code. The platform must be known."""

    def text() -> str:
        from wadjet.engine.emit.glue import glue

        here = platform(arch)
        assert here is not None
        return glue(here, arch)

    return make("glue", text, FAIR)


def build_collector(make: Make) -> bytes:
    """The object of the collector, by the same arrows as any module. Its exports are symbols."""

    def text() -> str:
        from wadjet.core.text import parse
        from wadjet.core.validate import validate
        from wadjet.engine.emit.unit import emit
        from wadjet.engine.gc.collector import TEXT

        valid = validate(parse(TEXT))
        made = emit(valid, range(len(valid.func_types)), Settings(strict_order=False, raw=True))
        names = [f"@{e.name} = hidden alias i8, ptr @f{e.index}" for e in valid.module.exports]
        return "\n".join([made, *names])

    return make("collector", text, FULL)


def build_doors(make: Make, type_: FuncType, into: bool) -> tuple[str, bytes]:
    """The doors of a signature, into guests or out of them: its key and their object."""

    def text() -> str:
        from wadjet.engine.emit.entry import doors_in, doors_out

        return (doors_in if into else doors_out)(type_)

    key = signature(type_)
    kind = "plain" if is_plain(type_) else "other"
    return key, make(f"doors {'in' if into else 'out'} {kind} {key}", text, FAIR)
