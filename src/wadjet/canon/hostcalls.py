"""Calls between the host and guests that are not async, as code made for one type of function.

These are the calls that programs make by the million. What the general way (`functions`) does by
objects and closures is written out here, without whatever the function's type has no need of.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CoroutineType
from typing import Any, Final

from wadjet.base.errors import WasmException
from wadjet.canon.context import FUEL
from wadjet.canon.explain import FAULTS, explain
from wadjet.canon.functions import HostFunction, Lifted, guest_thread
from wadjet.canon.host import is_awaitable
from wadjet.canon.instance import READY, ComponentInstance, leave
from wadjet.canon.naming import snake
from wadjet.canon.passages import Passage, results_of, types_of
from wadjet.canon.traps import BORROWS_REMAIN, CANNOT_ENTER, CANNOT_LEAVE, trap
from wadjet.canon.values import Err, Ok, ResultError
from wadjet.component import abi
from wadjet.component.abi import MAX_FLAT_PARAMS, MAX_FLAT_RESULTS
from wadjet.component.types import Defined, FuncType, Result

#: classes of values that are known not to be awaitable
_plain: Final[set[type]] = {type(None), bool, int, float, str, bytes, tuple, list, dict}
#: more classes than this are not remembered
_MOST: Final = 10_000


def _waits(value: object) -> bool:
    """Whether a host function answers later, if its class is not known yet."""
    cls = type(value)
    if cls is CoroutineType or is_awaitable(value):
        return True
    if len(_plain) < _MOST:
        _plain.add(cls)
    return False


# --- the host calls a guest -----------------------------------------------------------------------


def guest_call(lifted: Lifted, passage: Passage, *, raises: bool) -> Callable[..., Any]:
    """The function by which Python calls a lifted function that is not async, with values of the
    type of `passage`. `raises`: a bad result is raised as `ResultError`, a good one returned
    without `Ok` around it."""
    codec, ft = passage.coder.codec, passage.type
    fails = isinstance(ft.result, Defined) and isinstance(ft.result.shape, Result)
    key = "guest call", (ft, raises, lifted.post_return is not None, _threaded(lifted, ft))
    name = codec.made.get(key)
    if name is None:
        name = codec.made[key] = codec.fresh("make")
        lines = _guest_call_lines(lifted, passage, "raise" if raises and fails else "return")
        codec.namespace.update(_NAMES)
        codec.define(name, "cx, lifted, flags, core, post, scheduler, labels", lines)
    inst = lifted.inst
    labels = list(zip([label for label, _ in ft.params], types_of(ft), strict=True))
    make = codec.namespace[name]
    call: Callable[..., Any] = make(
        passage.cx, lifted, inst.flags, lifted.entry, lifted.post_return, inst.scheduler, labels
    )
    return call


def _threaded(lifted: Lifted, ft: FuncType) -> bool:
    """Whether a call needs a task: somebody may ask for it, or is lent something."""
    borrows = any(isinstance(t, Defined) and t.borrows for t in types_of(ft))
    return borrows or lifted.inst.program.plan.waits or len(lifted.inst.entering(None)) > 1


def _guest_call_lines(lifted: Lifted, passage: Passage, result: str) -> list[str]:
    ft, coder = passage.type, passage.coder
    params, names, aliases, moved = _parameters(ft)
    lower, flats = coder.lowering.values(types_of(ft), names, MAX_FLAT_PARAMS)
    returned, lift, values = coder.lifting.values(results_of(ft), MAX_FLAT_RESULTS)
    way = _THREADED if _threaded(lifted, ft) else _PLAIN
    body: list[str] = []
    lower += [f"f{i} = {flat}" for i, flat in enumerate(flats)]
    flats = [f"f{i}" for i in range(len(flats))]
    if lower:
        given = ", ".join([*names, ""])
        fault = [*way.leave, f"raise explain(fault, values_of(labels, ({given}))) from None"]
        body += ["try:", *_indented(lower), "except FAULTS as fault:", *_indented(fault)]
    target = f"{returned[0]} = " if returned else ""
    body += ["try:", f"    {target}core({', '.join(flats)})"]
    body += ["except WasmException as error:", "    uncaught(error)"]
    body += ["cx.fuel = FUEL", *lift, *[f"r = {value}" for value in values], *way.check]
    if lifted.post_return is not None:
        passed = ", ".join(returned)
        body += ["flags[0] = 0", f"post({passed})", "flags[0] = 2"]
    failed = ["except BaseException:", "    scheduler.current = saved", "    raise"]
    body = [*moved, *way.enter, "try:", *_indented(body), *failed, *way.leave]
    if values:
        body.append("return r" if result == "return" else "return open_result(r)")
    return [*aliases, f"def call({', '.join(params)}):", *_indented(body), "return call"]


@dataclass(frozen=True, slots=True)
class _Way:
    """The lines that enter a guest and leave it again; `check` comes when its result is lifted."""

    enter: tuple[str, ...]
    leave: tuple[str, ...]
    check: tuple[str, ...] = ()


#: one instance alone, and nobody asks which task runs
_PLAIN: Final = _Way(
    (
        "if flags[0] != READY: trap(CANNOT_ENTER)",
        "flags[0] = 2",
        "saved, scheduler.current = scheduler.current, None",
    ),
    ("flags[0] = READY", "scheduler.current = saved"),
)
_THREADED: Final = _Way(
    (
        "inst = lifted.inst",
        "cells = inst.enter(None)",
        "thread = begin(inst, lifted)",
        "saved, scheduler.current = scheduler.current, thread",
        "cx.task = thread.task",
    ),
    ("end(thread)", "leave(cells)", "scheduler.current = saved"),
    ("if thread.task.borrows: trap(BORROWS_REMAIN)",),
)


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _parameters(ft: FuncType) -> tuple[list[str], list[str], list[str], list[str]]:
    """The names of the parameters, as Python sees them and as the code does, and what makes the one
    of the other: where a parameter has a name that the code uses itself, that is kept under another
    one by those who make the function, and put back when it begins."""
    params = [snake(label) for label, _ in ft.params]
    names = list(params)
    aliases, moved = [], []
    for i, name in enumerate(params):
        if name in _OURS or _TEMPORARY.fullmatch(name):
            names[i] = f"v_{i}"
            moved.append(f"v_{i} = {name}")
        if name in _OURS:
            aliases.append(f"outer_{name} = {name}")
            moved.append(f"{name} = outer_{name}")
    return params, names, aliases, moved


def _begin(inst: ComponentInstance, lifted: Lifted) -> Any:
    thread = guest_thread(inst)
    thread.task.register(thread)
    return thread


def _end(thread: Any) -> None:
    thread.task.unregister(thread)


def _uncaught(error: WasmException) -> None:
    trap(f"an exception left a component: {error}")


def _open_result(result: Any) -> Any:
    if type(result) is Ok:
        return result.value
    raise ResultError(result.value)


def _values_of(labels: list[tuple[str, Any]], values: tuple[Any, ...]) -> list[Any]:
    return [(label, t, value) for (label, t), value in zip(labels, values, strict=True)]


# --- a guest calls the host -----------------------------------------------------------------------


def host_import(
    inst: ComponentInstance, passage: Passage, func: HostFunction
) -> Callable[..., Any]:
    """The function by which core code calls a host function that is not async. It may return
    `BLOCK`."""
    codec, ft = passage.coder.codec, passage.type
    key = "host import", ft
    name = codec.made.get(key)
    if name is None:
        name = codec.made[key] = codec.fresh("make")
        codec.namespace.update(_NAMES)
        codec.define(name, "cx, flags, host, later, result", _host_import_lines(passage, func))

    out = _out_index(passage)

    def lower(answer: tuple[Any, ...], flats: tuple[Any, ...]) -> Any:
        address = None if out is None else flats[out]
        made = passage.lower(answer, MAX_FLAT_RESULTS, result=True, out=address)
        return made[0] if made else None

    def later(awaitable: Any, flats: tuple[Any, ...]) -> Any:
        return _await(inst, func, awaitable, lambda answer: lower(answer, flats))

    make = codec.namespace[name]
    result = next(iter(results_of(ft)), None)
    lowered: Callable[..., Any] = make(passage.cx, inst.flags, func.callable, later, result)
    return lowered


def _out_index(passage: Passage) -> int | None:
    """Which core parameter is the address of the result, if one is."""
    ptr, ft = passage.coder.codec.ptr, passage.type
    if ft.result is None:
        return None
    returned = abi.flatten(results_of(ft)[0], ptr)
    if returned is not None and len(returned) <= MAX_FLAT_RESULTS:
        return None
    params = abi.flatten_types(list(types_of(ft)), ptr)
    return 1 if params is None else len(params)


def _host_import_lines(passage: Passage, func: HostFunction) -> list[str]:
    ft, coder = passage.type, passage.coder
    params, lift, values = coder.lifting.values(types_of(ft), MAX_FLAT_PARAMS)
    if _out_index(passage) is not None:
        params = [*params, "out"]
    flats = ", ".join([*params, ""]) if params else ""
    body = ["if not flags[0] & 2: trap(CANNOT_LEAVE)"]
    if any(isinstance(t, Defined) and t.borrows for t in types_of(ft)):
        body.append("cx.lender = None")
    body += ["cx.fuel = FUEL", *lift]
    call = f"r = host({', '.join(values)})"
    if func.fails:
        body += ["try:", f"    {call}", "except ResultError as error:", "    r = Err(error.value)"]
    else:
        body.append(call)
    body.append(f"if type(r) not in plain and waits(r): return later(r, ({flats}))")
    if func.fails:
        body += ["if type(r) is not Ok and type(r) is not Err: r = Ok(r)"]
    body += _lower_result(passage)
    return [f"def lowered({', '.join(params)}):", *_indented(body), "return lowered"]


def _lower_result(passage: Passage) -> list[str]:
    """Give the result `r` to the guest that called."""
    types = results_of(passage.type)
    if not types:
        return ["return None"]
    out = None if _out_index(passage) is None else "out"
    lines, flats = passage.coder.lowering.values(types, ["r"], MAX_FLAT_RESULTS, out)
    lines += [f"r = {flat}" for flat in flats]
    return [
        "v = r",
        "try:",
        *_indented(lines),
        "except FAULTS as fault:",
        '    raise explain(fault, [("result", result, v)]) from None',
        "return r" if flats else "return None",
    ]


def _await(
    inst: ComponentInstance,
    func: HostFunction,
    awaitable: Any,
    lower: Callable[[tuple[Any, ...]], Any],
) -> Any:
    """A host function answers later, though it is not async: the guest is frozen meanwhile, or
    waits in place where it cannot be suspended."""
    scheduler = inst.scheduler
    thread = scheduler.current
    if thread is None or thread.body is None or thread.in_place:
        try:
            answer = func.answer(scheduler.host.run(awaitable))
        except ResultError as error:
            answer = func.failure(error)
        return lower(answer)
    ended: list[tuple[Any, BaseException | None]] = []

    def finish(_: bool) -> Any:
        value, error = ended[0]
        return lower(func.answer(value) if error is None else func.failure(error))

    scheduler.start(awaitable, lambda value, error: ended.append((value, error)))
    if ended:
        return finish(False)
    thread.frozen = True
    return thread.block(finish, lambda: bool(ended))


_NAMES: Final[dict[str, Any]] = {
    "BORROWS_REMAIN": BORROWS_REMAIN,
    "CANNOT_ENTER": CANNOT_ENTER,
    "CANNOT_LEAVE": CANNOT_LEAVE,
    "Err": Err,
    "FAULTS": FAULTS,
    "FUEL": FUEL,
    "Ok": Ok,
    "READY": READY,
    "ResultError": ResultError,
    "WasmException": WasmException,
    "begin": _begin,
    "end": _end,
    "explain": explain,
    "leave": leave,
    "open_result": _open_result,
    "plain": _plain,
    "trap": trap,
    "uncaught": _uncaught,
    "values_of": _values_of,
    "waits": _waits,
}
#: names that the code of a call uses
_OURS: Final = frozenset([*_NAMES, "cx", "lifted", "flags", "core", "post", "scheduler", "labels"])
_TEMPORARY: Final = re.compile(
    r"[abft]\d+|v_\d+|outer_.*|inst|cells|thread|saved|mem|p|r|fault|error"
)
