"""The context C of validation (spec 3.1): what indices mean, and nothing that changes with code."""

from collections.abc import Sequence
from typing import Final, NoReturn, final

from wadjet.base.errors import Invalid
from wadjet.core.features import Features
from wadjet.core.module import Module
from wadjet.core.types import (
    CONT, EXN, EXTERN, FUNC, NOCONT, NOEXN, V128, AbsHeap, DefType, GlobalType,
    MemoryType, NumType, RefType, SubType, TableType, ValType,
)  # fmt: skip

#: how many types a message spells out
_SPELLED: Final = 12

#: abstract heap types → the feature they came with (the others came with gc)
_HEAP_FEATURES: Final[dict[AbsHeap, str]] = {
    FUNC: "reference-types",
    EXTERN: "reference-types",
    EXN: "exceptions",
    NOEXN: "exceptions",
    CONT: "stack-switching",
    NOCONT: "stack-switching",
}


@final
class Signature:
    """What a function or block takes and leaves: lists that nobody changes. Within a module,
    equal lists are one object."""

    __slots__ = ("params", "results")

    def __init__(self, params: list[ValType], results: list[ValType]) -> None:
        self.params: Final = params
        self.results: Final = results


@final
class Context:
    """The index spaces of one module. They fill up in the order in which validation proceeds.

    Types stay as written: a reference names its type by index. `types` holds the closed type of
    each index, for matching.
    """

    __slots__ = (
        "_known", "_lists", "blocks", "checked", "datas", "elems", "exact_funcs", "features",
        "funcs", "globals", "imported_globals", "limit", "memories", "module", "refs",
        "signatures", "subs", "tables", "tags", "types",
    )  # fmt: skip

    def __init__(self, module: Module, features: Features) -> None:
        self.module: Final = module
        self.features: Final = features
        #: type definitions, as written and closed; indices below `limit` may be used
        self.subs: Final[list[SubType]] = []
        self.types: Final[list[DefType]] = []
        self.limit = 0
        #: type index of every function, and whether references to it are exact
        self.funcs: Final[list[int]] = []
        self.exact_funcs: Final[list[bool]] = []
        self.tables: Final[list[TableType]] = []
        self.memories: Final[list[MemoryType]] = []
        self.globals: Final[list[GlobalType]] = []
        self.imported_globals = 0
        #: type index of every tag
        self.tags: Final[list[int]] = []
        self.elems: Final[list[RefType]] = []
        #: number of data segments
        self.datas = 0
        #: everything but the bodies of functions has been checked
        self.checked = False
        #: functions that are mentioned outside of code (spec 3.5.16, REFS)
        self.refs: Final[set[int]] = set()
        self._known: Final[set[ValType]] = set()
        self._lists: Final[dict[tuple[ValType, ...], list[ValType]]] = {}
        #: type index → signature, None where it is not a function type
        self.signatures: Final[list[Signature | None]] = []
        #: signatures of blocks without parameters that leave nothing or one value
        self.blocks: Final[dict[ValType | None, Signature]] = {
            None: self.signature((), ()),
        }

    def fail(self, message: str, place: int) -> NoReturn:
        """Reject the module for what is written at this place."""
        raise Invalid(message, self.module.locate(place))

    def require(self, feature: str, what: str, place: int) -> None:
        """Reject `what` where its feature is off."""
        if feature not in self.features:
            self.fail(f"{what} needs the feature {feature}", place)

    def signature(self, params: tuple[ValType, ...], results: tuple[ValType, ...]) -> Signature:
        """The signature with these parameters and results."""
        lists = self._lists
        return Signature(
            lists.setdefault(params, list(params)), lists.setdefault(results, list(results))
        )

    def problem(self, t: ValType) -> str | None:
        """What is wrong with a value or storage type, if anything (spec 3.2.5)."""
        if t in self._known:
            return None
        found = self._num_problem(t) if isinstance(t, NumType) else self._ref_problem(t)
        if found is None:
            self._known.add(t)
        return found

    def _num_problem(self, t: NumType) -> str | None:
        if t is V128 and "simd" not in self.features:
            return "type v128 needs the feature simd"
        return None

    def _ref_problem(self, t: ValType) -> str | None:
        assert isinstance(t, RefType)
        if isinstance(t.heap, AbsHeap):
            feature = _HEAP_FEATURES.get(t.heap, "gc")
            if not t.nullable and feature == "reference-types":
                feature = "function-references"
        else:
            assert isinstance(t.heap, int), "a module names types by index"
            if t.heap >= self.limit:
                return f"unknown type {t.heap}: there are {self.limit}"
            feature = "function-references"
        if t.exact:
            feature = "custom-descriptors"
        if t.shared:
            feature = "shared-everything-threads"
        return None if feature in self.features else f"type {t} needs the feature {feature}"


def spell(ts: Sequence[ValType]) -> str:
    """Types in brackets for a message; the last of them, if there are many."""
    shown = " ".join(map(repr, ts[-_SPELLED:]))
    return f"[{shown}]" if len(ts) <= _SPELLED else f"[… {shown}]"
