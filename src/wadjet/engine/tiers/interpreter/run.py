"""One run of the interpreter: from a call by the host until it returns.

The frames of guest functions are on stacks of our own, never on Python's, so that how deep calls
nest is a matter of `Limits.stack`, tail calls take no room, and a stack can be put aside as a
continuation.
"""

from collections.abc import Iterator
from typing import Final, final

from wadjet.base.errors import Exhaustion, Interrupted, Trap, WasmException
from wadjet.base.errors import Frame as Place
from wadjet.engine.contract.layout import VM_STORE
from wadjet.engine.contract.machine import MAX_FRAMES
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.gc.holders import Holder
from wadjet.engine.runtime.exceptions import Thrown, enter_guest, leave_guest
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers.interpreter.fibers import Fiber
from wadjet.engine.tiers.interpreter.prepare import prepare
from wadjet.engine.tiers.interpreter.steps import (
    ALLOCATE, APPLY, BINARY, BR_IF, BR_ON, BR_TABLE, BR_UNLESS, CALL, CALL_VIA, CHECK, CONST, DROP,
    HOST, JUMP, LOCAL_GET, LOCAL_SET, LOCAL_TEE, MOVE, NULLARY, RETURN, RETURN_CALL, SINK, STOP,
    STORE, SWITCH, TERNARY, TRANSFERS, UNARY, Block, Callee, Clause, Frame,
)  # fmt: skip
from wadjet.engine.tiers.interpreter.unit import Unit, Work, heap_of

#: A look at the clock and at requests to stop after so many safe points.
_TICKS: Final = 1000


@final
class Run(Holder):
    """The state of a run: the fiber that runs and what is left of the limits.

    `room` is what is left of the stack limit; while `execute` is at work it is right only during
    SWITCH steps and unwinding.
    """

    __slots__ = ("__weakref__", "fiber", "metered", "room", "store")

    def __init__(self, store: Store) -> None:
        self.store: Final = store
        self.metered: Final = store.limits.fuel is not None
        self.room = store.limits.stack
        self.fiber = Fiber(self.room)

    def call(self, callee: Callee, args: list[int]) -> list[int]:
        """Run a function on raw values.

        Raises Trap and Exhaustion with the guest's backtrace, WasmException for an exception that
        nobody caught, and whatever host functions raise.
        """
        runs = self.store.runs
        runs.append(self)
        try:
            self.fiber.frames.append(self.frame(callee, args))
            return self.execute()
        finally:
            runs.pop()

    def frame(self, callee: Callee, args: list[int]) -> Frame:
        """A new frame at the beginning of a function."""
        entry = callee.entry or prepare(callee)
        self.room -= callee.cost
        if self.room < 0:
            raise failure(TrapCode.STACK_EXHAUSTED)
        return callee, entry, args + callee.zeros, []

    # The instruction cycle cannot be cut up: its variables must be locals, and a call would cost
    # more than most steps do.
    # long: every step through it counts
    def execute(self) -> list[int]:
        """Run the innermost frame of the current fiber until its outermost returns."""
        frames = self.fiber.frames
        callee, block, locals_, stack = frames.pop()
        push, pop = stack.append, stack.pop
        ticks, room = 0, self.room
        while True:
            try:
                while True:
                    for kind, a, b in block.steps:
                        if kind < TRANSFERS:
                            if kind == LOCAL_GET:
                                push(locals_[a])
                            elif kind == BINARY:
                                operand = pop()
                                stack[-1] = a(stack[-1], operand)
                            elif kind == CONST:
                                push(a)
                            elif kind == LOCAL_SET:
                                locals_[a] = pop()
                            elif kind == UNARY:
                                stack[-1] = a(stack[-1])
                            elif kind == LOCAL_TEE:
                                locals_[a] = stack[-1]
                            elif kind == STORE:
                                operand = pop()
                                a(pop(), operand)
                            elif kind == NULLARY:
                                push(a())
                            elif kind == SINK:
                                a(pop())
                            elif kind == DROP:
                                pop()
                            elif kind == TERNARY:
                                third, operand = pop(), pop()
                                stack[-1] = a(stack[-1], operand, third)
                            elif kind == CHECK:
                                ticks -= a
                                if ticks <= 0:
                                    ticks = self.tick(ticks)
                            elif kind == MOVE:
                                del stack[a : len(stack) - b]
                            elif kind == APPLY:
                                _apply(stack, a, b)
                            elif kind == ALLOCATE:
                                self.allocate(locals_, stack, a, b)
                            elif kind == HOST:
                                stack += a(locals_)
                        elif kind == BR_IF:
                            if pop():
                                block = a
                                break
                        elif kind == JUMP:
                            block = a
                            break
                        elif kind == BR_UNLESS:
                            if not pop():
                                block = a
                                break
                        elif kind in (CALL, CALL_VIA):
                            called = a if kind == CALL else a(pop())
                            at = len(stack) - called.arity
                            args = stack[at:]
                            del stack[at:]
                            frames.append((callee, b, locals_, stack))
                            callee, stack = called, []
                            push, pop = stack.append, stack.pop
                            block = called.entry or prepare(called)
                            locals_ = args + called.zeros
                            room -= called.cost
                            if room < 0:
                                raise failure(TrapCode.STACK_EXHAUSTED)
                            break
                        elif kind == RETURN:
                            results = stack[len(stack) - a :]
                            room += callee.cost
                            while not frames:
                                parent = self.fiber.parent
                                if parent is None:
                                    self.settle(ticks)
                                    return results
                                self.fiber, frames = parent, parent.frames
                            callee, block, locals_, stack = frames.pop()
                            push, pop = stack.append, stack.pop
                            stack += results
                            break
                        elif kind == BR_TABLE:
                            index = pop()
                            block = a[index] if index < len(a) else b
                            break
                        elif kind == BR_ON:
                            if a(stack):
                                block = b
                                break
                        elif kind == STOP:
                            raise failure(a)
                        elif kind == SWITCH:
                            frames.append((callee, b, locals_, stack))
                            self.room = room
                            a(self)
                            room, frames = self.room, self.fiber.frames
                            callee, block, locals_, stack = frames.pop()
                            push, pop = stack.append, stack.pop
                            break
                        else:  # RETURN_CALL, RETURN_CALL_VIA
                            called = a if kind == RETURN_CALL else a(pop())
                            args = stack[len(stack) - called.arity :]
                            del stack[:]
                            block = called.entry or prepare(called)
                            room += callee.cost - called.cost
                            callee = called
                            locals_ = args + called.zeros
                            if room < 0:
                                raise failure(TrapCode.STACK_EXHAUSTED)
                            break
            except WasmException as error:
                self.save((callee, block, locals_, stack))
                self.settle(ticks)
                ticks, self.room = 0, room
                self.unwind(enter_guest(error, self.store))
                room, frames = self.room, self.fiber.frames
                callee, block, locals_, stack = frames.pop()
                push, pop = stack.append, stack.pop
            except BaseException as error:
                self.settle(ticks)
                if isinstance(error, Trap | Exhaustion | Interrupted):
                    self.save((callee, block, locals_, stack))
                    error.backtrace += self.backtrace()
                raise

    # -- safe points ------------------------------------------------------------------------------

    def tick(self, ticks: int) -> int:
        """Look whether the run must stop; how many ticks may pass until the next look. `ticks` is
        what has been left, not more than zero."""
        self.stop_if_asked()
        if not self.metered:
            return _TICKS
        address = self.store.address
        left = VM_STORE.read(address, "fuel") + ticks
        grant = min(max(left, 0), _TICKS)
        VM_STORE.write(address, "fuel", max(left, 0) - grant)
        if left < 0:
            raise failure(TrapCode.OUT_OF_FUEL)
        return grant

    def stop_if_asked(self) -> None:
        """Raise if time is over or somebody wants the run to end."""
        code = VM_STORE.read(self.store.address, "interrupt")
        if code:
            raise failure(code)

    def settle(self, ticks: int) -> None:
        """Give back the fuel that was drawn in advance."""
        if self.metered and ticks > 0:
            address = self.store.address
            VM_STORE.write(address, "fuel", VM_STORE.read(address, "fuel") + ticks)

    # -- the heap ---------------------------------------------------------------------------------

    def allocate(
        self, locals_: list[int], stack: list[int], work: Work, shape: tuple[int, int]
    ) -> None:
        """A step that makes an object; `locals_` and `stack` are those of the frame that runs.

        Garbage is collected when it is time, or where there is no room, while the operands are
        still on the stack.
        """
        if heap_of(self.store).wants_collection:
            self.store.collect(locals_ + stack)
        args = stack[len(stack) - shape[0] :]
        try:
            word = work(*args)
        except Exhaustion:
            self.store.collect(locals_ + stack)
            word = work(*args)
        del stack[len(stack) - shape[0] :]
        stack.append(word)

    def make_room(self, *words: int) -> None:
        """Collect garbage if it is time, or if there is no room for another exception or
        continuation. All frames are on their fibers; `words` are what else is in use."""
        heap = heap_of(self.store)
        if heap.wants_collection or heap.is_full:
            self.store.collect(words)

    def held(self) -> Iterator[int]:
        """The values in all frames but the one that `execute` has in hand."""
        fiber: Fiber | None = self.fiber
        while fiber is not None:
            yield from fiber.held()
            fiber = fiber.parent

    # -- unwinding --------------------------------------------------------------------------------

    def save(self, frame: Frame) -> None:
        """Put the frame that was running back on its fiber, unless a SWITCH step has done so."""
        frames = self.fiber.frames
        if not frames or frames[-1][3] is not frame[3]:
            frames.append(frame)

    def unwind(self, error: Thrown) -> None:
        """Drop frames until one handles the exception, and let that one go on there. Raises where
        none does."""
        self.make_room(*error.held())
        while True:
            frames = self.fiber.frames
            while frames:
                callee, block, locals_, stack = frames[-1]
                found = _handler(block, error)
                if found is not None:
                    clause, height = found
                    del stack[height:]
                    self._deliver(error, clause, stack)
                    frames[-1] = (callee, clause.target, locals_, stack)
                    return
                frames.pop()
                self.room += callee.cost
            parent = self.fiber.parent
            if parent is None:
                raise leave_guest(error, self.store)
            self.fiber = parent

    def _deliver(self, error: Thrown, clause: Clause, stack: list[int]) -> None:
        if clause.tag is not None:
            stack += error.raw
        if clause.with_ref:
            stack.append(error.kept(heap_of(self.store)))

    def backtrace(self) -> tuple[Place, ...]:
        """The guest functions on the stack, innermost first."""
        places: list[Place] = []
        fiber: Fiber | None = self.fiber
        while fiber is not None:
            for callee, *_ in reversed(fiber.frames):
                if callee.unit is not None and len(places) < MAX_FRAMES:
                    places.append(_place(callee.unit, callee.index))
            fiber = fiber.parent
        return tuple(places)


def _place(unit: Unit, index: int) -> Place:
    names = unit.instance.module.names
    return Place(names.module, index, names.funcs.get(index))


def _apply(stack: list[int], work: Work, shape: tuple[int, int]) -> None:
    """A step with unusual numbers of operands and results."""
    operands, results = shape
    at = len(stack) - operands
    args = stack[at:]
    del stack[at:]
    value = work(*args)
    if results == 1:
        stack.append(value)
    elif results:
        stack.extend(value)


def _handler(block: Block, error: Thrown) -> tuple[Clause, int] | None:
    """The clause that catches what is thrown in a block, and the height of the stack there."""
    region = block.region
    while region is not None:
        for clause in region.clauses:
            if clause.tag is None or clause.tag is error.tag:
                return clause, region.height
        region = region.parent
    return None
