"""What modules a generator may make."""

import random
from dataclasses import dataclass
from typing import Final

from wadjet.core.features import ALL, Features

#: Features that a generated module uses or leaves alone as a whole, and what each one needs.
_THEMES: Final[dict[str, frozenset[str]]] = {
    "multi-value": frozenset(),
    "tail-call": frozenset(),
    "simd": frozenset(),
    "relaxed-simd": frozenset({"simd"}),
    "rounding-variants": frozenset(),
    "wide-arithmetic": frozenset(),
    "memory64": frozenset(),
    "multi-memory": frozenset(),
    "custom-page-sizes": frozenset(),
    "threads": frozenset(),
    "exceptions": frozenset({"reference-types"}),
    "legacy-exceptions": frozenset({"exceptions"}),
    "gc": frozenset({"function-references", "reference-types"}),
    "custom-descriptors": frozenset({"gc"}),
    "stack-switching": frozenset({"function-references", "exceptions", "multi-value"}),
}
#: How often a theme is chosen where it may be.
_CHANCE: Final[dict[str, float]] = {
    "multi-value": 0.9,
    "simd": 0.35,
    "relaxed-simd": 0.5,
    "custom-page-sizes": 0.2,
    "stack-switching": 0.25,
    "custom-descriptors": 0.3,
    "gc": 0.45,
}

#: What the generator knows: all but references between threads, and dead code that no other
#: engine would accept.
GENERATED: Final[Features] = ALL - {"shared-everything-threads", "relaxed-dead-code"}

#: name → features, for the command line
PRESETS: Final[dict[str, Features]] = {
    "all": GENERATED,
    "wasmtime": GENERATED
    - {"legacy-exceptions", "rounding-variants", "custom-descriptors", "stack-switching"},
    "native": GENERATED - {"stack-switching"},
    "mvp": frozenset({"mvp", "mutable-globals"}),
}


@dataclass(frozen=True, slots=True)
class Options:
    """Bounds of generated modules.

    features      where instructions and types may come from
    functions     how many functions of random code there are, at most
    length        how many instructions such a function has, roughly, at most
    canonical     NaNs are made canonical by the module itself wherever arithmetic may choose their
                  bits, so that every engine gives the same results. False: only engines with the
                  deterministic profile do, and there are relaxed instructions too. None: by chance
    portable      everything can be called and looked at through the narrow interface of engines
                  of other makers: host functions do not call back, and take no references
    """

    features: Features = GENERATED
    functions: int = 5
    length: int = 60
    canonical: bool | None = True
    portable: bool = False


def draw(features: Features, rng: random.Random) -> Features:
    """The features that one module uses: some themes whole, others not at all, so that what is
    chosen turns up often enough to meet with all the rest."""
    chosen = {name for name in features if name not in _THEMES}
    for theme, needs in _THEMES.items():
        if theme in features and needs <= features and rng.random() < _CHANCE.get(theme, 0.4):
            chosen |= {theme, *needs}
    return frozenset(chosen)
