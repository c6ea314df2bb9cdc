"""`python -m bench.plain TASK`: wasmtime runs a program as anybody would embed it, in one go.

TASK is JSON: `wasm`, `args`, `dirs` (guest → here) and `cached`, whether its own cache is on.
"""

import json
import os
import sys

import wasmtime


def main() -> None:
    """Run it; the exit status is the program's."""
    task = json.loads(sys.argv[1])
    config = wasmtime.Config()
    config.wasm_exceptions = True
    if task["cached"]:
        config.cache = True
    engine = wasmtime.Engine(config)
    module = wasmtime.Module.from_file(engine, task["wasm"])
    wasi = wasmtime.WasiConfig()
    wasi.argv = task["args"]
    wasi.inherit_stdin()
    wasi.inherit_stdout()
    wasi.inherit_stderr()
    for guest, here in task["dirs"].items():
        wasi.preopen_dir(here, guest)
    store = wasmtime.Store(engine)
    store.set_wasi(wasi)
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    instance = linker.instantiate(store, module)
    start = instance.exports(store)["_start"]
    assert isinstance(start, wasmtime.Func)
    try:
        start(store)
    except wasmtime.ExitTrap as end:
        os._exit(end.code)


if __name__ == "__main__":
    main()
