"""`wadjet run --invoke` of a component: a call in WAVE, or a name and words in WAVE."""

from argparse import Namespace
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from wadjet.base.errors import Invalid, Malformed
from wadjet.canon.program import Program
from wadjet.canon.values import Err, Ok, ResultError
from wadjet.canon.wave import PythonForms
from wadjet.cli.common import BAD_USAGE, Failure
from wadjet.component.closed import InstanceShape, closed
from wadjet.component.types import Defined, FuncType, Result
from wadjet.component.wave import parse_call, print_value

if TYPE_CHECKING:
    from wadjet.api.component import Component
    from wadjet.api.component_instance import ComponentInstance
    from wadjet.wasi.command import ComponentProgram

#: the interface ("" for the component itself) and the name of a function
_Path = tuple[str, str]


def invoke(args: Namespace, component: "Component", program: "ComponentProgram") -> int:
    """Call what was asked for and print the result; the exit status."""
    functions = _functions(component)
    text = args.invoke if "(" in args.invoke else f"{args.invoke}({', '.join(args.args)})"
    forms = PythonForms(Program.of(component.plan, args.tier).classes)
    try:
        (path, type_), values = parse_call(text, lambda name: _find(functions, name), forms)
    except (Malformed, Invalid) as error:
        raise Failure(f"--invoke: {error}", BAD_USAGE) from None

    def call(instance: "ComponentInstance") -> Coroutine[Any, Any, Any]:
        interface, name = path
        made: Coroutine[Any, Any, Any] = (instance[interface] if interface else instance)[name](
            *values
        )
        return made

    status, result = 0, None
    try:
        result = program.invoke(call)
    except ResultError as error:
        status, result = 1, Err(error.value)
    if type_.result is not None:
        t = closed(type_.result)
        if not status and isinstance(t, Defined) and isinstance(t.shape, Result):
            result = Ok(result)
        print(print_value(result, t, forms))
    return status


def _functions(component: "Component") -> dict[_Path, FuncType]:
    """All functions that a component exports, resources' aside."""
    found: dict[_Path, FuncType] = {}
    for name, extern in component.valid.shape.exports.items():
        if isinstance(extern, FuncType):
            found["", name] = extern
        elif isinstance(extern, InstanceShape):
            for each, function in extern.exports.items():
                if isinstance(function, FuncType) and not each.startswith("["):
                    found[name, each] = function
    return found


def _find(
    functions: dict[_Path, FuncType], name: str
) -> "tuple[tuple[_Path, FuncType], FuncType] | None":
    """What a name means: `interface#function`, or a function that only one interface has."""
    interface, _, label = name.rpartition("#")
    meant = [
        path
        for path in functions
        if path[1] == label
        and (not interface or path[0].partition("@")[0] == interface.partition("@")[0])
    ]
    if len(meant) != 1:
        return None
    found = functions[meant[0]]
    return (meant[0], found), found
