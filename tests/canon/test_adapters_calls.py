"""What a call through an adapter does besides copying: flags of instances, hooks, context slots,
post-return, exceptions, handles; and the two halves of calls whose types are async."""

from typing import Any

import pytest

from tests.canon.adapters_cases import Cases, Linked, check, export, instance_of, link, put
from tests.canon.adapters_reference import Lowering, align_to, handle, lift_values, load
from wadjet.base.errors import Trap
from wadjet.canon.adapters import Need, Side, adapter, element_copier
from wadjet.component.abi import (
    MAX_FLAT_ASYNC_PARAMS,
    MAX_FLAT_PARAMS,
    MAX_FLAT_RESULTS,
    alignment,
    elem_size,
    flatten_types,
)
from wadjet.component.types import (
    ERROR_CONTEXT, STRING, U8, U32, Borrow, Defined, FuncType, Future, List, Own, Resource,
    ResourceType, Stream, Tuple,
)  # fmt: skip
from wadjet.core.text import parse
from wadjet.core.types import FuncType as CoreFuncType
from wadjet.core.types import I64, GlobalType, I32, Limits, MemoryType, NumType
from wadjet.core.validate import validate
from wadjet.engine.runtime.global_ import Global
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers import compile_module

TIERS = ("interpreter", "optimizing")
TWO = FuncType((("a", U32), ("b", U32)), U32)
PLAIN = Side()


def flag(linked: Linked, side: str, index: int = 0) -> Global:
    return linked.flags[side, index]


@pytest.mark.parametrize("tier", TIERS)
def test_flags_are_checked_and_given_back(tier: str) -> None:
    linked = link(TWO, PLAIN, PLAIN, tier)
    assert linked.call(1, 2) == [0]
    assert flag(linked, "lift").get_raw() == flag(linked, "lower").get_raw() == 3
    flag(linked, "lower").set_raw(1)
    with pytest.raises(Trap, match="cannot leave component instance"):
        linked.call(1, 2)
    flag(linked, "lower").set_raw(2)  # the caller runs: nobody may enter it, which is no matter
    linked.call(1, 2)
    flag(linked, "lift").set_raw(2)
    with pytest.raises(Trap, match="cannot enter component instance"):
        linked.call(1, 2)


@pytest.mark.parametrize("entering", [0, 1, 3])
def test_all_instances_that_are_entered_count(entering: int) -> None:
    linked = link(TWO, PLAIN, PLAIN, "interpreter", entering)
    assert len([key for key in linked.flags if key[0] == "lift"]) == entering
    linked.call(1, 2)
    for i in range(entering):
        flag(linked, "lift", i).set_raw(2)
        with pytest.raises(Trap, match="cannot enter"):
            linked.call(1, 2)
        flag(linked, "lift", i).set_raw(3)


def calls(body: str, tier: str) -> Any:
    """A call of [] -> [] whose callee is given as core text."""
    made = adapter(FuncType((), None), PLAIN, PLAIN)
    store = Store()
    seen: list[tuple[int, ...]] = []
    flags: dict[tuple[str | None, int], Global] = {}

    def stop(code: int) -> None:
        raise Trap(f"reason {code}")

    def given(need: Need) -> object:
        if need.kind == "flags":
            return flags.setdefault((need.side, need.index), Global(GlobalType(I32, True), 3))
        return stop if need.kind == "trap" else callee

    def look() -> None:
        seen.append(tuple([g.get_raw() for g in flags.values()]))

    text = f'(module (import "" "look" (func $look)) (tag $t) (func (export "callee") {body}))'
    guest = instantiate(store, compile_module(validate(parse(text)), tier), [look])
    callee = export(guest, "callee")
    joined = instantiate(store, compile_module(made.valid, tier), [given(n) for n in made.needs])
    func = joined.func(made.valid.module.exports[0].index)
    return func, seen, flags


@pytest.mark.parametrize("tier", TIERS)
def test_the_callee_cannot_be_entered_while_it_runs(tier: str) -> None:
    func, seen, flags = calls("call $look", tier)
    func.call_raw([])
    assert seen == [(3, 2)]
    assert flags["lift", 0].get_raw() == 3


@pytest.mark.parametrize("tier", TIERS)
def test_an_exception_of_the_callee_is_a_trap(tier: str) -> None:
    func, _, flags = calls("throw $t", tier)
    with pytest.raises(Trap, match="reason 12"):
        func.call_raw([])
    assert flags["lift", 0].get_raw() == 2, "the instance is lost"


@pytest.mark.parametrize("tier", TIERS)
def test_post_return_gets_what_was_returned(tier: str) -> None:
    memory = MemoryType(Limits(0))
    linked = link(
        FuncType((), Defined(Tuple((U8, U8)))), Side(memory), Side(memory, post_return=True), tier
    )
    export(linked.lift, "notes").view[1024:1026] = (320).to_bytes(2, "little")
    export(linked.lift, "memory").view[320:322] = b"\1\2"
    assert linked.call(64) == []
    assert export(linked.lift, "notes").view[2048] == 1
    assert export(linked.lower, "memory").view[64:66] == b"\1\2"


def test_hooks_surround_calls_that_lend() -> None:
    resource = ResourceType(Resource("type"))
    lend = Defined(Borrow(resource))
    linked = link(FuncType((("a", lend),), None), PLAIN, PLAIN, "interpreter")
    linked.call(5)
    assert linked.hooks == ["exit"]
    linked = link(FuncType((), None), PLAIN, Side(task=True), "interpreter")
    linked.call()
    assert linked.hooks == ["enter", "exit", "leave"]
    own = Defined(Own(resource))
    linked = link(FuncType((("a", own),), own), PLAIN, PLAIN, "interpreter")
    assert linked.call(5) == [handle(0)]
    assert linked.hooks == []


def test_handles_are_told_apart_by_kind_side_and_type() -> None:
    one, two = ResourceType(Resource("type")), ResourceType(Resource("type"))
    stream, again = Defined(Stream(U8)), Defined(Stream(U32))
    future = Defined(Future(None))
    types = [
        Defined(Own(one)), Defined(Own(two)), Defined(Own(ResourceType(one.resource))),
        Defined(Borrow(one)), stream, again, future, ERROR_CONTEXT,
    ]  # fmt: skip
    t = FuncType(tuple((f"p{i}", x) for i, x in enumerate(types)), Defined(Own(two)))
    needs = [n for n in adapter(t, PLAIN, PLAIN).needs if n.type is not None]
    found = [(n.kind, n.side, getattr(n.type, "shape", n.type)) for n in needs]
    shapes = [getattr(x, "shape", x) for x in types]
    assert found == [
        ("own", "lower", shapes[0]), ("own", "lower", shapes[1]), ("borrow", "lower", shapes[3]),
        ("stream", "lower", shapes[4]), ("stream", "lower", shapes[5]),
        ("future", "lower", shapes[6]), ("error-context", "lower", ERROR_CONTEXT),
        ("own", "lift", shapes[1]),
    ]  # fmt: skip


def test_functions_of_one_structure_share_a_module() -> None:
    def made(resource: Resource, names: str, entering: int = 1) -> Any:
        own = Defined(Own(ResourceType(resource)))
        params = ((names[0], own), (names[1], Defined(List(STRING))))
        memory = MemoryType(Limits(0))
        return adapter(FuncType(params, None), Side(memory), Side(memory, realloc=True), entering)

    a, b = Resource("type"), Resource("type")
    first, second = made(a, "xy"), made(b, "zw")
    assert first.valid is second.valid
    assert first.key == second.key
    owns = [next(n for n in each.needs if n.kind == "own") for each in (first, second)]
    assert [n.type.shape.resource.resource for n in owns] == [a, b]
    assert made(a, "xy", 2).valid is not first.valid


@pytest.mark.parametrize("lower_async", [False, True])
@pytest.mark.parametrize("lift_async", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_halves_of_async_calls(lower_async: bool, lift_async: bool, seed: int) -> None:
    cases = Cases(seed)
    plain = cases.func()
    t = FuncType(plain.params, plain.result, True)
    params = [p for _, p in t.params]
    results = [] if t.result is None else [t.result]
    a, b = cases.side(), cases.side()
    lower = Side(a.memory, a.encoding, True, is_async=lower_async)
    lift = Side(b.memory, b.encoding, True, is_async=lift_async, callback=lift_async)
    linked = link(t, lower, lift, "interpreter")
    caller, callee = cases.guest(lower), cases.guest(lift)
    room = [100]
    most = MAX_FLAT_ASYNC_PARAMS if lower_async else MAX_FLAT_PARAMS
    arguments = [cases.value(p, room) for p in params]
    given = Lowering(caller, cases.rng).values(most, arguments, params, None)
    limit = MAX_FLAT_PARAMS if lift_async else MAX_FLAT_RESULTS
    answer = [cases.value(r, room) for r in results]
    returned = Lowering(callee, cases.rng).values(limit, answer, results, None)
    flat = flatten_types(results, lower.ptr)
    out = 0 if lower_async else MAX_FLAT_RESULTS
    into = caller.realloc(0, 0, 8, 1 << 12) if flat is None or len(flat) > out else None
    for instance, guest in ((linked.lower, caller), (linked.lift, callee)):
        export(instance, "memory").view[:] = guest.memory
        export(instance, "top").set_raw(guest.top)
    there, back = Lowering(callee), Lowering(caller)
    there.first_tag, back.first_tag = caller.tag, callee.tag
    lifted = lift_values(caller, most, given, params)
    got = linked.run("params", *given)
    assert got == there.values(MAX_FLAT_PARAMS, lifted, params, None)
    lifted = lift_values(callee, limit, returned, results)
    got = linked.run("results", *returned, *([] if into is None else [into]))
    assert got == back.values(out, lifted, results, into)
    assert export(linked.lift, "memory").view == callee.memory
    assert export(linked.lower, "memory").view == caller.memory
    assert {n.kind for n in linked.adapter.needs}.isdisjoint({"callee", "post-return", "enter"})


@pytest.mark.parametrize("seed", range(25))
def test_elements_of_streams(seed: int) -> None:
    cases = Cases(seed)
    a, b, t = cases.side(), cases.side(), cases.type(2, False)
    made = element_copier(t, a, b)
    store = Store()
    empty = CoreFuncType((), ())
    sides = {"lower": instance_of(store, a, empty, "interpreter")}
    sides["lift"] = instance_of(store, b, empty, "interpreter")
    writer, reader = cases.guest(a), cases.guest(b)
    first, size = Lowering(writer, cases.rng), elem_size(t, a.ptr)
    begin = writer.realloc(0, 0, alignment(t, a.ptr), 3 * size)
    for i in range(3):
        first.store(cases.value(t, [40]), t, begin + i * size)
    put(sides["lower"], writer)
    put(sides["lift"], reader)
    to = align_to(2048 * 2, alignment(t, b.ptr))
    there = Lowering(reader)
    there.first_tag = writer.tag
    for i in range(3):
        there.store(load(writer, begin + i * size, t), t, to + i * elem_size(t, b.ptr))

    def given(need: Need) -> object:
        if need.kind == "flags":
            return Global(GlobalType(I32, True), 3)
        if need.type is not None:
            return handle
        return print if need.kind == "trap" else export(sides[str(need.side)], need.kind)

    code = compile_module(made.valid, "interpreter")
    joined = instantiate(store, code, [given(need) for need in made.needs])
    joined.func(made.valid.module.exports[0].index).call_raw([begin, to, 3])
    assert export(sides["lift"], "memory").view == reader.memory


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("addr", [I32, I64])
@pytest.mark.parametrize("shared", [False, True])
def test_memories_of_all_kinds(tier: str, addr: NumType, shared: bool) -> None:
    small = Side(MemoryType(Limits(0, None, addr), page_log2=0), "utf16", True)
    other = Side(MemoryType(Limits(1, 9 if shared else None, addr), shared), "utf8", True)
    cases = Cases(3)
    t = FuncType((("a", STRING), ("b", Defined(List(U32)))), STRING)
    for lower, lift in ((small, other), (other, small)):
        linked = link(t, lower, lift, tier)
        check(cases, t, lower, lift, linked)
        export(linked.lower, "memory").view[64:68] = b"abcd"
        with pytest.raises(Trap, match="list content"):
            linked.call(64, 1, (3 << 16) - 4, 2, 64)
