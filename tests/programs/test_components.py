"""Components that real tools made: C, JavaScript and Python, called from Python."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest

import wadjet
from tests.corpora import workloads
from tests.programs.made import (
    javascript_component, javascript_flow, python_component, python_flow,
)  # fmt: skip
from wadjet.wasi import Capture

FETCHED = [
    pytest.mark.programs,
    pytest.mark.skipif(
        "WADJET_PROGRAMS" not in os.environ,
        reason="NO PROGRAMS: name a folder for them in WADJET_PROGRAMS (about 800 MB)",
    ),
]
NODE = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None,
    reason="NO NODE: jco needs node and npm",
)
TIERS = ("interpreter", "baseline", "optimizing", "auto")


def _component(name: str) -> wadjet.Component:
    return wadjet.Component.from_file(workloads() / "components" / f"{name}.wasm")


@pytest.mark.parametrize("tier", TIERS)
def test_c(tier: str) -> None:
    """A module of C with a hand-written ABI."""
    ops = _component("mini").instantiate(tier=tier).ops
    assert ops.add(2**62, -1) == 2**62 - 1
    assert ops.greet("wörld") == "hello wörld"
    assert ops.sum([1, 2, 3]) == ops.sum(range(4)) == 6


def test_a_command() -> None:
    """C that was compiled for WASI 0.1, with the adapter to 0.2."""
    out = Capture()
    file = workloads() / "components" / "hello_p2.wasm"
    result = wadjet.run(file, wasi=wadjet.Wasi(["hello"], stdin=None, stdout=out))
    assert (result.returncode, out.data) == (0, b"hello 1\n")


@pytest.mark.parametrize("name", ["calc_qjs_stub", "calc_qjs"])
def test_javascript_in_quickjs(name: str) -> None:
    component = _component(name)
    wasi = wadjet.Wasi() if component.imports else None
    _calculate(component.instantiate(wasi=wasi).ops)


def _calculate(ops: Any) -> None:
    assert ops.add(2**40, 2) == 2**40 + 2
    assert ops.area(ops.Shape.Circle(1.0)) == pytest.approx(3.14159265, rel=1e-6)
    assert ops.area(ops.Shape.Rect(ops.Point(2.0, 3.0))) == 6
    assert ops.area(ops.Shape.Empty()) == 0
    assert "you" in ops.greet("you")
    assert dict(ops.words("a bb a")) == {"a": 2, "bb": 1}
    assert ops.parse("12") == 12
    with pytest.raises(wadjet.ResultError):
        ops.parse("twelve")
    assert ops.opt(None) is None
    assert isinstance(ops.opt(3), int)
    assert ops.cycle(ops.Color.RED) is ops.Color.GREEN
    assert isinstance(ops.caps(ops.Perm.READ), ops.Perm)
    with ops.Counter(5) as counter:
        assert counter.incr(2) == 7
        assert counter.get() == 7


def _all_of_it(component: wadjet.Component) -> None:
    """What both guests of the world in `tests/programs/guests/calc.wit` do."""
    heard: list[tuple[str, str]] = []

    class Log:
        def log(self, color: Any, message: str) -> None:
            heard.append((color.name, message))

    with component.instantiate({"log": Log()}) as instance:
        ops = instance.ops
        assert ops.add(2**40, 2) == 2**40 + 2
        assert ops.area(ops.Shape.Circle(2.0)) == 12
        assert ops.area(ops.Shape.Rect(ops.Point(2.0, 3.0))) == 6
        assert ops.area(ops.Shape.Empty()) == 0
        assert ops.greet("wörld 🎈") == "Hello, wörld 🎈!"
        assert heard == [("GREEN", "greeting wörld 🎈")]
        assert ops.words("a bb ccc") == [("a", 1), ("bb", 2), ("ccc", 3)]
        assert ops.parse("12") == 12
        with pytest.raises(wadjet.ResultError, match="zz"):
            ops.parse("zz")
        assert (ops.opt(None), ops.opt(255)) == (None, 256)
        for value in (None, wadjet.Some(None), wadjet.Some(7)):
            assert ops.nested(value) == value
        assert ops.cycle(ops.Color.GREEN) is ops.Color.LIGHT_BLUE
        assert ops.caps(ops.Perm.READ) == ops.Perm.READ | ops.Perm.EXEC
        assert ops.reverse(bytes(range(256)) * 4) == bytes(reversed(bytes(range(256)) * 4))
        assert ops.sum([1.5, 2.5]) == 4
        assert ops.middle([ops.Point(0, 0), ops.Point(2, 4)]) == ops.Point(1, 2)
        with ops.Counter(5) as counter:
            assert counter.incr(2) == 7
            assert ops.Counter.both(counter, ops.Counter(1)) == 8


class _Pauses:
    async def pause(self, ms: int) -> int:
        await asyncio.sleep(ms / 1000)
        return ms


async def _pieces() -> AsyncIterator[bytes]:
    for number in range(3):
        await asyncio.sleep(0.01)
        yield b"part %d " % number


async def _flow(component: wadjet.Component) -> None:
    """What both guests of the worlds in `tests/programs/guests/flow.wit` do."""
    flow = component.instantiate({"pauses": _Pauses()}, wasi=wadjet.Wasi()).flows
    answers = await asyncio.gather(*(flow.slowly(name) for name in "abc"))
    assert answers == [f"{name} after 20 ms" for name in "abc"]
    stream = await flow.upper(_pieces())
    assert b"".join([part async for part in stream]) == b"PART 0 PART 1 PART 2 "
    assert await flow.count(bytes(100_000)) == 100_000
    assert await flow.count(await flow.upper(_pieces())) == 21
    assert await (await flow.later(41)) == 42


class TestMade:
    """Guests that the tools of two languages make of one world."""

    pytestmark = FETCHED

    def test_python(self) -> None:
        _all_of_it(wadjet.Component.from_file(python_component()))

    def test_waiting_python(self) -> None:
        asyncio.run(asyncio.wait_for(_flow(wadjet.Component.from_file(python_flow())), 60))

    @NODE
    def test_javascript(self) -> None:
        _all_of_it(wadjet.Component.from_file(javascript_component()))

    @NODE
    def test_waiting_javascript(self) -> None:
        asyncio.run(asyncio.wait_for(_flow(wadjet.Component.from_file(javascript_flow())), 60))
