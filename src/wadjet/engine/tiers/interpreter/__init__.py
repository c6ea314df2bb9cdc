"""The interpreter tier: the definition of what running means. It needs nothing but Python.

A function is prepared when it is first called (`prepare`): its body becomes blocks of steps whose
operands are bound to the instance (`steps`, `unit`). A `Run` then goes through the steps with its
own stacks of frames (`run`, `fibers`). What each instruction computes is in `wadjet.core.numerics`
where it is pure, else in the file of its chapter: `memory`, `tables`, `references`, `aggregates`,
`control`, `exceptions`, `continuations`, `atomics`.
"""

from collections.abc import Sequence
from typing import final

from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.instance import Instance
from wadjet.engine.tiers.interpreter.run import Run
from wadjet.engine.tiers.interpreter.unit import Unit


@final
class InterpreterCode(ModuleCode):
    """A module that is interpreted."""

    def attach(self, instance: Instance) -> None:
        """Give the instance the unit from which its functions are prepared."""
        instance.unit = Unit(instance)

    def call(self, instance: Instance, func_index: int, args: Sequence[int]) -> list[int]:
        """Run a function in its store. Nesting too deep through Python is Exhaustion, too."""
        unit = instance.unit
        assert isinstance(unit, Unit), "attach comes before the first call"
        store = instance.store.current()
        try:
            store.enter()
            try:
                return Run(store).call(unit.callee(func_index), list(args))
            finally:
                store.leave()
        except RecursionError:
            raise failure(TrapCode.STACK_EXHAUSTED) from None
        except MemoryError:
            raise failure(TrapCode.OUT_OF_MEMORY) from None
