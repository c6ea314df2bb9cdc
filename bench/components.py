"""Components: one guest called from Python through wadjet and through wasmtime, in one process.

`python -m bench.components` prints the table alone.
"""

import gc
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import wadjet
from bench.measure import Row
from bench.report import table


SIZE = 65536
COUNT = 10_000

#: `calls` calls `add` of another component so many times
GUEST = f"""
(component
  (component $adder
    (core module $m (func (export "add") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1))))
    (core instance $i (instantiate $m))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32)
      (canon lift (core func $i "add"))))
  (instance $adder (instantiate $adder))
  (component $caller
    (import "add" (func $add (param "a" u32) (param "b" u32) (result u32)))
    (core func $far (canon lower (func $add)))
    (core module $m
      (import "" "far" (func $far (param i32 i32) (result i32)))
      (func (export "calls") (param $n i32) (result i32) (local $sum i32)
        (loop $each
          (local.set $sum (call $far (local.get $sum) (local.get $n)))
          (br_if $each (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum)))
    (core instance $i (instantiate $m (with "" (instance (export "far" (func $far))))))
    (func (export "calls") (param "n" u32) (result u32) (canon lift (core func $i "calls"))))
  (instance $caller (instantiate $caller (with "add" (func $adder "add"))))
  (export "calls" (func $caller "calls"))
  (core module $m
    (memory (export "memory") 32)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "take") (param i32 i32) (result i32) (local.get 1))
    (data (i32.const 0) "\\00\\04\\00\\00\\00\\00\\01\\00\\00\\04\\00\\00\\10\\27\\00\\00")
    (func (export "give") (result i32) (i32.const 0))
    (func (export "give-rows") (result i32) (i32.const 8)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (type $row' (record (field "id" u32) (field "x" f64) (field "y" f64) (field "on" bool)))
  (export $row "row" (type $row'))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "add")))
  {
    "".join(
        f'''
  (func (export "take-{name}") (param "x" {t}) (result u32)
    (canon lift (core func $i "take") (memory $memory) (realloc $realloc)))
  (func (export "give-{name}") (result {t})
    (canon lift (core func $i "{give}") (memory $memory)))'''
        for name, t, give in (
            ("text", "string", "give"),
            ("bytes", "(list u8)", "give"),
            ("rows", "(list $row)", "give-rows"),
        )
    )
})
"""
#: what is called: name, function of the guest, which arguments, units counted in one call
CASES = (
    ("add two u32", "add", (1, 2), 1),
    ("string of 64 KiB, in", "take-text", ("x" * SIZE,), 1),
    ("string of 64 KiB, out", "give-text", (), 1),
    ("list<u8> of 64 KiB, in", "take-bytes", (b"x" * SIZE,), 1),
    ("list<u8> of 64 KiB, out", "give-bytes", (), 1),
    ("10,000 records, in", "take-rows", None, 1),
    ("10,000 records, out", "give-rows", (), 1),
    ("add of another component", "calls", (100_000,), 100_000),
)
Call = Callable[..., Any]


def _wadjet(binary: bytes) -> tuple[Callable[[str], Call], list[Any]]:
    instance = wadjet.Component(binary).instantiate()
    rows = [instance.Row(i, i / 2, i / 4, i % 2 == 0) for i in range(COUNT)]
    return instance.__getitem__, rows


def _wasmtime(binary: bytes) -> tuple[Callable[[str], Call], list[Any]]:
    import wasmtime
    from wasmtime import component as wasmtime_component

    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    linker = wasmtime_component.Linker(engine)
    instance = linker.instantiate(store, wasmtime_component.Component(engine, binary))
    rows = []
    for i in range(COUNT):
        row: Any = wasmtime_component.Record()
        row.id, row.x, row.y, row.on = i, i / 2, i / 4, i % 2 == 0
        rows.append(row)

    def find(name: str) -> Call:
        func = instance.get_func(store, name)
        assert func is not None, "the guest exports it"

        def call(*args: Any) -> Any:
            result = func(store, *args)
            func.post_return(store)
            return result

        return call

    return find, rows


def measure(rounds: int, say: Callable[[str], None]) -> list[Row]:
    """Nanoseconds of processor time per call, the engines taking turns."""
    from wadjet.component.binary import encode
    from wadjet.component.text import parse

    say("components")
    binary = encode(parse(GUEST))
    engines = {"wadjet": _wadjet(binary)}
    if find_spec("wasmtime") is not None:
        engines["wasmtime"] = _wasmtime(binary)
    found = []
    for name, func, args, units in CASES:
        row = Row(name, "ns")
        samples: dict[str, list[float]] = {engine: [] for engine in engines}
        calls = {engine: find(func) for engine, (find, _) in engines.items()}
        for _ in range(rounds):
            for engine, (_, rows) in engines.items():
                given = (rows,) if args is None else args
                samples[engine].append(_time(calls[engine], given) / units)
        row.medians = {engine: statistics.median(each) for engine, each in samples.items()}
        found.append(row)
    return found


def _time(call: Call, args: tuple[Any, ...]) -> float:
    """Nanoseconds of one call, from as many as take a twentieth of a second."""
    count = 1
    gc.collect()
    while True:
        begun = time.thread_time_ns()
        for _ in range(count):
            call(*args)
        taken = time.thread_time_ns() - begun
        if taken > 50_000_000:
            return taken / count
        count *= 2 if taken > 5_000_000 else 10


if __name__ == "__main__":
    measured = measure(5, lambda what: None)
    print(table("Components", measured, ["wadjet", "wasmtime"], [("wadjet", "wasmtime")]))
