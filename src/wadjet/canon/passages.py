"""How the values of a function get into a component and out of it: what `Lifting` and `Lowering`
write, put together for parameters and results (CanonicalABI.md, "Lifting and Lowering Values")."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, final

from wadjet.canon.codec import Type
from wadjet.canon.context import FUEL, Context
from wadjet.canon.explain import FAULTS, explain
from wadjet.canon.program import Coder
from wadjet.component.closed import closed
from wadjet.component.types import FuncType

#: core values
Flats = tuple[Any, ...]


def lifter(coder: Coder, ts: tuple[Type, ...], limit: int) -> Callable[..., tuple[Any, ...]]:
    """The function `(cx, *core) -> values`."""
    codec = coder.codec
    name = codec.made.get(("lifter", (ts, limit)))
    if name is None:
        names, lines, values = coder.lifting.values(ts, limit)
        name = codec.made["lifter", (ts, limit)] = codec.fresh("lifter")
        whole = f"return ({', '.join(values)},)" if values else "return ()"
        codec.define(name, ", ".join(["cx", *names]), [*lines, whole])
    made: Callable[..., tuple[Any, ...]] = codec.namespace[name]
    return made


def lowerer(
    coder: Coder, ts: tuple[Type, ...], limit: int, out: bool = False
) -> Callable[..., Flats]:
    """The function `(cx, *values) -> core`. With `out`, the last argument is the address where
    values go that are too many."""
    codec = coder.codec
    name = codec.made.get(("lowerer", (ts, limit, out)))
    if name is None:
        names = [f"v{i}" for i in range(len(ts))]
        target = ["out"] if out else []
        lines, flats = coder.lowering.values(ts, names, limit, "out" if out else None)
        name = codec.made["lowerer", (ts, limit, out)] = codec.fresh("lowerer")
        whole = f"return ({', '.join(flats)},)" if flats else "return ()"
        codec.define(name, ", ".join(["cx", *names, *target]), [*lines, whole])
    made: Callable[..., Flats] = codec.namespace[name]
    return made


def types_of(ft: FuncType) -> tuple[Type, ...]:
    """The types of the parameters."""
    return tuple([closed(t) for _, t in ft.params])


def results_of(ft: FuncType) -> tuple[Type, ...]:
    """The type of the result, if there is one."""
    return () if ft.result is None else (closed(ft.result),)


class Passing(Protocol):
    """Whatever the values of a function pass through."""

    @property
    def cx(self) -> Context:
        """Which handles pass, and whose account they are on."""
        ...

    def lift(self, flats: Sequence[Any], limit: int, *, result: bool) -> tuple[Any, ...]:
        """Values that leave the component."""
        ...

    def lower(
        self, values: Sequence[Any], limit: int, *, result: bool, out: int | None = None
    ) -> Flats:
        """Values that get into the component."""
        ...


@final
class Passage:
    """The values of one function of one type, passing through one context, in the form that
    `coder` writes. Each direction is made when it is first needed."""

    __slots__ = ("_lifters", "_lowerers", "coder", "cx", "type")

    def __init__(self, coder: Coder, type_: FuncType, cx: Context) -> None:
        self.coder: Final = coder
        self.type: Final = type_
        self.cx: Final = cx
        self._lifters: Final[dict[tuple[bool, int], Callable[..., Any]]] = {}
        self._lowerers: Final[dict[tuple[bool, int, bool], Callable[..., Any]]] = {}

    def _types(self, result: bool) -> tuple[Type, ...]:
        return results_of(self.type) if result else types_of(self.type)

    def lift(self, flats: Sequence[Any], limit: int, *, result: bool) -> tuple[Any, ...]:
        """Values that leave the component."""
        key = result, limit
        lift = self._lifters.get(key)
        if lift is None:
            lift = self._lifters[key] = lifter(self.coder, self._types(result), limit)
        self.cx.fuel = FUEL
        made: tuple[Any, ...] = lift(self.cx, *flats)
        return made

    def lower(
        self, values: Sequence[Any], limit: int, *, result: bool, out: int | None = None
    ) -> Flats:
        """Values that get into the component; those of the host are checked. `out` is the address
        for a result that is more than `limit` core values."""
        types, into = self._types(result), out is not None
        lower = self._lowerers.get((result, limit, into))
        if lower is None:
            lower = self._lowerers[result, limit, into] = lowerer(self.coder, types, limit, into)
        given = (*values, out) if into else values
        try:
            made: Flats = lower(self.cx, *given)
        except FAULTS as fault:
            labels = ["result"] if result else [label for label, _ in self.type.params]
            raise explain(fault, list(zip(labels, types, values, strict=False))) from None
        return made
