"""The native machine of this process, put together: compiler above, runtime below."""

from functools import cache
from typing import Final

from wadjet.base.errors import Error
from wadjet.core.types import FuncType
from wadjet.engine.contract.machine import platform
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.entry import doors_in, doors_out, is_plain
from wadjet.engine.emit.llvmtypes import signature
from wadjet.engine.llvm.compile import FULL
from wadjet.engine.runtime.doors import Doors
from wadjet.engine.runtime.locks import new_lock
from wadjet.engine.runtime.machine import Machine, unsupported
from wadjet.engine.tiers.compiler import host_settings, objects, runtime_object, target

__all__ = ["host_settings", "native_machine"]

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
    arch = target().arch
    here = platform(arch)
    if here is None:
        raise Error(f"no native code for {arch} on this system yet; use the interpreter")

    def text() -> str:
        from wadjet.engine.emit.glue import glue

        return glue(here, arch)

    machine = Machine(runtime_object("glue", text), here, arch, _build_collector)
    return machine, Doors(machine, _build_doors)


def _build_collector() -> tuple[bytes, dict[str, str]]:
    """The collector, through the same arrows as any module, and the symbols of its exports."""
    import json

    kept = objects().get("collector symbols")
    if kept is None:
        from wadjet.core.text import parse
        from wadjet.engine.gc.collector import TEXT

        exports = parse(TEXT).exports
        symbols = {export.name: f"f{export.index}" for export in exports}
        objects().put("collector symbols", json.dumps(symbols).encode())
    else:
        symbols = json.loads(kept)
    return runtime_object("collector", _collector_text, FULL), symbols


def _collector_text() -> str:
    from wadjet.core.text import parse
    from wadjet.core.validate import validate
    from wadjet.engine.emit.unit import emit
    from wadjet.engine.gc.collector import TEXT

    valid = validate(parse(TEXT))
    return emit(valid, range(len(valid.func_types)), Settings(strict_order=False, raw=True))


def _build_doors(type_: FuncType, into: bool) -> tuple[str, bytes]:
    key = signature(type_)
    text, way = (doors_in, "in") if into else (doors_out, "out")
    kind = "plain" if is_plain(type_) else "other"
    return key, runtime_object(f"doors {way} {kind} {key}", lambda: text(type_))
