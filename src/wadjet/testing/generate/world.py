"""The module that is being made, as its code sees it: index spaces, and what can be found there."""

import random
from collections.abc import Sequence
from typing import Final, final

from wadjet.core.features import Features
from wadjet.core.module import Module
from wadjet.core.subtyping import match_val, roll
from wadjet.core.types import (
    F32, F64, I32, I64, V128, ArrayType, ContType, DefType, FuncType, GlobalType, MemoryType,
    NumType, RecType, RefType, StructType, SubType, TableType, ValType, ref,
)  # fmt: skip
from wadjet.testing.generate.options import Options, draw


@final
class World:
    """Index spaces of the module; imports come first, and are all there before the first function.

    `functions` are the functions that random code may call and refer to, by index. `fuel` counts
    down to zero and stops what would run for too long; `hash` takes up values that would otherwise
    be lost.
    """

    def __init__(self, rng: random.Random, options: Options) -> None:
        self.rng: Final = rng
        self.options: Final = options
        self.features: Final[Features] = draw(options.features, rng)
        canonical = options.canonical
        self.canonical: Final = rng.random() < 0.7 if canonical is None else canonical
        self.module: Final = Module()
        self.closed: Final[list[DefType]] = []
        self.subs: Final[list[SubType]] = []
        self._func_types: Final[dict[FuncType, int]] = {}
        self.funcs: Final[list[int]] = []
        self.functions: Final[list[int]] = []
        self.tables: Final[list[TableType]] = []
        #: what the active segments put where: (table, index) → function index
        self.placed: Final[dict[tuple[int, int], int]] = {}
        self.memories: Final[list[MemoryType]] = []
        self.globals: Final[list[GlobalType]] = []
        self.tags: Final[list[int]] = []
        #: functions that code refers to
        self.referred: Final[set[int]] = set()
        #: reference types to choose from
        self.refs: Final[list[RefType]] = []
        self.numbers: Final[list[NumType]] = [I32, I64, F32, F64]
        if self.has("simd"):
            self.numbers.append(V128)
        self.fuel = self.hash = 0
        #: how often each kind of instruction is chosen in this module
        self.weights: Final[dict[str, float]] = {}

    def has(self, feature: str) -> bool:
        """Whether this module uses a feature."""
        return feature in self.features

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.rng.random() < probability

    # -- types ------------------------------------------------------------------------------------

    def add_types(self, *subs: SubType, spelled: bool = False) -> int:
        """Append a recursion group; the index of its first type."""
        first = len(self.subs)
        group = RecType(subs, spelled or len(subs) != 1)
        self.module.types.append(group)
        self.subs.extend(subs)
        roll(group, self.closed)
        return first

    def func_type(self, params: tuple[ValType, ...], results: tuple[ValType, ...]) -> int:
        """The index of a plain function type, appended if it is not there yet."""
        wanted = FuncType(params, results)
        found = self._func_types.get(wanted)
        if found is None:
            found = self._func_types[wanted] = self.add_types(SubType(wanted))
        return found

    def signature(self, x: int) -> FuncType:
        """The function type with this index."""
        comp = self.subs[x].comp
        assert isinstance(comp, FuncType), "the index of a function type"
        return comp

    def sig_of(self, function: int) -> FuncType:
        """The type of a function."""
        return self.signature(self.funcs[function])

    def of(self, kind: "type[FuncType | StructType | ArrayType | ContType]") -> list[int]:
        """Indices of all types of a kind."""
        return [x for x, sub in enumerate(self.subs) if isinstance(sub.comp, kind)]

    def fits(self, t1: ValType, t2: ValType) -> bool:
        """Whether a `t1` may be used as a `t2`."""
        return t1 is t2 or match_val(t1, t2, self.closed)

    def all_fit(self, ts1: Sequence[ValType], ts2: Sequence[ValType]) -> bool:
        """Whether values of the first types may be used as values of the second."""
        return len(ts1) == len(ts2) and all(map(self.fits, ts1, ts2))

    def value_type(self) -> ValType:
        """Any type that values have here."""
        if self.refs and self.chance(self.weights.get("references", 0.2)):
            return self.rng.choice(self.refs)
        return self.rng.choice(self.numbers)

    def value_types(self, most: int) -> tuple[ValType, ...]:
        """A few types; few are likelier than many."""
        count = self.rng.randint(0, self.rng.randint(0, most))
        return tuple(self.value_type() for _ in range(count))

    # -- what there is ----------------------------------------------------------------------------

    def functions_giving(self, results: tuple[ValType, ...]) -> list[int]:
        """Functions whose results can be used as these."""
        return [f for f in self.functions if self.all_fit(self.sig_of(f).results, results)]

    def functions_of(self, t: ValType) -> list[int]:
        """Functions that a reference of this type may refer to."""
        return [f for f in self.functions if self.fits(ref(False, self.funcs[f]), t)]

    def globals_of(self, t: ValType) -> list[int]:
        """Globals whose value can be used as a `t`; not those that the machinery needs."""
        return [
            x
            for x, g in enumerate(self.globals)
            if x not in (self.fuel, self.hash) and self.fits(g.value, t)
        ]

    def tables_of(self, t: ValType) -> list[int]:
        """Tables whose elements can be used as a `t`."""
        return [x for x, table in enumerate(self.tables) if self.fits(table.element, t)]
