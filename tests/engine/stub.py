"""A tier that runs nothing: functions are Python functions of the instance and raw arguments."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from wadjet.core.subtyping import canonical_types
from wadjet.core.text import parse
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.pages import let_go
from wadjet.engine.runtime.store import Store

Run = Callable[[Instance, int, Sequence[int]], list[int]]


def idle(instance: Instance, index: int, args: Sequence[int]) -> list[int]:
    return []


class StubCode(ModuleCode):
    """Code of a module in text, taken for valid. `count` multiplies its functions."""

    def __init__(self, text: str, run: Run = idle, count: int = 1) -> None:
        module = parse(text)
        module.funcs *= count
        valid: Any = SimpleNamespace(module=module, types=canonical_types(module.types))
        super().__init__(valid)
        self.run = run
        self.attached: list[int] = []

    def attach(self, instance: Instance) -> None:
        self.attached.append(instance.context)

    def call(self, instance: Instance, func_index: int, args: Sequence[int]) -> list[int]:
        instance.store.enter()
        try:
            return self.run(instance, func_index, args)
        finally:
            instance.store.leave()


def make(text: str, *imports: object, run: Run = idle, store: Store | None = None) -> Instance:
    """An instance of a module in text."""
    return instantiate(Store() if store is None else store, StubCode(text, run), imports)


def mappings() -> int:
    """How many mappings the process has, but for those that wait to be used again."""
    let_go()
    with open("/proc/self/maps") as maps:
        return sum(1 for _ in maps)
