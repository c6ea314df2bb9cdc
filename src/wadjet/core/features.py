"""WebAssembly's features by name: what each one means and which are on by default.

A feature set is a plain `frozenset` of these names. Everything in WebAssembly 3.0 is on, and so
are the phase-4 proposals; the rest must be asked for, as in other toolkits.

A set may hold the name of a profile, too (spec A.6): it changes nothing in what is valid, but what
instructions compute where the standard leaves a choice.
"""

from typing import Final

from wadjet.base.errors import Error

Features = frozenset[str]

#: name → (edition or phase, one line)
CATALOGUE: Final[dict[str, tuple[str, str]]] = {
    "mvp": ("1.0", "the first edition"),
    "mutable-globals": ("1.0", "import and export of mutable globals"),
    "sign-extension": ("2.0", "i32.extend8_s and its kin"),
    "saturating-float-to-int": ("2.0", "trunc_sat conversions that never trap"),
    "multi-value": ("2.0", "several results; parameters of blocks"),
    "bulk-memory": ("2.0", "memory.copy, memory.fill, passive segments"),
    "reference-types": ("2.0", "externref, several tables, table instructions"),
    "simd": ("2.0", "128-bit vectors"),
    "relaxed-simd": ("3.0", "vector instructions with hardware-dependent corners"),
    "tail-call": ("3.0", "return_call, return_call_indirect"),
    "extended-const": ("3.0", "arithmetic in constant expressions"),
    "function-references": ("3.0", "typed references, call_ref"),
    "gc": ("3.0", "structs, arrays, i31, casts"),
    "exceptions": ("3.0", "tags, throw, try_table, exnref"),
    "multi-memory": ("3.0", "more than one memory"),
    "memory64": ("3.0", "64-bit memories and tables"),
    "threads": ("phase 4", "shared memories and atomics"),
    "wide-arithmetic": ("phase 4", "128-bit addition, subtraction, multiplication"),
    "compact-imports": ("phase 4", "grouped import entries"),
    "custom-page-sizes": ("phase 3", "memories with pages of one byte"),
    "stack-switching": ("phase 3", "continuations: cont.new, suspend, resume, switch"),
    "custom-descriptors": ("phase 3", "descriptor types and exact references"),
    "rounding-variants": ("phase 2", "float arithmetic with a named rounding mode"),
    "shared-everything-threads": ("phase 1", "shared globals, tables, functions and references"),
    "relaxed-dead-code": ("phase 2", "dead code is checked for syntax alone"),
    "legacy-exceptions": ("legacy", "try, catch, delegate, rethrow"),
}

#: The profile in which no result is left to the machine: NaNs are canonical, relaxed vector
#: instructions do what their strict kin do.
DETERMINISTIC: Final = "deterministic"

_OFF: Final = frozenset(
    {
        "custom-page-sizes",
        "stack-switching",
        "custom-descriptors",
        "rounding-variants",
        "shared-everything-threads",
        "relaxed-dead-code",
        "legacy-exceptions",
    }
)

ALL: Final[Features] = frozenset(CATALOGUE)
DEFAULT: Final[Features] = ALL - _OFF
WASM1: Final[Features] = frozenset(n for n, (e, _) in CATALOGUE.items() if e == "1.0")
WASM2: Final[Features] = WASM1 | {n for n, (e, _) in CATALOGUE.items() if e == "2.0"}
WASM3: Final[Features] = WASM2 | {n for n, (e, _) in CATALOGUE.items() if e == "3.0"}
_SETS: Final[dict[str, Features]] = {
    "all": ALL,
    "default": DEFAULT,
    "wasm1": WASM1,
    "wasm2": WASM2,
    "wasm3": WASM3,
}


def parse_features(text: str, start: Features = DEFAULT) -> Features:
    """Read "gc,-simd,wasm2": a name adds, `-name` removes, the name of a set replaces."""
    chosen = start
    for word in filter(None, (part.strip() for part in text.split(","))):
        name = word.removeprefix("-")
        if word in _SETS:
            chosen = _SETS[word]
        elif name not in CATALOGUE and name != DETERMINISTIC:
            known = sorted([*CATALOGUE, DETERMINISTIC])
            raise Error(f"unknown feature {name!r}; known are {', '.join(known)}")
        else:
            chosen = chosen - {name} if word.startswith("-") else chosen | {name}
    return chosen
