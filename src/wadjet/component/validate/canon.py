"""Canonical definitions (CanonicalABI.md, "Canonical Definitions"): what they are given, and the
core types of the functions that they make or lift.
"""

from wadjet.component import limits
from wadjet.component.abi import (
    MAX_FLAT_ASYNC_PARAMS, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, flatten, flatten_functype,
    flatten_types, has_pointers,
)  # fmt: skip
from wadjet.component.closed import closed
from wadjet.component.component import Canon, Lift, Lower
from wadjet.component.types import FuncType
from wadjet.component.validate.builtins import builtin
from wadjet.component.validate.core import core_func, func_type
from wadjet.component.validate.options import (
    Canonical, Options, check_callback, check_signature, need_memory, need_realloc, read_options,
    refuse,
)  # fmt: skip
from wadjet.component.validate.scope import Scope
from wadjet.core import types as core


def add_canon(scope: Scope, d: Canon) -> Canonical:
    """Check a canonical definition and add the function that it makes."""
    if isinstance(d, Lift):
        made = _lift(scope, d)
        assert isinstance(made.type, FuncType)
        scope.add(scope.funcs, made.type, "functions", limits.ITEMS, d.place)
        return made
    made = _lower(scope, d) if isinstance(d, Lower) else builtin(scope, d)
    scope.add(scope.core_funcs, made.core, "core functions", limits.ITEMS, d.place)
    return made


def _check_async(scope: Scope, options: Options, ft: FuncType, place: int) -> None:
    if options.is_async and not ft.is_async:
        scope.fail("the `async` canonical option requires an async function type", place)


def _lift(scope: Scope, d: Lift) -> Canonical:
    place = d.place
    ft = scope.func_type(d.type, place)
    found = core_func(scope, d.func, place)
    options = read_options(scope, d.options, place)
    _check_async(scope, options, ft, place)
    check_callback(scope, options, place)
    if any(has_pointers(t) for _, t in ft.params) or _flat_params(ft, options) is None:
        need_realloc(scope, options, place)
    if ft.result is not None:
        flat = flatten(closed(ft.result), options.ptr)
        limit = MAX_FLAT_PARAMS if options.is_async else MAX_FLAT_RESULTS
        if has_pointers(ft.result) or flat is None or len(flat) > limit:
            need_memory(scope, options, place)
    wanted = flatten_functype(
        ft,
        options.ptr,
        "lift",
        is_async=options.is_async,
        callback=options.callback is not None,
    )
    for what, asked, given in (
        ("parameter", wanted.params, found.params),
        ("result", wanted.results, found.results),
    ):
        if asked != given:
            types = f"`{_spell(asked)}` do not match {what} types `{_spell(given)}`"
            scope.fail(f"lowered {what} types {types} of core function {d.func}", place)
    if options.post_return is not None:
        post = core.FuncType(found.results, ())
        check_signature(scope, "post-return", options.post_return, post, place)
    return Canonical(d, ft, scope.core_funcs[d.func], options)


def _flat_params(ft: FuncType, options: Options) -> tuple[core.NumType, ...] | None:
    return flatten_types([closed(t) for _, t in ft.params], options.ptr)


def _spell(types: tuple[core.ValType, ...]) -> str:
    return f"[{', '.join([str(t).upper() for t in types])}]"


def _lower(scope: Scope, d: Lower) -> Canonical:
    place = d.place
    ft = scope.at(scope.funcs, d.func, "function", place)
    options = read_options(scope, d.options, place)
    refuse(scope, options, ("post-return", "callback"), "lowerings", place)
    _check_async(scope, options, ft, place)
    flat = _flat_params(ft, options)
    most = MAX_FLAT_ASYNC_PARAMS if options.is_async else MAX_FLAT_PARAMS
    if any(has_pointers(t) for _, t in ft.params) or flat is None or len(flat) > most:
        need_memory(scope, options, place)
    if ft.result is not None:
        returned = flatten(closed(ft.result), options.ptr)
        if has_pointers(ft.result):
            need_realloc(scope, options, place)
        if options.is_async or returned is None or len(returned) > MAX_FLAT_RESULTS:
            need_memory(scope, options, place)
    made = flatten_functype(ft, options.ptr, "lower", is_async=options.is_async)
    return Canonical(d, ft, func_type(made.params, made.results), options)
