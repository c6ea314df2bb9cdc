"""What the binary grammar consists of under one set of features, as tables to index by byte.

A construct of a feature that is off is not in the tables: it is malformed, as if it had never
been proposed.
"""

from typing import Final, final

from wadjet.core import types
from wadjet.core.features import Features
from wadjet.core.opcodes import BY_NAME, GROUP, PREFIXES, ROWS
from wadjet.core.types import AbsHeap, ValType

#: How the immediates of an instruction are read. The first nine are the fast ways of the loop in
#: `instructions`; GENERIC goes through `Grammar.shapes`, one immediate after the other.
NONE: Final = 0
INDEX: Final = 1
MEMARG: Final = 2
I32: Final = 3
I64: Final = 4
END: Final = 5
BLOCK: Final = 6
PAIR: Final = 7
NESTING: Final = 8
GENERIC: Final = 9
ILLEGAL: Final = 10

#: Single immediates, as they stand in `Grammar.shapes`. ZERO is an index that must be a zero byte.
IMM_INDEX: Final = 0
IMM_ZERO: Final = 1
IMM_DATA: Final = 2
IMM_MEMARG: Final = 3
IMM_BLOCK: Final = 4
IMM_LABELS: Final = 5
IMM_TYPES: Final = 6
IMM_CATCHES: Final = 7
IMM_HANDLERS: Final = 8
IMM_I32: Final = 9
IMM_I64: Final = 10
IMM_F32: Final = 11
IMM_F64: Final = 12
IMM_V128: Final = 13
IMM_LANE: Final = 14
IMM_LANES: Final = 15
IMM_REF: Final = 16
IMM_REFNULL: Final = 17
IMM_CAST: Final = 18
IMM_FENCE: Final = 19
IMM_COUNT: Final = 20
IMM_ORDER: Final = 21
IMM_ORDERS: Final = 22

_INDICES: Final = "func table mem global local type label tag elem field".split()
_WORDS: Final = dict.fromkeys(_INDICES, IMM_INDEX) | {
    "data": IMM_DATA, "memarg": IMM_MEMARG, "block": IMM_BLOCK, "labels": IMM_LABELS,
    "types": IMM_TYPES, "catches": IMM_CATCHES, "handlers": IMM_HANDLERS, "i32": IMM_I32,
    "i64": IMM_I64, "f32": IMM_F32, "f64": IMM_F64, "v128": IMM_V128, "lane": IMM_LANE,
    "lanes": IMM_LANES, "ref": IMM_REF, "refnull": IMM_REFNULL, "cast": IMM_CAST,
    "fence": IMM_FENCE, "u32": IMM_COUNT, "order": IMM_ORDER, "orders": IMM_ORDERS,
}  # fmt: skip

_FAST: Final = {
    (): NONE,
    (IMM_INDEX,): INDEX,
    (IMM_MEMARG,): MEMARG,
    (IMM_I32,): I32,
    (IMM_BLOCK,): BLOCK,
    (IMM_INDEX, IMM_INDEX): PAIR,
    (IMM_I64,): I64,
}

#: Mnemonics that close or divide what a block instruction opened, or open more than a block.
_SPECIAL: Final = {
    "else": NESTING, "catch": NESTING, "catch_all": NESTING, "delegate": NESTING,
    "try_table": NESTING, "end": END,
}  # fmt: skip

#: Abstract heap types by the feature that brought them.
_HEAPS: Final[dict[str, tuple[AbsHeap, ...]]] = {
    "mvp": (types.FUNC,),
    "reference-types": (types.EXTERN,),
    "gc": (
        types.ANY, types.EQ, types.I31, types.STRUCT, types.ARRAY,
        types.NONE, types.NOFUNC, types.NOEXTERN,
    ),
    "exceptions": (types.EXN, types.NOEXN),
    "stack-switching": (types.CONT, types.NOCONT),
}  # fmt: skip


@final
class Grammar:
    """The tables for one set of features. Made by `grammar`, which keeps them.

    `values` maps a byte to the value type it is all by itself, `heaps` to the abstract heap type;
    `kinds` maps an op id to the way its immediates are read, `shapes` to each of them.
    """

    __slots__ = ("features", "heaps", "indices", "kinds", "shapes", "values")

    def __init__(self, features: Features) -> None:
        self.features: Final = features
        #: whether a heap type may be a type index, and a reference type be written out
        self.indices: Final = "function-references" in features or "gc" in features
        self.heaps: Final[list[AbsHeap | None]] = [None] * 256
        self.values: Final[list[ValType | None]] = [None] * 256
        self.kinds: Final[list[int]] = [ILLEGAL] * (GROUP * (1 + len(PREFIXES)))
        self.shapes: Final[list[tuple[int, ...]]] = [()] * len(self.kinds)
        self._fill_types()
        self._fill_ops()

    def _fill_types(self) -> None:
        for number in (types.I32, types.I64, types.F32, types.F64):
            self.values[number.code] = number
        if "simd" in self.features:
            self.values[types.V128.code] = types.V128
        for feature, heaps in _HEAPS.items():
            if feature in self.features:
                for heap in heaps:
                    self.heaps[heap.code] = heap
        if "reference-types" in self.features:
            for code, found in enumerate(self.heaps):
                if found is not None:
                    self.values[code] = types.ref(True, found)

    def _fill_ops(self) -> None:
        known: dict[tuple[str, ...], tuple[tuple[int, ...], int]] = {}
        for row in ROWS:
            if row.feature in self.features:
                found = known.get(row.immediates)
                if found is None:
                    shape = self._shape(row.immediates)
                    found = known[row.immediates] = shape, _FAST.get(shape, GENERIC)
                self.shapes[row.op], self.kinds[row.op] = found
        for name, kind in _SPECIAL.items():
            for row in BY_NAME[name]:
                if row.feature in self.features:
                    self.kinds[row.op] = kind

    def _shape(self, immediates: tuple[str, ...]) -> tuple[int, ...]:
        words = [word.partition("/")[0] for word in immediates]
        return tuple([self._immediate(word, words) for word in words])

    def _immediate(self, word: str, words: list[str]) -> int:
        """Before multiple memories and tables, a zero byte stood where their index stands now."""
        if word == "mem" and "multi-memory" not in self.features:
            return IMM_ZERO
        if word == "table" and words[0] == "type" and "reference-types" not in self.features:
            return IMM_ZERO
        return _WORDS[word]


_GRAMMARS: Final[dict[Features, Grammar]] = {}


def grammar(features: Features) -> Grammar:
    """The grammar under these features."""
    found = _GRAMMARS.get(features)
    if found is None:
        found = _GRAMMARS.setdefault(features, Grammar(features))
    return found
