"""Random modules, all valid: a seed and options make a program, always the same.

Code is made forward, by a stack machine that knows the types of its operands; every row of the
instruction table can turn up, with operands that are either there already or made for it. All code
ends: functions and loops burn fuel, or count. Modules export what can be seen of them from outside
(see `observe`), and a program says which functions to call with what.
"""

import random
from dataclasses import dataclass

from wadjet.core.features import Features
from wadjet.core.module import Code, Module
from wadjet.core.types import ContType, FuncType, NumType
from wadjet.testing.generate.control import leave
from wadjet.testing.generate.maker import Maker, Types
from wadjet.testing.generate.observe import Observer
from wadjet.testing.generate.options import GENERATED, PRESETS, Options
from wadjet.testing.generate.sections import (
    declare_functions, make_datas, make_elems, make_globals, make_imports, make_memories,
    make_tables, make_tags,
)  # fmt: skip
from wadjet.testing.generate.statements import Statements
from wadjet.testing.generate.types import make_types
from wadjet.testing.generate.values import number
from wadjet.testing.generate.world import World

__all__ = ["GENERATED", "PRESETS", "Call", "Options", "Program", "generate"]

#: Fuel that every call begins with.
FUEL = 60


@dataclass(frozen=True, slots=True)
class Call:
    """A call from outside: the export, and the bit patterns of its arguments."""

    name: str
    args: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A module and what to do with it. `features` are those that it uses, `allowed` those that it
    was made under; `canonical` and `portable` as in `Options`."""

    module: Module
    calls: tuple[Call, ...]
    features: Features
    allowed: Features
    canonical: bool
    portable: bool = False
    seed: int = 0


def generate(seed: int, options: Options | None = None) -> Program:
    """The program of a seed."""
    options = Options() if options is None else options
    w = World(random.Random(seed), options)
    w.weights["references"] = w.rng.choice((0.05, 0.2, 0.5))
    make_types(w)
    make_imports(w)
    planned = [_signature(w) for _ in range(w.rng.randint(2, options.functions))]
    first = len(w.funcs)
    w.functions.extend(range(first, first + len(planned)))
    w.funcs.extend(planned)
    make_tags(w)
    make_memories(w)
    make_tables(w)
    make_globals(w)
    make_datas(w)
    make_elems(w)
    w.module.funcs.extend(planned)
    statements = Statements(w)
    w.module.codes.extend([_function(w, statements, x) for x in planned])
    observer = Observer(w, statements.sources)
    given = {function: observer.door(function) for function in w.functions[first:]}
    observer.state()
    declare_functions(w)
    return Program(
        w.module,
        _calls(w, given),
        w.features,
        options.features,
        w.canonical,
        options.portable,
        seed,
    )


def _signature(w: World) -> int:
    """The type of a function of random code: one that is there already, or a new one."""
    known = w.of(FuncType)
    if w.has("stack-switching") and w.chance(0.5):
        return w.rng.choice([x for y in w.of(ContType) if isinstance(x := _func(w, y), int)])
    if known and w.has("gc") and w.chance(0.35):
        return w.rng.choice(known)
    most = 1
    if w.has("multi-value"):
        most = w.rng.choice((1, 1, 2, 3, 10))
    params = w.value_types(w.rng.choice((2, 4, 4, 12)))
    results = tuple(w.value_type() for _ in range(w.rng.randint(0, most)))
    return w.func_type(params, results)


def _func(w: World, x: int) -> object:
    comp = w.subs[x].comp
    return comp.func if isinstance(comp, ContType) else None


def _function(w: World, statements: Statements, type_: int) -> Code:
    """The code of a function of this type."""
    sig = w.signature(type_)
    room = w.rng.randint(5, w.options.length)
    m = Maker(w, statements.sources, sig.params, sig.results, room)
    for _ in range(w.rng.choice((0, 1, 2, 3, 4, 5, 8))):
        m.add_local(w.value_type())
    if w.chance(0.03):
        t = w.rng.choice(w.numbers)
        for _ in range(w.rng.choice((50, 300))):
            m.add_local(t)
    m.burn(lambda: leave(m))
    statements.fill(m)
    m.close()
    return m.code()


def _calls(w: World, given: dict[int, Types]) -> tuple[Call, ...]:
    """A few calls of every function, in any order."""
    calls = []
    for function, params in given.items():
        for _ in range(2 if params else 1):
            args = tuple(number(t, w.rng) if isinstance(t, NumType) else 0 for t in params)
            calls.append(Call(f"f{function}", args))
    w.rng.shuffle(calls)
    return tuple(calls)
