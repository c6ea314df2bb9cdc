"""The same guest in wasmtime, where that is installed: what it answers, in our words."""

from pathlib import Path
from typing import Any, Final

import pytest

from tests.corpora import corpora
from tests.wasi02.through import binary

#: The names of the bits, from the lowest, of parameters that are flags.
_PATH: Final = ("symlink-follow",)
_OPEN: Final = ("create", "directory", "exclusive", "truncate")
_DESCRIPTOR: Final = (
    "read", "write", "file-integrity-sync", "data-integrity-sync", "requested-write-sync",
    "mutate-directory",
)  # fmt: skip
FLAGS: Final = {"path-flags": _PATH, "old-path-flags": _PATH, "open-flags": _OPEN,
                "flags": _DESCRIPTOR}  # fmt: skip


class Refused(Exception):
    """What the guest got instead of an answer."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Wasmtime:
    """The guest with a folder, `/d`: `peer("filesystem/types", "descriptor.stat-at", …)`."""

    def __init__(self, folder: Path) -> None:
        wasmtime = pytest.importorskip("wasmtime")
        from wasmtime import component

        engine = wasmtime.Engine()
        self._component = component
        self._store = wasmtime.Store(engine)
        config = wasmtime.WasiConfig()
        config.preopen_dir(str(folder), "/d")
        self._store.set_wasi(config)
        linker = component.Linker(engine)
        linker.add_wasip2()
        guest = binary(corpora("wasi-wit") / "wasi-0.2.12", ("filesystem",))
        self._instance = linker.instantiate(self._store, component.Component(engine, guest))

    def __call__(self, interface: str, function: str, *args: Any) -> Any:
        """Call a function. Raises Refused with the name of the error code."""
        store, label = self._store, f"tests:through/{interface.replace('/', '-')}"
        inside = self._instance.get_export_index(store, label)
        assert inside is not None, label
        name = f"call-{function.replace('.', '-')}"
        index = self._instance.get_export_index(store, name, inside)
        found = self._instance.get_func(store, index)
        assert found is not None, name
        type_ = found.type(store)
        given = [_given(label, each) for (label, _), each in zip(type_.params, args, strict=True)]
        answer = found(store, *given)
        if isinstance(answer, self._component.Variant):  # both sides are of one type
            if answer.tag == "err":
                raise Refused(answer.payload)
            return answer.payload
        if isinstance(answer, str) and isinstance(type_.result, self._component.ResultType):
            raise Refused(answer)
        return answer


def _given(label: str, value: Any) -> Any:
    if label in FLAGS:
        return {name for bit, name in enumerate(FLAGS[label]) if value & 1 << bit}
    return value
