"""Instances by the thousand: how long one takes, how many a second from several threads, what live
ones take of memory. All have a memory image of 1 MiB and share one compiled module."""

import gc
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import wasmtime

import wadjet
from bench.measure import Row

_DATA = "wadjet! " * (1 << 17)
#: As many functions as a program of WASI imports, of their types.
_FUNCTIONS = {
    "fd_write": "(param i32 i32 i32 i32) (result i32)", "fd_close": "(param i32) (result i32)",
    "fd_seek": "(param i32 i64 i32 i32) (result i32)", "proc_exit": "(param i32)",
    "environ_get": "(param i32 i32) (result i32)", "random_get": "(param i32 i32) (result i32)",
    "args_get": "(param i32 i32) (result i32)", "fd_fdstat_get": "(param i32 i32) (result i32)",
    "fd_read": "(param i32 i32 i32 i32) (result i32)",
    "clock_time_get": "(param i32 i64 i32) (result i32)",
}  # fmt: skip
_THREADS, _EACH = 8, 500
#: So many instances of wasmtime in one store.
_STAY = 100
#: Makes an instance, and gives its function.
Make = Callable[[], Callable[[int], object]]
_LIVE = 1000


def _text(imports: int) -> str:
    chosen = list(_FUNCTIONS.items())[:imports]
    wanted = "".join(f'(import "host" "{name}" (func {type_}))' for name, type_ in chosen)
    return (
        f'(module {wanted} (memory 16) (data (i32.const 0) "{_DATA}") '
        '(func (export "load") (param i32) (result i32) (i32.load (local.get 0))))'
    )


def _host(*_: int) -> int:
    return 0


_GIVEN = {"host": dict.fromkeys(_FUNCTIONS, _host)}


def _ours(imports: int, *, stays: bool = False) -> Make:
    module = wadjet.Module.from_text(_text(imports))
    store = wadjet.Store() if stays else None

    def make() -> Callable[[int], object]:
        exports = wadjet.Instance(module, _GIVEN, store=store).exports
        return lambda at: exports.load(at)

    return make


def _theirs(imports: int, *, stays: bool = False) -> Make:
    engine = wasmtime.Engine()
    module = wasmtime.Module(engine, _text(imports))
    types = [i.type for i in module.imports if isinstance(i.type, wasmtime.FuncType)]

    def fresh() -> tuple[wasmtime.Store, list[wasmtime.Func]]:
        store = wasmtime.Store(engine)
        return store, [wasmtime.Func(store, type_, _host) for type_ in types]

    kept = [(fresh(), 0)]

    def lasting() -> tuple[wasmtime.Store, list[wasmtime.Func]]:
        """Its instances live as long as their store, so that goes now and then."""
        home, count = kept.pop()
        kept.append((home, count + 1) if count < _STAY else (fresh(), 1))
        return kept[0][0]

    def make() -> Callable[[int], object]:
        store, given = lasting() if stays else fresh()
        load = wasmtime.Instance(store, module, given).exports(store)["load"]
        assert isinstance(load, wasmtime.Func)
        return lambda at: load(store, at)

    return make


def measure(rounds: int) -> list[Row]:
    """The table."""
    rows = []
    for imports in (0, 1, len(_FUNCTIONS)):
        name = f"{imports or 'no'} import{'' if imports == 1 else 's'}"
        makers = {"wadjet": _ours(imports), "wasmtime": _theirs(imports)}
        called = {engine: _called(make) for engine, make in makers.items()}
        stay = {"wadjet": _ours(imports, stays=True), "wasmtime": _theirs(imports, stays=True)}
        rows.append(_row(f"one, {name}", makers, rounds))
        rows.append(_row(f"one and a call, {name}", called, rounds))
        rows.append(_row(f"one in a store that stays, {name}", stay, rounds))
    makers = {"wadjet": _ours(0), "wasmtime": _theirs(0)}
    crowd = {engine: _crowd(_called(make)) for engine, make in makers.items()}
    rows.append(Row(f"one and a call, in {_THREADS} threads (wall clock)", "µs", crowd))
    live = {engine: _live(make) for engine, make in makers.items()}
    rows.append(Row(f"{_LIVE} live ones, never called", "MB", live))
    return rows


def _called(make: Make) -> Callable[[], object]:
    return lambda: make()(0)


def _row(name: str, makers: Mapping[str, Callable[[], object]], rounds: int) -> Row:
    return Row(name, "µs", {engine: _each(make, rounds) for engine, make in makers.items()})


def _each(make: Callable[[], object], rounds: int) -> float:
    """Microseconds of the thread's processor time for one, made and freed."""
    samples = []
    for _ in range(rounds + 1):
        begun = time.thread_time()
        for _ in range(_EACH):
            make()
        samples.append(1e6 * (time.thread_time() - begun) / _EACH)
    return statistics.median(samples[1:])


def _crowd(make: Callable[[], object]) -> float:
    """Microseconds for one where several threads make them."""

    def work() -> None:
        for _ in range(_EACH):
            make()

    begun = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1e6 * (time.perf_counter() - begun) / (_THREADS * _EACH)


def _live(make: Make) -> float:
    """Megabytes that become resident with so many live ones."""
    gc.collect()
    before = _resident()
    kept = [make() for _ in range(_LIVE)]
    taken = _resident() - before
    del kept
    return taken


def _resident() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
