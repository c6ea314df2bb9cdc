"""The machine code of one module: one piece of the arena, which can be kept and put back.

    far addresses    of what lies outside
    slots            the address of the best code there is for each function
    stubs            what the slots hold at first
    tails            slots and stubs once more, for the entries of tail calls
    functions        with their constants, in the order in which they came

Whatever is in it refers to the rest of it by distance, and to everything outside through the far
addresses. So functions may lie anywhere, as long as all of it lies alike: their bytes can be put
into an image of the same module in another process as they are. Where one image is full, further
ones, without slots, take what comes.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, final

from wadjet.engine.contract.layout import WORD
from wadjet.engine.runtime.loader import (
    AARCH64,
    FAR,
    X86_64,
    FarTable,
    Linkable,
    Symbol,
    Surroundings,
)
from wadjet.engine.runtime.stubs import STUB, STUBS

if TYPE_CHECKING:
    from weakref import ref

    from wadjet.engine.runtime.machine import Machine
    from wadjet.engine.runtime.native import NativeCode

#: Bytes for far addresses: more names than the runtime has for guests.
_FAR_SIZE: Final = 256 * FAR
#: Where an image begins is a multiple of this: AArch64 refers to pages.
_ALIGNS: Final = {"x86_64": 64, "aarch64": 4096}
_MACHINES: Final = {"x86_64": X86_64, "aarch64": AARCH64}


class Placed(NamedTuple):
    """A function in an image: its index (imports count), whether this is its entry for tail calls,
    whether others may use it (not what was inlined into the function before it, and not what goes
    on from one of its loops), its level, where it begins (an offset in the image) and its size."""

    function: int
    tail: bool
    is_global: bool
    level: int
    start: int
    size: int


class Saved(NamedTuple):
    """The contents of an image from `start` to `end`: the names of far addresses in order (all of
    them), functions, bytes."""

    names: Sequence[str]
    functions: Sequence[Placed]
    start: int
    code: bytes


@final
class Image(Surroundings):
    """See the module. `count` slots, and `room` bytes for functions; a further image has no slots,
    but a `home` that has them."""

    def __init__(
        self, machine: "Machine", owner: "ref[NativeCode]", count: int, room: int,
        home: "Image | None" = None,
    ) -> None:  # fmt: skip
        self._machine: Final = machine
        #: whose it is
        self.owner: Final = owner
        self._count: Final = count
        align = _ALIGNS[machine.arch]
        #: where functions begin
        self.first: Final = _FAR_SIZE + 2 * count * (WORD + STUB) + align & -align
        block = machine.arena.allocate(self.first + room + align)
        self._block: Final = block  # keeps the memory
        skip = -block.address % align
        #: where it begins, and where the next function may
        self.address: Final = block.address + skip
        self.end = self.first
        self._view: Final = block.view()[skip : skip + self.first + room]
        far = self._view[:_FAR_SIZE]
        self._far: Final = FarTable(far, self.address, _MACHINES[machine.arch])
        self.slots: Final = self._words(_FAR_SIZE)
        self.tails: Final = self._words(_FAR_SIZE + count * (WORD + STUB))
        self.has_tails = False
        self._home: Final = home or self
        #: whether all of it may be put elsewhere
        self.movable = home is None
        self.functions: Final[list[Placed]] = []
        self._starts: Final = array("Q")
        #: where there are distances to what lies outside: these are not kept
        self._outward: Final[list[int]] = []
        self._slot: int = 0  # what `slot` means to the object that is being placed

    def _words(self, start: int) -> memoryview:
        # one word more, for a memoryview of none cannot be cast
        words = self._view[start : start + WORD * (self._count + 1)].cast("Q")
        return words[: self._count]

    # --- slots -------------------------------------------------------------------------------

    def open(self, tails: bool = False) -> None:
        """Fill the slots, or those for tail calls, with stubs, which ask for numbers from 0 on, or
        from the number of slots on."""
        count, machine = self._count, self._machine
        at = _FAR_SIZE + (count * (WORD + STUB) if tails else 0) + WORD * count
        stubs = self.address + at
        common = machine.symbols["wj_lazy_common"]
        text = STUBS[machine.arch](stubs, count if tails else 0, count, common)
        self._view[at : at + STUB * count] = text
        slots = self.tails if tails else self.slots
        slots[:] = memoryview(array("Q", range(stubs, stubs + STUB * count, STUB)))
        self.has_tails = self.has_tails or tails

    def stub(self, slot: int) -> int:
        """The address of a slot's stub."""
        return self.address + _FAR_SIZE + WORD * self._count + STUB * slot

    def slot_address(self, slot: int) -> int:
        """Where a slot is."""
        return self.address + _FAR_SIZE + WORD * slot

    # --- surroundings of functions -----------------------------------------------------------

    def near(self, name: str, reach: int, jump: bool) -> int:
        """Slots are at a fixed distance; everything else is far."""
        home = self._home
        if name == "slots":
            return home.slot_address(0)
        if name == "slot":
            return home.slot_address(self._slot)
        if name == "tails":
            self._machine.want_tails()
            return home.slot_address(0) + home._count * (WORD + STUB)
        assert jump, f"{name} is not called"
        return self._far.jump(name, self._machine.resolve)

    def word(self, name: str) -> int:
        """A far address."""
        return self._far.jump(name, self._machine.resolve) + 8

    # --- functions ---------------------------------------------------------------------------

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more would fit."""
        return self.end + size + _ALIGNS["x86_64"] <= len(self._view)

    def place(self, loaded: Linkable, level: int, slot: int = 0) -> list[Placed]:
        """Add the functions of an object; `slot` is what it calls so."""
        start = (self.end + 63) & -64
        self._slot = slot
        view = self._view[start : start + loaded.size]
        symbols, movable = loaded.link(view, self.address + start, self)
        self.movable = self.movable and movable
        found = [self._placed(s, level) for s in symbols if _is_function(s.name)]
        found.sort(key=lambda each: (each.start, not each.is_global, -each.size))
        self._add(found)
        self.end = start + loaded.size
        return found

    def _placed(self, s: Symbol, level: int) -> Placed:
        start = s.address - self.address
        is_global = s.is_global and s.name[0] != "o"
        return Placed(int(s.name[1:]), s.name[0] == "t", is_global, level, start, s.size)

    def _add(self, found: Sequence[Placed]) -> None:
        self.functions.extend(found)
        self._starts.extend([each.start for each in found])

    def code(self, function: Placed) -> bytes:
        """The machine code of a function."""
        return bytes(self._view[function.start : function.start + function.size])

    def functions_at(self, pc: int) -> list[Placed]:
        """The functions that an address is in, those inlined into others first; empty if it is in
        none."""
        offset = pc - self.address
        found = []
        for k in range(bisect_right(self._starts, offset) - 1, -1, -1):
            each = self.functions[k]
            if offset < each.start + each.size:
                found.append(each)
            if each.is_global:
                break
        return found

    def holds(self, address: int) -> bool:
        """Whether an address is that of a function's code in here."""
        return self.first <= address - self.address < self.end

    def leads(self, place: int) -> bool:
        """Whether there is a distance at an offset."""
        return any(self._view[place : place + 4])

    def lead(self, place: int, goal: int) -> None:
        """Write the distance from an offset to an address there, in 32 bits (an aligned word: it is
        written in one go)."""
        if not self.holds(goal):
            self._outward.append(place)
        self._view[place : place + 4].cast("i")[0] = goal - self.address - place

    # --- keeping it --------------------------------------------------------------------------

    def save(self, start: int, known: int) -> Saved:
        """What has come since it ended at `start` and had `known` functions."""
        code = bytearray(self._view[start : self.end])
        for place in self._outward:
            if place >= start:
                code[place - start : place - start + 4] = bytes(4)
        return Saved(list(self._far.names), self.functions[known:], start, bytes(code))

    def restore(self, saved: Saved) -> bool:
        """Put back what was saved; False if this is not where it belongs."""
        names = self._far.names
        known = list(saved.names[: len(names)]) == list(names)
        if saved.start != self.end or not known or not self.has_room(len(saved.code)):
            return False
        for name in saved.names:
            self._far.jump(name, self._machine.resolve)
        self._view[saved.start : saved.start + len(saved.code)] = saved.code
        self.end = saved.start + len(saved.code)
        self._add(saved.functions)
        return True


def _is_function(name: str) -> bool:
    """Whether an object calls a function so: itself (f), its entry for tail calls (t), or what goes
    on from one of its loops (o), which is not for all to call."""
    return name[0] in "fto" and name[1:].isdigit()
