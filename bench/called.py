"""`python -m bench.called ENGINE FILE [cached]`: a component of the world `calc` is called from
Python, as anybody would, in one go. What its function gives is printed.

ENGINE is `wadjet` or `wasmtime`; `cached` turns on the cache of the latter. The world is that of
`tests/programs/guests`.
"""

import sys
from typing import Any

_INTERFACE, _FUNCTION, _TEXT = "demo:calc/ops@0.1.0", "words", "a bb a"


class _Log:
    """What the component may import."""

    def log(self, color: Any, message: str) -> None:
        """Nobody listens."""


def _wadjet(path: str) -> object:
    import wadjet

    component = wadjet.Component.from_file(path)
    wants_log = any("/log@" in item.name for item in component.imports)
    given, wasi = ({"log": _Log()}, None) if wants_log else ({}, wadjet.Wasi())
    with component.instantiate(given, wasi=wasi) as instance:
        return instance.ops.words(_TEXT)


def _wasmtime(path: str, cached: bool) -> object:
    import wasmtime
    from wasmtime import component

    config = wasmtime.Config()
    config.wasm_component_model = True
    if cached:
        config.cache = True
    engine = wasmtime.Engine(config)
    read = component.Component.from_file(engine, path)
    linker, store = component.Linker(engine), wasmtime.Store(engine)
    store.set_wasi(wasmtime.WasiConfig())
    linker.add_wasip2()
    linker.define_unknown_imports_as_traps(read)
    instance = linker.instantiate(store, read)
    interface = instance.get_export_index(store, _INTERFACE)
    place = instance.get_export_index(store, _FUNCTION, interface)
    assert place is not None
    function = instance.get_func(store, place)
    assert function is not None
    return function(store, _TEXT)


def main() -> None:
    """Call it."""
    engine, path, *rest = sys.argv[1:]
    print(_wadjet(path) if engine == "wadjet" else _wasmtime(path, bool(rest)))


if __name__ == "__main__":
    main()
