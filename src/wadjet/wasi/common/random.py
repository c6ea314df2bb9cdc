"""What `wasi:random` is in every edition. A guest cannot tell a seeded source from the system's."""

import random
from typing import Final, final

from wadjet.base.errors import Trap
from wadjet.wasi.host.random import Random, SeededRandom

#: The most bytes one call gives, more than which no guest needs at once.
MAX_BYTES: Final = 1 << 26


def take(source: Random, count: int) -> bytes:
    """So many random bytes."""
    if count > MAX_BYTES:
        raise Trap(f"wasi:random: {count} bytes at once are too many")
    return source.take(count)


@final
class SecureRandom:
    """`wasi:random/random`."""

    def __init__(self, source: Random) -> None:
        self._source: Final = source

    def get_random_bytes(self, len: int) -> bytes:
        """Bytes fit for keys."""
        return take(self._source, len)

    def get_random_u64(self) -> int:
        """A number fit for keys."""
        return int.from_bytes(self._source.take(8), "little")


@final
class InsecureRandom:
    """`wasi:random/insecure`: a generator of its own, so that it gives nothing away."""

    def __init__(self, source: Random) -> None:
        seed = int.from_bytes(source.take(16), "little")
        self._source: Final = SeededRandom(seed)

    def get_insecure_random_bytes(self, len: int) -> bytes:
        """Bytes that look random."""
        return take(self._source, len)

    def get_insecure_random_u64(self) -> int:
        """A number that looks random."""
        return int.from_bytes(self._source.take(8), "little")


class InsecureSeed:
    """`wasi:random/insecure-seed`, as far as all editions agree: one seed for each guest."""

    def __init__(self, source: Random) -> None:
        generator = random.Random(source.take(16))
        self._seed: Final = generator.getrandbits(64), generator.getrandbits(64)

    def seed(self) -> tuple[int, int]:
        """Two numbers, the same each time."""
        return self._seed
