"""Guests that compute are stopped anywhere, so that others in their event loop have their turn."""

import asyncio
import time
from typing import Any

import pytest

import wadjet
from wadjet.canon.tasks import Scheduler, Thread
from wadjet.component.features import ALL
from wadjet.engine.contract.layout import VM_STORE
from wadjet.engine.runtime import metronome
from wadjet.engine.runtime.native import NativeCode

#: Objects, exceptions, tail calls whose arguments cross in cells, memory, a table, host calls.
_MODULE = """
  (core module $m
    (import "" "ask" (func $ask (param i64) (result i64)))
    (type $node (struct (field i64) (field (ref null $node))))
    (type $mix (func (param i64) (result i64)))
    (tag $odd (param i64))
    (memory (export "memory") 1)
    (table funcref (elem $objects $throws $many $store))
    (func $ten (param $n i64) (param i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
      (if (i64.eqz (local.get $n))
        (then (return (i64.add (i64.mul (local.get 9) (i64.const 3)) (local.get 5)))))
      (return_call $ten (i64.sub (local.get $n) (i64.const 1))
        (local.get 9) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)
        (local.get 6) (local.get 7) (i64.add (local.get 8) (local.get $n))))
    (func $many (type $mix)
      (call $ten (i64.const 20) (local.get 0) (i64.const 2) (i64.const 3) (i64.const 4)
        (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (local.get 0)))
    (func $objects (type $mix) (local $list (ref null $node)) (local $k i64) (local $sum i64)
      (loop $more
        (local.set $list
          (struct.new $node (i64.add (local.get $k) (local.get 0)) (local.get $list)))
        (local.set $k (i64.add (local.get $k) (i64.const 1)))
        (br_if $more (i64.lt_u (local.get $k) (i64.const 30))))
      (loop $on
        (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 7))
          (struct.get $node 0 (local.get $list))))
        (local.set $list (struct.get $node 1 (local.get $list)))
        (br_if $on (i32.eqz (ref.is_null (local.get $list)))))
      (local.get $sum))
    (func $thrower (type $mix) (throw $odd (i64.add (local.get 0) (i64.const 11))))
    (func $throws (type $mix)
      (block $caught (result i64)
        (try_table (catch $odd $caught) (drop (call $thrower (local.get 0))))
        (i64.const 0)))
    (func $store (type $mix)
      (i64.store (i32.and (i32.wrap_i64 (local.get 0)) (i32.const 0xfff8)) (local.get 0))
      (i64.add (i64.extend_i32_u (memory.size))
        (i64.load (i32.and (i32.wrap_i64 (local.get 0)) (i32.const 0xfff8)))))
    (func (export "work") (param $n i64) (result i64) (local $x i64)
      (local.set $x (local.get $n))
      (loop $more
        (local.set $x (i64.rotl (i64.mul (i64.const 0x9e3779b97f4a7c15)
          (i64.add (local.get $n) (call_indirect (type $mix) (local.get $x)
            (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 3))))) (i64.const 17)))
        (if (i64.eqz (i64.and (local.get $n) (i64.const 63)))
          (then (local.set $x (call $ask (local.get $x)))))
        (local.set $n (i64.sub (local.get $n) (i64.const 1)))
        (br_if $more (i64.ne (local.get $n) (i64.const 0))))
      (local.get $x))
    (func (export "spin") (loop $for-ever (br $for-ever)))
    (func (export "trap") (unreachable)))"""
_COMPONENT = f"""(component
  (import "ask" (func $ask (param "x" u64) (result u64)))
  (core func $ask' (canon lower (func $ask)))
  {_MODULE}
  (core instance $i (instantiate $m (with "" (instance (export "ask" (func $ask'))))))
  (func (export "work") (param "n" u64) (result u64) (canon lift (core func $i "work")))
  (func (export "spin") (canon lift (core func $i "spin")))
  (func (export "trap") (canon lift (core func $i "trap"))))"""


@pytest.fixture(scope="module")
def component() -> wadjet.Component:
    return wadjet.Component.from_text(_COMPONENT, features=ALL)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[Thread]:
    """The threads that are stopped, each time; it happens much more often than usual."""
    seen: list[Thread] = []
    usual = Scheduler.turn

    def turn(scheduler: Scheduler, thread: Thread) -> None:
        seen.append(thread)
        usual(scheduler, thread)

    monkeypatch.setattr(Scheduler, "turn", turn)
    monkeypatch.setattr(metronome, "_TURN", 0.0002)
    return seen


def guest(component: wadjet.Component, tier: str, seconds: float = 60.0, **more: Any) -> Any:
    """An instance that lets others have their turn."""
    imports = {"ask": lambda x: x ^ 0x5555} | more
    limits = wadjet.Limits(seconds=seconds)
    made: Any = component.instantiate(imports, limits=limits, tier=tier, awaitable=True)
    scheduler(made).store.current().takes_turns = True
    return made


def scheduler(instance: Any) -> Scheduler:
    found: Scheduler = instance.__wadjet__.scheduler
    return found


@pytest.mark.parametrize("tier", ["baseline", "optimizing", "auto"])
def test_nobody_notices_that_it_was_stopped(
    component: wadjet.Component, tier: str, turns: list[Thread]
) -> None:
    """Several compute the same at the same time, and each gets what one gets alone."""
    rounds = 100_000

    async def main() -> None:
        alone = await component.instantiate(
            {"ask": lambda x: x ^ 0x5555}, tier=tier, awaitable=True
        ).work(rounds)
        assert not turns
        guests = [guest(component, tier) for _ in range(4)]
        assert await asyncio.gather(*(each.work(rounds) for each in guests)) == [alone] * 4
        assert len(turns) > 8
        assert len({thread.task.inst for thread in turns}) == 4

    asyncio.run(main())


def test_the_loop_goes_on_while_a_guest_computes(
    component: wadjet.Component, turns: list[Thread]
) -> None:
    async def main() -> None:
        spins = asyncio.ensure_future(guest(component, "auto", seconds=0.3).spin())
        begun, rounds = time.monotonic(), 0
        while not spins.done():
            await asyncio.sleep(0.001)
            rounds += 1
        with pytest.raises(wadjet.Timeout):
            await spins
        assert rounds > 30
        assert time.monotonic() - begun > 0.3

    asyncio.run(main())


def test_what_comes_meanwhile_comes_afterwards(
    component: wadjet.Component, turns: list[Thread]
) -> None:
    """A call of the same instance waits; what the host was asked for is told later."""

    async def main() -> None:
        one = guest(component, "auto")
        slow = asyncio.ensure_future(one.work(400_000))
        while not turns:
            await asyncio.sleep(0)
        assert scheduler(one).turned is not None
        quick = asyncio.ensure_future(one.work(3))
        alone = await guest(component, "auto").work(3)
        assert not slow.done()
        assert not quick.done()
        assert await quick == alone
        assert slow.done()
        await slow

    asyncio.run(main())


@pytest.mark.parametrize("function", ["async func", "func"])
def test_a_guest_may_be_stopped_when_it_is_about_to_wait(
    turns: list[Thread], function: str
) -> None:
    """It has called a function of the host, which answers later, and has not suspended yet."""
    component = wadjet.Component.from_text(
        f"""(component
          (import "nap" (func $nap {"async" if function == "async func" else ""} (result u32)))
          (core func $nap' (canon lower (func $nap)))
          (core module $m
            (import "" "nap" (func $nap (result i32)))
            (func (export "run") (result i32) (i32.add (call $nap) (call $nap))))
          (core instance $i (instantiate $m (with "" (instance (export "nap" (func $nap'))))))
          (func (export "run") {"async" if function == "async func" else ""} (result u32)
            (canon lift (core func $i "run"))))""",
        features=ALL,
    )

    async def nap() -> int:
        await asyncio.sleep(0.01)
        return 21

    def stopped() -> Any:
        VM_STORE.write(scheduler(one).store.current().address, "turn", 1)
        return nap()

    one: Any = component.instantiate(
        {"nap": stopped}, limits=wadjet.Limits(seconds=60.0), tier="auto", awaitable=True
    )
    assert asyncio.run(asyncio.wait_for(one.run(), 10)) == 42
    assert len(turns) == 2
    inst = scheduler(one)
    assert not inst.waiting
    assert asyncio.run(asyncio.wait_for(one.run(), 10)) == 42


def test_a_call_that_has_not_begun_can_be_cancelled(
    component: wadjet.Component, turns: list[Thread]
) -> None:
    async def main() -> None:
        one = guest(component, "auto", seconds=0.5)
        spins = asyncio.ensure_future(one.spin())
        while not turns:
            await asyncio.sleep(0)
        quick = asyncio.ensure_future(one.work(3))
        await asyncio.sleep(0.01)
        quick.cancel()
        with pytest.raises(asyncio.CancelledError):
            await quick
        assert not spins.done()
        with pytest.raises(wadjet.Timeout):
            await spins

    asyncio.run(main())


def test_a_trap_after_turns_ends_the_call(component: wadjet.Component, turns: list[Thread]) -> None:
    """So does an error of the host, in a guest that was stopped before."""
    asked = 0

    def ask(x: int) -> int:
        nonlocal asked
        asked += 1
        if asked > 3000:
            raise KeyError("no more")
        return x ^ 1

    async def main() -> None:
        with pytest.raises(KeyError):
            await guest(component, "auto", ask=ask).work(10_000_000)
        assert turns
        with pytest.raises(wadjet.Trap, match="unreachable"):
            await guest(component, "auto").trap()

    asyncio.run(main())


def test_an_instance_may_be_closed_while_it_computes(
    component: wadjet.Component, turns: list[Thread]
) -> None:
    async def main() -> None:
        one = guest(component, "auto")
        spins = asyncio.ensure_future(one.spin())
        while len(turns) < 3:
            await asyncio.sleep(0)
        one.close()
        with pytest.raises(wadjet.Error, match="closed"):
            await spins
        count = len(turns)
        await asyncio.sleep(0.05)
        assert len(turns) == count

    asyncio.run(main())


def test_compiling_is_not_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function may be compiled for longer than a guest may compute."""
    usual = NativeCode.compile_slot

    def slow(code: NativeCode, slot: int) -> int:
        time.sleep(0.15)
        return usual(code, slot)

    async def main() -> None:
        fresh = wadjet.Component.from_text(_COMPONENT, features=ALL)
        one = guest(fresh, "baseline", seconds=0.1)
        monkeypatch.setattr(NativeCode, "compile_slot", slow)
        begun = time.monotonic()
        await one.work(100)
        assert time.monotonic() - begun > 0.3

    asyncio.run(main())
