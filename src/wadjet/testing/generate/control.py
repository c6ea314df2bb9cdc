"""Blocks, loops that end, branches: how instructions of control are written."""

from collections.abc import Callable
from typing import Final

from wadjet.core.opcodes import Op
from wadjet.core.types import I32, NumType, RefType, ValType
from wadjet.testing.generate.maker import Frame, Maker, Rule, Types

#: How many blocks may be open, and how often counted loops within each other run at most.
_NESTED: Final = 6
_MOST_TRIPS: Final = 64

#: Writes the content of a block.
Fill = Callable[[Maker], None]


def results_of_a_block(m: Maker) -> Types:
    """Types that a new block leaves."""
    if m.chance(0.45):
        return ()
    if not m.w.has("multi-value") or m.chance(0.7):
        return (m.w.value_type(),)
    return m.w.value_types(4)


def params_of_a_block(m: Maker) -> Types:
    """Types that a new block takes: those on the stack, if possible."""
    if not m.w.has("multi-value") or m.chance(0.7):
        return ()
    have = m.here
    if have and not m.frame.unreachable and m.chance(0.7):
        return tuple(have[-m.rng.randint(1, min(3, len(have))) :])
    return m.w.value_types(2)


def may_nest(m: Maker) -> bool:
    """Whether there is room for another block."""
    return len(m.ctrls) < _NESTED and m.room > 0


def leave(m: Maker) -> None:
    """End the function in the shortest way: constants, or a trap where there are none."""
    results = m.ctrls[0].results
    if m.chance(0.3) or any(isinstance(t, RefType) and not t.nullable for t in results):
        m.emit(Op.UNREACHABLE)
    else:
        for t in results:
            if isinstance(t, NumType):
                m.number(t, 1)
            else:
                m.supply.simple(m, t)
        m.emit(Op.RETURN)
    m.never_returns()


class Control:
    """Rules of control; `fill` writes statements."""

    def __init__(self, fill: Fill) -> None:
        self.fill: Final = fill

    def rules(self) -> dict[int, Rule]:
        """Op → rule."""
        return {
            Op.NOP: nop,
            Op.BLOCK: self.block,
            Op.LOOP: self.loop,
            Op.IF: self.if_,
        }

    def block(self, m: Maker) -> bool:
        """A block of random content."""
        if not may_nest(m):
            return False
        params, results = params_of_a_block(m), results_of_a_block(m)
        m.want(params)
        m.open(Op.BLOCK, params, results)
        self.fill(m)
        m.close()
        return True

    def if_(self, m: Maker) -> bool:
        """One arm, or two."""
        if not may_nest(m):
            return False
        params, results = params_of_a_block(m), results_of_a_block(m)
        if m.chance(0.35):
            results = params
        m.want((*params, I32))
        m.pop(1)
        m.open(Op.IF, params, results)
        self.fill(m)
        if params != results or m.chance(0.5):
            m.arm(Op.ELSE, None, params)
            self.fill(m)
        m.close()
        return True

    def loop(self, m: Maker) -> bool:
        """A loop that a counter ends, or one that only fuel ends."""
        if not may_nest(m):
            return False
        return self._counted(m) if m.chance(0.6) else self._fuelled(m)

    def _fuelled(self, m: Maker) -> bool:
        """Whatever branches to it: each round costs fuel."""
        params, results = params_of_a_block(m), results_of_a_block(m)
        m.want(params)
        m.open(Op.LOOP, params, results)
        m.burn(lambda: leave(m))
        self.fill(m)
        if not m.frame.unreachable and m.chance(0.6):
            m.want((*params, I32))
            m.apply(Op.BR_IF, 0, (*params, I32), *params)
        m.close()
        return True

    def _counted(self, m: Maker) -> bool:
        """Only the end of the body branches back, as long as the counter allows. What the loop
        takes is what it leaves."""
        trips = m.rng.choice((1, 2, 3, 5, 8, 17))
        if trips * m.trips > _MOST_TRIPS:
            return False
        params = params_of_a_block(m)
        m.want(params)
        counter = m.add_local(I32, reserved=True)
        down = m.chance(0.6)
        step = m.rng.choice((1, 1, 1, 4))
        m.number(I32, trips * step if down else 0)
        m.set_local(counter)
        if m.chance(0.3):  # so that the loop knows nothing of where its counter began
            m.emit(Op.LOCAL_GET, counter)
            m.emit(Op.LOCAL_SET, counter)
        m.open(Op.LOOP, params, params).private = True
        m.trips *= trips
        self.fill(m)
        m.settle(params)
        m.emit(Op.LOCAL_GET, counter)
        m.emit(Op.I32_CONST, step)
        m.emit(Op.I32_SUB if down else Op.I32_ADD)
        m.emit(Op.LOCAL_TEE, counter)
        if not down:
            m.emit(Op.I32_CONST, trips * step)
            m.write(m.rng.choice(("i32.lt_u", "i32.lt_s", "i32.ne")))
        m.emit(Op.BR_IF, 0)
        del m.vals[m.frame.height :]
        m.vals.extend(params)
        m.trips //= trips
        m.close()
        return True


def nop(m: Maker) -> bool:
    """Nothing."""
    m.emit(Op.NOP)
    return True


# --- branches -------------------------------------------------------------------------------------


def target(m: Maker, accepts: Callable[[Frame], bool] = lambda frame: True) -> int | None:
    """A label to branch to, the outermost ones (the function's own) less often."""
    found = [n for n in m.labels() if accepts(m.label(n))]
    if not found:
        return None
    return min(m.rng.choice(found), m.rng.choice(found))


def br(m: Maker) -> bool:
    """Always branches."""
    n = target(m)
    if n is None:
        return False
    m.want(m.label(n).label)
    m.emit(Op.BR, n)
    m.never_returns()
    return True


def br_if(m: Maker) -> bool:
    """Branches on a number."""
    n = target(m)
    if n is None:
        return False
    types = m.label(n).label
    m.want((*types, I32))
    m.apply(Op.BR_IF, n, (*types, I32), *types)
    return True


def br_table(m: Maker) -> bool:
    """Labels that take the same, many of them several times."""
    n = target(m)
    if n is None:
        return False
    types = m.label(n).label
    m.want((*types, I32))
    have = m.here[-1 - len(types) : -1]
    labels = [
        k for k in m.labels() if m.label(k).label == types or m.w.all_fit(have, m.label(k).label)
    ]
    count = m.rng.choice((0, 1, 2, 3, 8, 40, 300))
    m.room += count // 10
    chosen = (*(m.rng.choice(labels) for _ in range(count)), n)
    m.emit(Op.BR_TABLE, chosen)
    m.never_returns()
    return True


def return_(m: Maker) -> bool:
    """Ends the function."""
    m.want(m.ctrls[0].results)
    m.emit(Op.RETURN)
    m.never_returns()
    return True


def unreachable(m: Maker) -> bool:
    """Traps."""
    m.emit(Op.UNREACHABLE)
    m.never_returns()
    return True


BRANCHES: Final[dict[int, Rule]] = {
    Op.BR: br,
    Op.BR_IF: br_if,
    Op.BR_TABLE: br_table,
    Op.RETURN: return_,
    Op.UNREACHABLE: unreachable,
}


# --- what takes and gives values of any type ------------------------------------------------------


def drop(m: Maker) -> bool:
    """Takes what is there, or something new."""
    if not m.here:
        m.produce(m.w.value_type())
    m.emit(Op.DROP)
    m.pop(1)
    return True


def select(m: Maker, t: ValType | None = None) -> bool:
    """Of two numbers, or of two references with their type written out."""
    if t is None:
        t = m.w.value_type()
    if isinstance(t, NumType) and m.chance(0.6):
        m.want((t, t, I32))
        m.apply(Op.SELECT, None, (t, t, I32), t)
    elif not m.w.has("reference-types"):
        return False
    else:
        m.want((t, t, I32))
        m.apply(Op.SELECT_T, (t,), (t, t, I32), t)
    return True


def _some_number(m: Maker) -> ValType:
    return m.rng.choice(m.w.numbers)


def local_get(m: Maker) -> bool:
    """Reads a local."""
    found = [x for x in range(len(m.locals)) if x not in m.unset]
    if not found:
        return False
    m.get_local(m.rng.choice(found))
    return True


def _assigned(m: Maker) -> int | None:
    """A local to assign; what it takes is on the stack."""
    found = [x for x in range(len(m.locals)) if x not in m.reserved]
    if not found:
        return None
    if m.here:
        fitting = m.writable(m.vals[-1])
        if fitting:
            return m.rng.choice(fitting)
    x = m.rng.choice(found)
    m.want((m.locals[x],))
    return x


def local_set(m: Maker) -> bool:
    """Writes a local."""
    x = _assigned(m)
    if x is None:
        return False
    m.set_local(x)
    return True


def local_tee(m: Maker) -> bool:
    """Writes a local and keeps the value, as the local's type."""
    x = _assigned(m)
    if x is None:
        return False
    m.apply(Op.LOCAL_TEE, x, (m.locals[x],), m.locals[x])
    m.unset.discard(x)
    return True


def global_get(m: Maker) -> bool:
    """Reads a global."""
    m.emit(Op.GLOBAL_GET, x := m.rng.randrange(len(m.w.globals)))
    m.vals.append(m.w.globals[x].value)
    return True


def global_set(m: Maker) -> bool:
    """Writes a global; the fuel is not for random values."""
    found = [x for x, g in enumerate(m.w.globals) if g.mutable and x != m.w.fuel]
    x = m.rng.choice(found)
    t = m.w.globals[x].value
    m.want((t,))
    m.apply(Op.GLOBAL_SET, x, (t,))
    return True


VARIABLES: Final[dict[int, Rule]] = {
    Op.DROP: drop,
    Op.SELECT: lambda m: select(m, _some_number(m)),
    Op.SELECT_T: select,
    Op.LOCAL_GET: local_get,
    Op.LOCAL_SET: local_set,
    Op.LOCAL_TEE: local_tee,
    Op.GLOBAL_GET: global_get,
    Op.GLOBAL_SET: global_set,
}
