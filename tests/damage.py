"""Texts spoiled at random, for whoever must say what is wrong with them."""

import random
from collections.abc import Sequence


def damage(
    rng: random.Random, tokens: Sequence[str], pool: Sequence[str], odd: Sequence[str]
) -> list[str]:
    """Delete, repeat and swap tokens, insert odd ones, replace some by others of a pool."""
    made = list(tokens)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(made))
        kind = rng.randrange(5)
        if kind == 0:
            del made[at : at + rng.choice((1, 1, 2, 5))]
        elif kind == 1:
            made.insert(at, rng.choice(odd))
        elif kind == 2:
            made[at] = rng.choice(pool)
        elif kind == 3:
            made[at:at] = made[at : at + rng.randrange(30)]
        else:
            other = rng.randrange(len(made))
            made[at], made[other] = made[other], made[at]
        made = made or [rng.choice(odd)]
    return made


def spoil(rng: random.Random, text: str, odd: str) -> str:
    """Replace some characters by odd ones, now and then."""
    if rng.random() >= 0.3:
        return text
    characters = list(text)
    for _ in range(rng.choice((1, 2, 5))):
        characters[rng.randrange(len(characters))] = rng.choice(odd)
    return "".join(characters)
