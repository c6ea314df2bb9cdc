"""The worker of the Python engines: one program, or the small measurements (see engines.py)."""

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = Path(__file__).with_name("calls.wat")
ROUNDS = 5
MEBI = 1 << 20


class Adapter(ABC):
    """What the measurements need of an engine. `task` is the Task of engines.py as a dict."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task

    @abstractmethod
    def load(self) -> None:
        """Compile the task's program."""

    @abstractmethod
    def run(self) -> tuple[float, int]:
        """Run a fresh instance: processor seconds of `_start`, exit status."""

    @abstractmethod
    def calls(self, host: Callable[[int, int], int]) -> "Calls":
        """Instantiate calls.wat with `host` as its import."""


class Calls:
    """An instance of calls.wat as a Python program would use it."""

    add: Callable[[int, int], int]
    callbacks: Callable[[int], int]
    read_i32: Callable[[int], int]
    write_i32: Callable[[int, int], None]
    read: Callable[[int, int], bytes]
    write: Callable[[int, bytes], None]
    instantiate: Callable[[], object]


class Wasmtime(Adapter):
    """wasmtime-py, as its documentation uses it."""

    def __init__(self, task: dict[str, Any]) -> None:
        super().__init__(task)
        import wasmtime

        self._w = wasmtime
        config = wasmtime.Config()
        config.wasm_exceptions = config.wasm_gc = config.wasm_function_references = True
        self._engine = wasmtime.Engine(config)

    def load(self) -> None:
        """Compile ahead of time, as wasmtime does."""
        self._module = self._w.Module.from_file(self._engine, self.task["wasm"])

    def run(self) -> tuple[float, int]:
        """A new store, linker and instance; only the call of `_start` is timed."""
        w, task = self._w, self.task
        wasi = w.WasiConfig()
        wasi.argv = task["args"]
        wasi.stdin_file = task["stdin"]
        wasi.stdout_file = task["stdout"]
        wasi.inherit_stderr()
        for guest, host in task["dirs"].items():
            wasi.preopen_dir(host, guest)
        store = w.Store(self._engine)
        store.set_wasi(wasi)
        linker = w.Linker(self._engine)
        linker.define_wasi()
        start = linker.instantiate(store, self._module).exports(store)["_start"]
        code = 0
        begun = time.thread_time()
        try:
            start(store)
        except w.ExitTrap as exit_:
            code = exit_.code
        return time.thread_time() - begun, code

    def calls(self, host: Callable[[int, int], int]) -> Calls:
        """Exports as wasmtime-py gives them: every call names its store."""
        w = self._w
        module = w.Module(self._engine, CALLS.read_text())
        store = w.Store(self._engine)
        i32 = w.ValType.i32()
        imported = w.Func(store, w.FuncType([i32, i32], [i32]), host)
        exports = w.Instance(store, module, [imported]).exports(store)
        add, callbacks, memory = exports["add"], exports["callbacks"], exports["memory"]

        calls = Calls()
        calls.add = lambda a, b: add(store, a, b)
        calls.callbacks = lambda n: callbacks(store, n)
        calls.read = lambda at, n: bytes(memory.read(store, at, at + n))
        calls.write = lambda at, data: memory.write(store, data, at)
        calls.read_i32 = lambda at: int.from_bytes(memory.read(store, at, at + 4), "little")
        calls.write_i32 = lambda at, v: memory.write(store, v.to_bytes(4, "little"), at)
        calls.instantiate = lambda: w.Instance(store, module, [imported])
        return calls


class Wadjet(Adapter):
    """wadjet, as its README uses it."""

    def load(self) -> None:
        """Read and validate; functions are compiled when they are first called."""
        import wadjet
        from wadjet.core.features import parse_features

        features = parse_features(self.task["features"])
        self._module = wadjet.Module.from_file(self.task["wasm"], features=features)

    def run(self) -> tuple[float, int]:
        """A new instance; only the call of `_start` is timed."""
        from wadjet.wasi import INHERIT, Wasi
        from wadjet.wasi.run import Program

        task = self.task
        with open(task["stdin"], "rb") as stdin, open(task["stdout"], "wb") as stdout:
            wasi = Wasi(
                task["args"],
                dirs=task["dirs"],
                stdin=stdin,
                stdout=stdout,
                stderr=INHERIT,
            )
            with Program(self._module, wasi, tier=task["tier"]) as program:
                begun = time.thread_time()
                code = program.start()
                return time.thread_time() - begun, code

    def calls(self, host: Callable[[int, int], int]) -> Calls:
        """Exports are builtin functions, a memory is a buffer."""
        import wadjet

        module = wadjet.Module.from_file(CALLS)
        imports = {"host": {"add": host}}
        exports = wadjet.Instance(module, imports).exports
        memory = exports.memory

        def write(at: int, data: bytes) -> None:
            memory[at : at + len(data)] = data

        calls = Calls()
        calls.add, calls.callbacks = exports.add, exports.callbacks
        calls.read = lambda at, n: bytes(memory[at : at + n])
        calls.write = write
        calls.read_i32 = lambda at: int.from_bytes(memory[at : at + 4], "little")
        calls.write_i32 = lambda at, v: write(at, v.to_bytes(4, "little"))
        calls.instantiate = lambda: wadjet.Instance(module, imports)
        return calls


def _nanoseconds(action: Callable[[], object], count: int) -> float:
    """The best of some rounds, per call: the others were disturbed."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(count):
            action()
        best = min(best, time.perf_counter() - begun)
    return best / count * 1e9


def _per_item(action: Callable[[int], object], count: int) -> float:
    """The best of some rounds of an action that loops by itself, per item."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        action(count)
        best = min(best, time.perf_counter() - begun)
    return best / count * 1e9


def micro(adapter: Adapter) -> dict[str, float]:
    """Every small measurement, in nanoseconds. The cost of the measuring loop is in each."""
    calls = adapter.calls(lambda a, b: a + b)
    assert calls.add(2, 3) == 5
    assert calls.callbacks(10) == 10
    calls.write_i32(64, 7)
    assert calls.read_i32(64) == 7
    block = bytes(range(256)) * (MEBI // 256)
    calls.write(0, block)
    assert calls.read(0, MEBI) == block
    add, read_i32, write_i32 = calls.add, calls.read_i32, calls.write_i32
    return {
        "add(i32, i32)": _nanoseconds(lambda: add(2, 3), 20_000),
        "callback of two ints": _per_item(calls.callbacks, 20_000),
        "memory: read an i32": _nanoseconds(lambda: read_i32(64), 20_000),
        "memory: write an i32": _nanoseconds(lambda: write_i32(64, 7), 20_000),
        "memory: read 1 MiB": _nanoseconds(lambda: calls.read(0, MEBI), 100),
        "memory: write 1 MiB": _nanoseconds(lambda: calls.write(0, block), 100),
        "instantiate": _nanoseconds(calls.instantiate, 200),
    }


ADAPTERS: dict[str, type[Adapter]] = {"wadjet": Wadjet, "wasmtime": Wasmtime}


def main() -> None:
    """Answer requests until the pipe closes."""
    adapter = ADAPTERS[sys.argv[1]](json.loads(sys.argv[2]))
    begun = time.perf_counter()
    if adapter.task["wasm"]:
        adapter.load()
    print(json.dumps({"compile": time.perf_counter() - begun}), flush=True)
    for request in sys.stdin:
        if request.strip() == "run":
            seconds, code = adapter.run()
            print(json.dumps({"seconds": seconds, "code": code}), flush=True)
        else:
            print(json.dumps(micro(adapter)), flush=True)


if __name__ == "__main__":
    main()
