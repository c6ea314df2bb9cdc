"""wasmtime as an outside oracle, through its Python package (which the product does not need)."""

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, final

import wasmtime

from wadjet.testing.engines import Engine, Guest, Outcome, Stopped
from wadjet.testing.generate import PRESETS, Program
from wadjet.testing.host import Host, HostFailure

_SWITCHES: Final = (
    "wasm_threads", "wasm_tail_call", "wasm_multi_memory", "wasm_memory64", "wasm_relaxed_simd",
    "wasm_relaxed_simd_deterministic", "wasm_exceptions", "wasm_function_references", "wasm_gc",
    "wasm_wide_arithmetic", "wasm_custom_page_sizes", "shared_memory",
    "cranelift_nan_canonicalization",
)  # fmt: skip

_Code = wasmtime.TrapCode
#: its trap codes → the standard's words (for several kinds, those of one of them: see `oracle`)
_MESSAGES: Final = {
    _Code.UNREACHABLE: "unreachable",
    _Code.MEMORY_OUT_OF_BOUNDS: "out of bounds memory access",
    _Code.HEAP_MISALIGNED: "unaligned atomic",
    _Code.TABLE_OUT_OF_BOUNDS: "out of bounds table access",
    _Code.INDIRECT_CALL_TO_NULL: "uninitialized element",
    _Code.BAD_SIGNATURE: "indirect call type mismatch",
    _Code.INTEGER_OVERFLOW: "integer overflow",
    _Code.INTEGER_DIVISION_BY_ZERO: "integer divide by zero",
    _Code.BAD_CONVERSION_TO_INTEGER: "invalid conversion to integer",
    _Code.ATOMIC_WAIT_NON_SHARED_MEMORY: "expected shared memory",
    _Code.NULL_REFERENCE: "null reference",
    _Code.ARRAY_OUT_OF_BOUNDS: "out of bounds array access",
    _Code.CAST_FAILURE: "cast failure",
}


def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    for switch in _SWITCHES:
        setattr(config, switch, True)
    config.parallel_compilation = False
    return wasmtime.Engine(config)


def _outcome(run: Callable[[], Sequence[int]]) -> Outcome:
    try:
        return Outcome("values", tuple(run()))
    except HostFailure:
        return Outcome("failure")
    except wasmtime.Trap as trap:
        code = trap.trap_code
        if code is None and "thrown Wasm exception" in str(trap):
            return Outcome("exception")
        if code is _Code.STACK_OVERFLOW:
            return Outcome("exhaustion")
        if code is not None and code in _MESSAGES:
            return Outcome("trap", _MESSAGES[code])
        return Outcome("trap", str(trap))


def _to_python(t: wasmtime.ValType, bits: int) -> int | float:
    if t == wasmtime.ValType.f64():
        value: float = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
        return value
    width = 32 if t == wasmtime.ValType.i32() else 64
    return bits - (1 << width) if bits >> width - 1 else bits


def _to_bits(t: wasmtime.ValType, value: Any) -> int:
    if t == wasmtime.ValType.f64():
        return int.from_bytes(struct.pack("<d", value), "little")
    return int(value) & (0xFFFF_FFFF if t == wasmtime.ValType.i32() else (1 << 64) - 1)


@final
class WasmtimeGuest(Guest):
    """An instance in wasmtime."""

    def __init__(self, store: wasmtime.Store, instance: wasmtime.Instance) -> None:
        self._store: Final = store
        self._exports: Final[Any] = instance.exports(store)

    def refuel(self, amount: int) -> None:
        """Set the fuel."""
        self._exports["fuel"].set_value(self._store, amount)

    def call(self, name: str, args: Sequence[int]) -> Outcome:
        """Call an export on bit patterns (of i32, i64 and f64)."""
        function = self._exports[name]
        type_ = function.type(self._store)

        def run() -> list[int]:
            given = [_to_python(t, bits) for t, bits in zip(type_.params, args)]
            found = function(self._store, *given)
            results = type_.results
            values = [] if not results else [found] if len(results) == 1 else found
            return [_to_bits(t, value) for t, value in zip(results, values)]

        return _outcome(run)

    def memory(self, index: int) -> bytes:
        """What a memory holds."""
        memory = self._exports[f"memory{index}"]
        if isinstance(memory, wasmtime.SharedMemory):
            length = memory.data_len()
            return bytes(memory.data_ptr()[:length])
        return bytes(memory.read(self._store))

    def state(self) -> Outcome:
        """As the guest sees it, if it exports a function for that."""
        known = "state" in self._exports
        return self.call("state", ()) if known else Outcome("unknown")


@final
class WasmtimeEngine(Engine):
    """wasmtime, with NaNs made canonical and relaxed instructions made deterministic."""

    name = "wasmtime"
    coarse = True

    def __init__(self) -> None:
        self._engine: Final = _engine()

    def accepts(self, program: Program) -> bool:
        """Whether it knows the features, and its Python package what is passed."""
        return program.portable and program.features <= PRESETS["wasmtime"]

    def start(self, program: Program, data: bytes, host: Host) -> Guest:
        """Compile and instantiate."""
        store = wasmtime.Store(self._engine)
        module = wasmtime.Module(self._engine, data)
        functions = host.functions()
        imports = [
            wasmtime.Func(store, i.type, functions[str(i.name)])
            for i in module.imports
            if isinstance(i.type, wasmtime.FuncType)
        ]
        made: list[wasmtime.Instance] = []

        def instantiate_it() -> tuple[()]:
            made.append(wasmtime.Instance(store, module, imports))
            return ()

        outcome = _outcome(instantiate_it)
        if not made:
            raise Stopped(outcome)
        return WasmtimeGuest(store, made[0])
