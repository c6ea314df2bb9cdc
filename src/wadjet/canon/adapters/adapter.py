"""Adapters: a `canon lower` of one component and the `canon lift` of another, joined to a core
module (CanonicalABI.md, "canon lift", "canon lower").

What is exported depends on the type. For one that is not async, `call` is the lowered function
itself. For one that is, `params` and `results` copy what goes there and what comes back, and the
call between them is the business of whoever schedules tasks.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, final

from wadjet.canon.adapters.assemble import Function, Unit
from wadjet.canon.adapters.copy import Copier, Type
from wadjet.canon.adapters.places import Flat, InMemory, Place
from wadjet.canon.adapters.reasons import Reason
from wadjet.canon.adapters.sides import MAY_ENTER, MAY_LEAVE, READY, Imports, Need, Side
from wadjet.canon.adapters.structure import Row, Structure
from wadjet.canon.adapters.ways import Way
from wadjet.component.abi import (
    MAX_FLAT_ASYNC_PARAMS, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, flatten_functype,
    flatten_types,
)  # fmt: skip
from wadjet.component.closed import closed
from wadjet.component.types import Defined, FuncType, Prim, Tuple
from wadjet.core.features import DEFAULT
from wadjet.core.types import I32, NumType, ValType
from wadjet.core.types import FuncType as CoreFuncType
from wadjet.core.validate import ValidModule, validate

#: What two adapters of the same module agree in.
Key = tuple[str, tuple[Row, ...], tuple[int, ...], int | None, Side, Side, int]

#: What memories may need.
_FEATURES: Final = DEFAULT | {"custom-page-sizes"}
_KEPT: Final = 1000
_made: Final[dict[Key, "tuple[ValidModule, list[Need]]"]] = {}


@final
class Adapter:
    """A valid module, the same one for all functions of the same structure (their `key`), and what
    it must be given, in the order of its imports."""

    __slots__ = ("key", "needs", "valid")

    def __init__(self, key: Key, valid: ValidModule, needs: list[Need]) -> None:
        self.key: Final = key
        self.valid: Final = valid
        self.needs: Final = needs

    def __eq__(self, other: object) -> bool:
        """Whether both have the same module."""
        return isinstance(other, Adapter) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def adapter(t: FuncType, lower: Side, lift: Side, entering: int = 1) -> Adapter:
    """What joins the two sides for a closed function type that is valid for their options.
    `entering` tells how many instances are entered when the caller calls: none if the callee's is
    the caller's or one around it (definitions.py, `entering_set`)."""
    return _adapter("halves" if t.is_async else "call", t, lower, lift, entering)


def element_copier(t: Prim | Defined, writer: Side, reader: Side) -> Adapter:
    """What copies elements of a stream or a future from the writer's memory to the reader's. Its
    export `copy` takes both addresses, which must be checked, and the number of elements."""
    return _adapter("copy", FuncType((("element", t),), None), writer, reader, 0)


def _adapter(what: str, t: FuncType, lower: Side, lift: Side, entering: int) -> Adapter:
    structure = Structure(t)
    key = what, structure.rows, structure.params, structure.result, lower, lift, entering
    found = _made.get(key)
    if found is None:
        if len(_made) >= _KEPT:
            _made.clear()
        builder = _Builder(t, structure, lower, lift, entering)
        found = _made.setdefault(key, builder.build(what))
    valid, needs = found
    return Adapter(key, valid, [_typed(need, structure) for need in needs])


def _typed(need: Need, structure: Structure) -> Need:
    """A need of another adapter of the same structure, as one of this."""
    if need.kind not in ("own", "borrow", "stream", "future"):
        return need
    return replace(need, type=Defined(structure.handles[need.index]))


@final
class _Builder:
    """Writes one adapter."""

    __slots__ = (
        "back", "entering", "imports", "lift", "lower", "params", "result", "t", "there", "unit",
    )  # fmt: skip

    def __init__(
        self, t: FuncType, structure: Structure, lower: Side, lift: Side, entering: int
    ) -> None:
        self.t: Final = t
        self.lower: Final = lower
        self.lift: Final = lift
        self.entering: Final = entering
        self.unit: Final = Unit()
        self.imports: Final = Imports(self.unit, lower, lift)
        there = Way(self.unit, self.imports, "lower", lower, lift)
        back = Way(self.unit, self.imports, "lift", lift, lower)
        self.there: Final = Copier(there, structure)
        self.back: Final = Copier(back, structure)
        self.params: Final = [closed(p) for _, p in t.params]
        self.result: Final = None if t.result is None else closed(t.result)

    def build(self, what: str) -> tuple[ValidModule, list[Need]]:
        """The module and its imports."""
        self.there.way.need_memories()
        if what == "call":
            t = flatten_functype(self.t, self.lower.ptr, "lower")
            self._export("call", t, self._call)
        elif what == "halves":
            self._halves()
        else:
            self._export("copy", CoreFuncType((self.lower.ptr, self.lift.ptr, I32), ()), self._copy)
        return validate(self.unit.finish(), _FEATURES), self.imports.needs

    def _copy(self, f: Function) -> None:
        f.write("$p0 $p1 $p2")
        self.there.elements(f, self.params[0])

    def _export(self, name: str, t: CoreFuncType, write: Callable[[Function], None]) -> None:
        params = [(f"p{i}", p) for i, p in enumerate(t.params)]
        self.unit.function(name, params, t.results, write)
        self.unit.export(name)

    # --- a whole call ----------------------------------------------------------------------------

    def _call(self, f: Function) -> None:
        there = self.there
        lends = any(isinstance(p, Defined) and p.borrows for p in self.params)
        self._check_flags(f)
        if self.lift.task:
            f.write(f"call {self.imports.hook('enter')}")
        given = _named(self._flat(self.params, self.lower, MAX_FLAT_PARAMS))
        arguments = self._pass(f, there, self.params, given, MAX_FLAT_PARAMS)
        core = flatten_functype(self.t, self.lift.ptr, "lift")
        returned = [(f.fresh(t), t) for t in core.results]
        self._run(f, there.way, "callee", core, arguments, returned)
        if lends or self.lift.task:
            f.write(f"call {self.imports.hook('exit')}")
        results = self._return(f, returned, MAX_FLAT_RESULTS, len(given))
        if self.lift.post_return:
            self._post_return(f, there.way, returned)
        if self.lift.task:
            f.write(f"call {self.imports.hook('leave')}")
        for i in range(self.entering):
            f.write(f"i32.const {READY} global.set {self.imports.flags('lift', i)}")
        f.write(" ".join([f"${name}" for name in results]))

    def _check_flags(self, f: Function) -> None:
        """The caller may leave; who is entered may be entered, but once. An instance that may be
        entered may always leave, so its flags are known, and no load need wait for a store."""
        way = self.there.way
        f.write(f"global.get {self.imports.flags('lower')} i32.const {MAY_LEAVE} i32.and i32.eqz")
        way.trap_if(f, Reason.CANNOT_LEAVE)
        entered = [self.imports.flags("lift", i) for i in range(self.entering)]
        for flags in entered:
            f.write(f"global.get {flags} i32.const {MAY_ENTER} i32.and i32.eqz")
            way.trap_if(f, Reason.CANNOT_ENTER)
        for flags in entered:
            f.write(f"i32.const {MAY_LEAVE} global.set {flags}")

    def _run(
        self, f: Function, way: Way, kind: str, t: CoreFuncType, arguments: Iterable[str],
        results: list[tuple[str, ValType]],
    ) -> None:  # fmt: skip
        """Call a function of the callee."""
        pushed = " ".join([f"${name}" for name in arguments])
        popped = " ".join([f"={name}" for name, _ in reversed(results)])
        way.guarded(f, f"{pushed} call {self.imports.func(kind, 'lift', t)} {popped}")

    def _post_return(self, f: Function, way: Way, returned: list[tuple[str, ValType]]) -> None:
        flags = self.imports.flags("lift")
        f.write(f"global.get {flags} i32.const {~MAY_LEAVE} i32.and global.set {flags}")
        t = CoreFuncType(tuple([t for _, t in returned]), ())
        self._run(f, way, "post-return", t, [name for name, _ in returned], [])
        f.write(f"global.get {flags} i32.const {MAY_LEAVE} i32.or global.set {flags}")

    # --- the parts of a call whose tasks others schedule -----------------------------------------

    def _halves(self) -> None:
        most = MAX_FLAT_ASYNC_PARAMS if self.lower.is_async else MAX_FLAT_PARAMS
        given = self._flat(self.params, self.lower, most)
        made = self._flat(self.params, self.lift, MAX_FLAT_PARAMS)

        def params(f: Function) -> None:
            there = self.there
            names = self._pass(f, there, self.params, _named(given), most)
            f.write(" ".join([f"${name}" for name in names]))

        self._export("params", CoreFuncType(given, made), params)
        limit = MAX_FLAT_PARAMS if self.lift.is_async else MAX_FLAT_RESULTS
        ts = [] if self.result is None else [self.result]
        returned = self._flat(ts, self.lift, limit)
        lowered = flatten_functype(self.t, self.lower.ptr, "lower", is_async=self.lower.is_async)
        pointer = lowered.params[len(given) :]

        def results(f: Function) -> None:
            names = self._return(f, _named(returned), limit, len(returned))
            f.write(" ".join([f"${name}" for name in names]))

        out = () if self.lower.is_async else lowered.results
        self._export("results", CoreFuncType((*returned, *pointer), out), results)

    # --- values ----------------------------------------------------------------------------------

    def _flat(self, ts: list[Type], side: Side, most: int) -> tuple[NumType, ...]:
        """The core values that values are passed as, through memory if they are too many."""
        flat = flatten_types(ts, side.ptr)
        return (side.ptr,) if flat is None or len(flat) > most else flat

    def _return(
        self, f: Function, returned: list[tuple[str, ValType]], limit: int, at: int
    ) -> list[str]:
        """Copy the result; where the caller gives an address for it, the parameter at `at`."""
        if self.result is None:
            return []
        most = 0 if self.lower.is_async else MAX_FLAT_RESULTS
        return self._pass(f, self.back, [self.result], returned, limit, most, f"p{at}")

    def _pass(
        self, f: Function, copier: Copier, ts: list[Type], given: list[tuple[str, ValType]],
        max_given: int, max_made: int = MAX_FLAT_PARAMS, into: str | None = None,
    ) -> list[str]:  # fmt: skip
        """Lift values from locals and lower them (definitions.py, `lift_flat_values` and
        `lower_flat_values`); `into` is where an address is for what does not fit. The locals that
        hold them now."""
        way = copier.way
        whole = Defined(Tuple(tuple(ts)))
        flat = flatten_types(ts, way.source.ptr)
        src: Place = Flat(given)
        if flat is None or len(flat) > max_given:
            pointer = given[0][0]
            way.in_place(f, way.source_name, pointer, whole)
            src = InMemory(way.src, pointer)
        flat = flatten_types(ts, way.target.ptr)
        if flat is not None and len(flat) <= max_made:
            made = [(f.fresh(t), t) for t in flat]
            copier.row(f, ts, src, Flat(made))
            return [name for name, _ in made]
        if into is None:
            address = f.fresh(way.target.ptr)
            way.room(f, whole, address)
        else:
            address = into
            way.in_place(f, way.target_name, address, whole)
        copier.row(f, ts, src, InMemory(way.dst, address))
        return [address] if into is None else []


def _named(ts: Sequence[ValType]) -> list[tuple[str, ValType]]:
    """The first parameters of a function, as locals."""
    return [(f"p{i}", t) for i, t in enumerate(ts)]
