"""What WASI 0.3 is granted in place of the machine: streams, clocks, randomness, arguments.

The same grants as 0.1 and 0.2 have; real guests of the official suite use them here.
"""

import asyncio
from typing import Any

import pytest

import wadjet
from tests.corpora import corpora
from tests.wasi03.test_suite import FOLDER
from wadjet.wasi import Capture, FixedClocks, Wasi
from wadjet.wasi.world import World


def _provided(interface: str, wasi: Wasi) -> Any:
    full = f"wasi:{interface}@0.3.0"
    return World(wasi).interfaces([full])[full]


def _run(name: str, wasi: Wasi) -> int:
    result = wadjet.run(corpora("wasi-testsuite") / FOLDER / f"{name}.wasm", wasi=wasi)
    return result.returncode


def test_streams_are_captured() -> None:
    out = Capture()
    assert _run("cli-stdio-roundtrip", Wasi(stdin=b"hello, world!", stdout=out, stderr=None)) == 0
    assert out.data == b"hello, world!"


def test_streams_are_functions() -> None:
    given, taken = [b"hello, ", b"world!"], bytearray()

    def read(size: int) -> bytes:
        return given.pop(0) if given else b""

    wasi = Wasi(stdin=read, stdout=taken.extend, stderr=None)
    assert _run("cli-stdio-roundtrip", wasi) == 0
    assert bytes(taken) == b"hello, world!"


def test_clocks_are_fixed() -> None:
    moments = []
    for _ in range(2):
        wasi = Wasi(clocks=FixedClocks(10**18), stdin=None, stdout=None, stderr=None)
        moments.append(_provided("clocks/system-clock", wasi).now())
    assert moments[0] == moments[1]
    assert moments[0].seconds == 10**9
    clock = _provided("clocks/monotonic-clock", wasi)

    async def wait() -> tuple[int, int]:
        first = clock.now()
        await clock.wait_for(3600 * 10**9)
        return first, clock.now()

    first, then = asyncio.run(asyncio.wait_for(wait(), 10))
    assert then >= first + 3600 * 10**9
    assert _run("wall-clock", wasi) == _run("monotonic-clock", wasi) == 0


@pytest.mark.parametrize("interface", ["random", "insecure"])
def test_randomness_repeats(interface: str) -> None:
    made = []
    for seed in (7, 7, 8):
        provider = _provided(f"random/{interface}", Wasi(random=seed, stdin=None))
        name = "get_random_bytes" if interface == "random" else "get_insecure_random_bytes"
        made.append(getattr(provider, name)(32))
    assert made[0] == made[1] != made[2]
    assert len(made[0]) == 32


def test_nothing_is_granted_but_the_streams() -> None:
    wasi = Wasi(stdin=None, stdout=None, stderr=None)
    environment = _provided("cli/environment", wasi)
    assert environment.get_environment() == environment.get_arguments() == []
    assert _provided("filesystem/preopens", wasi).get_directories() == []
