"""Damaged binaries: whatever the bytes, the only complaint is Malformed, and what is read can be
written and read again."""

import random

from tests.core.everything import everything
from tests.corpora import workloads
from wadjet.base.errors import Malformed
from wadjet.core.binary import decode, encode
from wadjet.core.binary.names import HINTS_SECTION
from wadjet.core.features import ALL, DEFAULT, WASM1, WASM2, Features

#: Small programs of many producers; one more module has everything in it.
PROGRAMS = (
    "features/m64.wasm", "features/wthr.wasm", "features/as_mix.wasm", "sodium/misuse.wasm",
    "sodium/secretbox7.wasm", "features/z_simd.wasm", "features/z_tail.wasm",
    "features/z_relaxed.wasm", "features/z_sjlj_new.wasm", "features/z_mv.wasm",
    "bench/own_nqueens.wasm",
)  # fmt: skip
ROUNDS = 3_000


def seeds() -> list[bytes]:
    folder = workloads()
    return [encode(everything()), *((folder / program).read_bytes() for program in PROGRAMS)]


def mutate(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Damage a binary: flip bits, set bytes, cut it off, or splice in a piece of another."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if not out:
            break
        at = chance.randrange(len(out))
        match chance.randrange(6):
            case 0:
                out[at] ^= 1 << chance.randrange(8)
            case 1:
                out[at] = chance.choice((0, 0x7F, 0x80, 0xFF, 0x0B, 0xFB, chance.randrange(256)))
            case 2:
                del out[at:]
            case 3:
                del out[at : at + chance.randrange(1, 20)]
            case 4:
                other = chance.choice(others)
                start = chance.randrange(len(other))
                out[at:at] = other[start : start + chance.randrange(1, 60)]
            case _:
                other = chance.choice(others)
                start = chance.randrange(len(other))
                piece = other[start : start + chance.randrange(1, 60)]
                out[at : at + len(piece)] = piece
    return bytes(out)


def survive(data: bytes, features: Features, lazy: bool) -> bool:
    """Whether the bytes are a module; all of it is read, written and read again."""
    try:
        module = decode(data, features, lazy=lazy)
        bodies = [code.body for code in module.codes]
    except Malformed:
        return False
    assert len(bodies) == len(module.funcs)
    hinted = any(custom.name == HINTS_SECTION for custom in module.customs)
    assert isinstance(module.names.funcs, dict)
    assert isinstance(module.hints, dict)
    written = encode(module)
    again = decode(written, features)
    assert hinted or again == module
    assert encode(again) == written
    return True


def fuzz(rounds: int, seed: int) -> tuple[int, int]:
    """How many damaged modules were read, and how many rejected."""
    chance = random.Random(seed)
    originals = seeds()
    counts = [0, 0]
    for _ in range(rounds):
        data = mutate(chance.choice(originals), originals, chance)
        features = chance.choice((ALL, ALL, DEFAULT, WASM2, WASM1))
        counts[survive(data, features, chance.random() < 0.5)] += 1
    return counts[1], counts[0]


def test_the_undamaged_seeds_are_modules() -> None:
    assert all(survive(data, ALL, lazy=False) for data in seeds())


def test_damaged_binaries() -> None:
    read, rejected = fuzz(ROUNDS, seed=20261120)
    assert read > ROUNDS // 20
    assert rejected > ROUNDS // 4


def test_every_truncation_is_malformed() -> None:
    data = encode(everything())
    for end in range(len(data)):
        # what is cut between two sections may still be a module
        survive(data[:end], ALL, lazy=bool(end % 2))


def test_random_bytes_after_the_preamble() -> None:
    chance = random.Random(7)
    for _ in range(5_000):
        count = chance.randrange(40)
        content = bytes([chance.randrange(14), count]) + chance.randbytes(count)
        survive(b"\0asm\1\0\0\0" + content, ALL, lazy=False)
