"""`wadjet run --invoke` of a component: a call in WAVE, or a name and words in WAVE."""

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import wadjet
from wadjet.base.errors import Invalid, Malformed
from wadjet.canon.classes import Classes
from wadjet.canon.wave import PythonForms
from wadjet.cli.common import BAD_FILE, BAD_USAGE, Failure
from wadjet.component.closed import InstanceShape, closed
from wadjet.component.types import Defined, FuncType, Result
from wadjet.component.wave import parse_call, parse_value, print_value

if TYPE_CHECKING:
    from wadjet.api.component import Component
    from wadjet.wasi.command import ComponentProgram

#: where a function is: its name, after that of its interface if it is in one
_Path = tuple[str, ...]


def invoke(args: Namespace, component: "Component", command: "ComponentProgram") -> int:
    """Call what was asked for and print the result; the exit status.

    Functions of interfaces go by `interface.function`, where the interface may be told by the end
    of its name; by the function's name alone where no other has it. A result that is an error is
    printed as one, and ends with status 1.
    """
    functions = dict(_functions(component))
    forms = PythonForms(Classes(component.valid.shape))

    def find(name: str) -> tuple[_Path, FuncType] | None:
        found = [path for path in functions if name in _names(path)]
        return (found[0], functions[found[0]]) if len(found) == 1 else None

    try:
        if "(" in args.invoke:
            path, values = parse_call(args.invoke, find, forms)
        else:
            path, values = _with_words(args.invoke, args.args, functions, find(args.invoke), forms)
    except (Malformed, Invalid) as error:
        there = ", ".join(".".join(path) for path in functions) or "none"
        hint = f"; functions are {there}" if "no function" in error.message else ""
        raise Failure(f"--invoke: {error.message}{hint}", BAD_USAGE) from None
    return _show(functions[path], _call(command, path, values), forms)


def _functions(component: "Component") -> Iterator[tuple[_Path, FuncType]]:
    """What can be called: functions, and those of interfaces."""
    for name, extern in component.valid.shape.exports.items():
        if isinstance(extern, FuncType):
            yield (name,), extern
        elif isinstance(extern, InstanceShape):
            for inner, item in extern.exports.items():
                if isinstance(item, FuncType):
                    yield (name, inner), item


def _names(path: _Path) -> list[str]:
    """What a function may be called by: shorter names may be those of others as well."""
    if len(path) == 1:
        return [*path]
    interface, function = path
    bare = interface.partition("@")[0]
    return [f"{each}.{function}" for each in (interface, bare, bare.rpartition("/")[2])] + [
        function
    ]


def _with_words(
    name: str,
    words: list[str],
    functions: dict[_Path, FuncType],
    found: tuple[_Path, FuncType] | None,
    forms: PythonForms,
) -> tuple[_Path, list[object]]:
    """A function by its name, and a value for each word."""
    if found is None:
        several = [path for path in functions if name in _names(path)]
        what = "more than one function" if several else "no function"
        raise Invalid(f"there is {what} `{name}`")
    path, ft = found
    if len(words) != len(ft.params):
        wanted = " ".join(label for label, _ in ft.params) or "nothing"
        raise Invalid(f"`{name}` takes {wanted}; {len(words)} words are given")
    values = [
        parse_value(word, closed(t), forms) for word, (_, t) in zip(words, ft.params, strict=True)
    ]
    return path, values


def _call(command: "ComponentProgram", path: _Path, values: list[object]) -> Any:
    async def call(instance: Any) -> Any:
        for name in path:
            instance = instance[name]
        return await instance(*values)

    try:
        return command.invoke(call)
    except wadjet.ResultError as error:
        return error


def _show(ft: FuncType, made: Any, forms: PythonForms) -> int:
    """Print what a call gave; the exit status."""
    if ft.result is None:
        return 0
    result = closed(ft.result)
    if isinstance(result, Defined) and isinstance(result.shape, Result):
        failed = isinstance(made, wadjet.ResultError)
        made = wadjet.Err(made.value) if failed else wadjet.Ok(made)
    print(print_value(made, result, forms))
    return BAD_FILE if isinstance(made, wadjet.Err) else 0
