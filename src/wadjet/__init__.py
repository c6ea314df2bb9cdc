"""WebAssembly for Python: decode, validate, compile and run modules and components.

    import wadjet

    module = wadjet.Module.from_file("k.wasm")
    instance = wadjet.Instance(module, {"env": {"log": print}})
    instance.exports.add(1, 2)

    component = wadjet.Component.from_file("greet.wasm")
    component.instantiate({"log": print}).greet.hello("world")

    result = wadjet.run("app.wasm", ["-v"], stdin=b"…", dirs={"/data": "data"})
    result.returncode, result.stdout

Importing this module loads next to nothing: each name is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module

# `typing` itself would take longer to load than all the rest of this module
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from wadjet.api.aio import FutureReader as FutureReader
    from wadjet.api.aio import StreamReader as StreamReader
    from wadjet.api.aio import StreamWriter as StreamWriter
    from wadjet.api.component import Component as Component
    from wadjet.api.component_instance import ComponentInstance as ComponentInstance
    from wadjet.api.component_instance import Interface as Interface
    from wadjet.api.component_types import ComponentItem as ComponentItem
    from wadjet.api.descriptions import ExportType as ExportType
    from wadjet.api.descriptions import ImportType as ImportType
    from wadjet.api.global_ import Global as Global
    from wadjet.api.instance import Exports as Exports
    from wadjet.api.instance import Instance as Instance
    from wadjet.api.memory import Memory as Memory
    from wadjet.api.module import Module as Module
    from wadjet.api.module import validate as validate
    from wadjet.api.profile import Profile as Profile
    from wadjet.api.runtime import Function as Function
    from wadjet.api.runtime import Limits as Limits
    from wadjet.api.runtime import Ref as Ref
    from wadjet.api.runtime import Store as Store
    from wadjet.api.runtime import Tag as Tag
    from wadjet.api.runtime import WeakRef as WeakRef
    from wadjet.api.table import Table as Table
    from wadjet.api.types import AggregateType as AggregateType
    from wadjet.api.types import Types as Types
    from wadjet.base.errors import EngineBug as EngineBug
    from wadjet.base.errors import Error as Error
    from wadjet.base.errors import Exhaustion as Exhaustion
    from wadjet.base.errors import Exit as Exit
    from wadjet.base.errors import Interrupted as Interrupted
    from wadjet.base.errors import Invalid as Invalid
    from wadjet.base.errors import Malformed as Malformed
    from wadjet.base.errors import Timeout as Timeout
    from wadjet.base.errors import Trap as Trap
    from wadjet.base.errors import Unlinkable as Unlinkable
    from wadjet.base.errors import WasmException as WasmException
    from wadjet.canon.resources import Resource as Resource
    from wadjet.canon.values import (
        Err as Err, ErrorContext as ErrorContext, Ok as Ok, Record as Record,
        ResultError as ResultError, Some as Some, Variant as Variant,
    )  # fmt: skip
    from wadjet.core.types import (
        ANYREF as ANYREF, EXNREF as EXNREF, EXTERNREF as EXTERNREF, F32 as F32, F64 as F64,
        FUNCREF as FUNCREF, I32 as I32, I64 as I64, V128 as V128, FuncType as FuncType,
        GlobalType as GlobalType, MemoryType as MemoryType, TableType as TableType,
    )  # fmt: skip
    from wadjet.wasi.world import Wasi as Wasi
    from wadjet.wasi.run import Result as Result
    from wadjet.wasi.run import run as run

__version__: Final = "0.1.0"

#: where each public name lives
_HOMES: Final[dict[str, str]] = {
    name: module
    for module, names in {
        "wadjet.api.aio": "FutureReader StreamReader StreamWriter",
        "wadjet.api.component": "Component",
        "wadjet.api.component_instance": "ComponentInstance Interface",
        "wadjet.api.component_types": "ComponentItem",
        "wadjet.api.descriptions": "ExportType ImportType",
        "wadjet.api.global_": "Global",
        "wadjet.api.instance": "Exports Instance",
        "wadjet.api.memory": "Memory",
        "wadjet.api.module": "Module validate",
        "wadjet.api.profile": "Profile",
        "wadjet.api.runtime": "Function Limits Ref Store Tag WeakRef",
        "wadjet.api.table": "Table",
        "wadjet.api.types": "AggregateType Types",
        "wadjet.base.errors": (
            "EngineBug Error Exhaustion Exit Interrupted Invalid Malformed Timeout Trap "
            "Unlinkable WasmException"
        ),
        "wadjet.canon.resources": "Resource",
        "wadjet.canon.values": "Err ErrorContext Ok Record ResultError Some Variant",
        "wadjet.core.types": (
            "ANYREF EXNREF EXTERNREF F32 F64 FUNCREF I32 I64 V128 FuncType GlobalType MemoryType "
            "TableType"
        ),
        "wadjet.wasi.world": "Wasi",
        "wadjet.wasi.run": "Result run",
    }.items()
    for name in names.split()
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'wadjet' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
