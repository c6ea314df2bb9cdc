"""The laws of lifting and lowering, on types and values made at random: what is lowered and lifted
again is the same, through memory and through core values, and in a second guest with other
strings and other addresses. `WADJET_CASES` says how many.
"""

import os
import random

import pytest

from tests.canon.generated import Guest, Type, World, any_guest, some_type, some_value
from wadjet.canon.passages import lifter, lowerer
from wadjet.component.abi import MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, flatten_types

CASES = int(os.environ.get("WADJET_CASES", "800"))
#: types whose code is kept at once
BATCH = 200


@pytest.mark.parametrize("seed", range(4))
def test_what_goes_in_comes_out(seed: int) -> None:
    rng = random.Random(seed)
    world = World()
    for number in range(CASES // 4):
        if number % BATCH == 0:
            world.fresh()
        t = some_type(rng)
        value = some_value(rng, t, world.classes)
        limit = rng.choice((MAX_FLAT_RESULTS, MAX_FLAT_PARAMS))
        one, other = any_guest(rng, world), any_guest(rng, world)
        flats = lowerer(one.coder, (t,), limit)(one.cx, value)
        (again,) = lifter(one.coder, (t,), limit)(one.cx, *core(one, t, limit, flats))
        assert again == value, (seed, number)
        passed = lowerer(other.coder, (t,), limit)(other.cx, again)
        (there,) = lifter(other.coder, (t,), limit)(other.cx, *core(other, t, limit, passed))
        assert there == value, (seed, number)
        assert type(there) is type(value)


def core(guest: Guest, t: Type, limit: int, flats: tuple[float, ...]) -> list[float]:
    """Core values as Python gets them of a guest: integers are signed."""
    types = flatten_types([t], guest.coder.codec.ptr)
    if types is None or len(types) > limit:
        types = (guest.coder.codec.ptr,)
    return [signed(flat, 8 * t.size) for flat, t in zip(flats, types, strict=True)]


def signed(flat: float, bits: int) -> float:
    return flat - (1 << bits) if isinstance(flat, int) and flat >> bits - 1 == 1 else flat
