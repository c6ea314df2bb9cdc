"""Damaged input to the tools of components: it is taken or rejected, and nothing else happens."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.component.test_build_link import both
from tests.component.test_build_new import GUEST, MATH, core
from wadjet.base.errors import Invalid, Malformed
from wadjet.component.binary import decode, encode
from wadjet.component.build.link import link
from wadjet.component.build.new import new
from wadjet.component.compose import compose, plug
from wadjet.component.features import ALL
from wadjet.component.wit_bridge import decode as world_of
from wadjet.component.wit_bridge import encode_package, read
from wadjet.wit import print_package

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
ROUNDS = 400
_NOTABLE = (0, 1, 2, 0x3F, 0x40, 0x7F, 0x80, 0xFF)


def damaged(data: bytes, rng: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at, kind = rng.randrange(len(made)), rng.random()
        if kind < 0.6:
            made[at] = rng.choice((*_NOTABLE, made[at] ^ 1, rng.randrange(256)))
        elif kind < 0.8:
            del made[at : at + rng.choice((1, 2, 5))]
        else:
            made[at:at] = rng.randbytes(rng.choice((1, 2)))
    return bytes(made)


def wit_of(data: bytes) -> None:
    resolve, _ = world_of(decode(data, ALL, lazy=True))
    print_package(resolve, resolve.main)


def package() -> bytes:
    resolve = read({"x.wit": MATH})
    return encode(encode_package(resolve, resolve.main))


def shapes() -> bytes:
    return (EXAMPLES / "shapes.wasm").read_bytes()


def document() -> bytes:
    return (EXAMPLES / "parts" / "whole.wac").read_bytes()


CASES: dict[str, tuple[Callable[[], bytes], Callable[[bytes], object]]] = {
    "new": (lambda: core(GUEST, MATH), new),
    "wit of a package": (package, wit_of),
    "wit of a component": (shapes, wit_of),
    "link": (lambda: both()[0][1], lambda data: link([("caller", data), both()[1]])),
    "compose": (document, lambda data: compose(data, lambda name: None)),
    "plug": (shapes, lambda data: plug(decode(shapes(), ALL), [decode(data, ALL)])),
}


@pytest.mark.parametrize("name", CASES)
def test_damaged_input(name: str) -> None:
    make, use = CASES[name]
    whole, rng = make(), random.Random(name)
    rejected = 0
    for _ in range(ROUNDS):
        try:
            use(damaged(whole, rng))
        except (Malformed, Invalid):
            rejected += 1
    assert rejected > ROUNDS // 2
