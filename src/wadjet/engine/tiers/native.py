"""The native machine of this process, put together: compiler above, runtime below."""

import threading
from functools import cache
from typing import Final

from wadjet.base.errors import Error
from wadjet.core.text import parse
from wadjet.core.types import FuncType
from wadjet.core.validate import validate
from wadjet.engine.contract.machine import platform
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.entry import doors
from wadjet.engine.emit.glue import glue
from wadjet.engine.emit.llvmtypes import signature
from wadjet.engine.emit.unit import emit
from wadjet.engine.gc.collector import TEXT
from wadjet.engine.llvm.compile import compile_text
from wadjet.engine.llvm.target import host_target
from wadjet.engine.runtime.doors import Doors
from wadjet.engine.runtime.machine import Machine, unsupported

_making: Final = threading.RLock()


def native_machine() -> tuple[Machine, Doors]:
    """The machine and its doors; Error where this platform or interpreter has no native tier."""
    with _making:
        return _native_machine()


@cache
def _native_machine() -> tuple[Machine, Doors]:
    obstacle = unsupported()
    if obstacle:
        raise Error(f"no native code {obstacle} yet; use the interpreter")
    target = host_target()
    here = platform(target.arch)
    if here is None:
        raise Error(f"no native code for {target.arch} on this system yet; use the interpreter")
    image = compile_text(glue(here, target.arch), target)
    machine = Machine(image, here, target.arch, _build_collector)
    return machine, Doors(machine, _build_doors)


def _build_collector() -> tuple[bytes, dict[str, str]]:
    """The collector, through the same arrows as any module."""
    valid = validate(parse(TEXT))
    text = emit(valid, range(len(valid.func_types)), Settings(strict_order=False, raw=True))
    symbols = {export.name: f"f{export.index}" for export in valid.module.exports}
    return compile_text(text, host_target()), symbols


@cache
def host_settings() -> Settings:
    """How code for this machine is made where nobody asks for anything else."""
    target = host_target()
    return Settings(arch=target.arch, features=target.extensions)


def _build_doors(type_: FuncType) -> tuple[str, bytes]:
    return signature(type_), compile_text(doors(type_), host_target())
