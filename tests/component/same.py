"""When two components are the same but for what text cannot say."""

from wadjet.component.binary import encode
from wadjet.component.component import Component, CoreModule, Custom, Definition
from wadjet.core.module import Code, Module
from wadjet.core.types import ValType

_NAMES = ("name", "component-name")


def normal(component: Component) -> bytes:
    """The bytes of a component without names, its sections and the choices of its modules made
    anew. Changes the component."""
    return encode(_stripped(component))


def _stripped(component: Component) -> Component:
    kept: list[Definition] = []
    for definition in component.definitions:
        if isinstance(definition, Component):
            _stripped(definition)
        if isinstance(definition, CoreModule):
            definition.source = None
            _plain(definition.module)
        if not (isinstance(definition, Custom) and definition.name in _NAMES):
            kept.append(definition)
    component.definitions = kept
    component.runs = None
    return component


def _plain(module: Module) -> None:
    module.customs = [c for c in module.customs if c.name not in _NAMES]
    module.data_count = None
    module.empty = frozenset()
    for index, code in enumerate(module.codes):
        runs: list[tuple[int, ValType]] = []
        for count, t in code.locals:
            if runs and runs[-1][1] is t:
                runs[-1] = (runs[-1][0] + count, t)
            elif count:
                runs.append((count, t))
        module.codes[index] = Code(runs, code.body)
