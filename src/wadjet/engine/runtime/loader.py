"""Arrow 4 of the pipeline: a relocatable object → machine code that can run.

Reads the ELF objects that the compiler makes (on every system: the object format is ours to
choose), copies their sections to where they shall run and applies relocations. Symbols that an
object leaves open are asked of its surroundings; those too far away for a relative reference are
reached through a table of addresses.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from wadjet.base.records import dataclass
from typing import Final, NamedTuple, final

from wadjet.base.errors import EngineBug
from wadjet.engine.runtime.arena import Arena, Block
from wadjet.engine.runtime.lines import NAME, Inlined, read_lines

#: symbol → address
Resolver = Callable[[str], int]

_SHT_PROGBITS: Final = 1
_SHT_SYMTAB: Final = 2
_SHT_RELA: Final = 4
_SHT_NOBITS: Final = 8
_SHF_ALLOC: Final = 2
_LOCAL: Final = 0

_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_RELA: Final = struct.Struct("<QQq")

X86_64: Final = 62
AARCH64: Final = 183
#: machine → a jump to the address behind it, in eight bytes: `jmp *2(%rip)` and two of padding,
#: `ldr x16, #8; br x16`
_JUMPS: Final = {
    X86_64: b"\xff\x25\x02\x00\x00\x00\x66\x90",
    AARCH64: b"\x50\x00\x00\x58\x00\x02\x1f\xd6",
}
#: Bytes of an entry of a table of far addresses.
FAR: Final = 16


class Symbol(NamedTuple):
    """A function or datum that an object defines, in place. Others may use it if `is_global`."""

    name: str
    address: int
    size: int
    is_global: bool


class _Section(NamedTuple):
    name: int  # where it is in the table of names
    type: int
    exists: bool  # at run time
    offset: int
    size: int
    link: int
    info: int
    align: int


class Surroundings(ABC):
    """What lies around an object: where the symbols are that it leaves open."""

    @abstractmethod
    def near(self, name: str, reach: int, jump: bool) -> int:
        """An address to refer to by distance, which must be less than `reach`. With `jump` a jump
        to the symbol will do."""

    @abstractmethod
    def word(self, name: str) -> int:
        """The address of a word that holds the symbol's address."""


@final
class FarTable:
    """Addresses that are out of reach, each after a jump to it: `FAR` bytes for each name."""

    def __init__(self, view: memoryview, address: int, machine: int) -> None:
        self._view = view
        self._address = address
        self._jump = _JUMPS[machine]
        #: the names, in order
        self.names: Final[dict[str, int]] = {}

    def jump(self, name: str, resolve: Resolver) -> int:
        """The address of a jump to a symbol; the symbol's own address lies eight bytes behind."""
        number = self.names.get(name)
        if number is None:
            number = len(self.names)
            at = number * FAR
            if at + FAR > len(self._view):
                raise EngineBug(f"no room for {name} in a table of far addresses")
            self._view[at : at + FAR] = self._jump + resolve(name).to_bytes(8, "little")
            self.names[name] = number
        return self._address + number * FAR


class Linkable(ABC):
    """Code that can be put into place. `size` is what it takes in memory."""

    size: int

    @abstractmethod
    def link(
        self, view: memoryview, base: int, around: Surroundings
    ) -> "tuple[list[Symbol], bool]":
        """Put it into `view`, which runs at `base`; its symbols, and whether it may be moved
        together with its surroundings (else it holds addresses)."""


@final
class Object(Linkable):
    """A relocatable object. `size` is what it takes in memory, all sections one after the other;
    `machine` the number of its processor."""

    def __init__(self, image: bytes) -> None:
        self._image: Final = image
        if image[:5] != b"\x7fELF\x02":
            raise EngineBug("not a 64-bit ELF object")
        self.machine: Final = int.from_bytes(image[18:20], "little")
        start = int.from_bytes(image[40:48], "little")
        count = int.from_bytes(image[60:62], "little")
        end = start + count * _SECTION.size
        self._sections: Final[list[_Section]] = []
        #: section → its place in the layout
        self._places: Final[list[int]] = []
        self.size = 0
        for fields in _SECTION.iter_unpack(image[start:end]):
            name, type_, flags, _, offset, size, link, info, align, _ = fields
            exists = flags & _SHF_ALLOC != 0 and type_ in (_SHT_PROGBITS, _SHT_NOBITS)
            section = _Section(name, type_, exists, offset, size, link, info, max(align, 1))
            self._sections.append(section)
            self._places.append(self._lay_out(section) if exists else 0)
        self._symbols: Final = self._read_symbols()

    def _lay_out(self, section: _Section) -> int:
        place = (self.size + section.align - 1) // section.align * section.align
        self.size = place + section.size
        return place

    def _read_symbols(self) -> "list[tuple[str, int, int, int, int]]":
        """(name, section or 0, value, size, binding) of every symbol, in table order."""
        image, found = self._image, []
        for s in self._sections:
            if s.type == _SHT_SYMTAB:
                strings = self._sections[s.link].offset
                for fields in _SYMBOL.iter_unpack(image[s.offset : s.offset + s.size]):
                    name, info, _, section, value, size = fields
                    stop = image.index(b"\0", strings + name)
                    text = image[strings + name : stop].decode()
                    found.append((text, section, value, size, info >> 4))
        return found

    def undefined(self) -> list[str]:
        """The symbols that it leaves open."""
        return [name for name, section, *_ in self._symbols if section == 0 and name]

    def link(
        self, view: memoryview, base: int, around: Surroundings
    ) -> "tuple[list[Symbol], bool]":
        """See `Linkable.link`."""
        for s, place in zip(self._sections, self._places):
            if s.exists and s.type != _SHT_NOBITS:
                view[place : place + s.size] = self._image[s.offset : s.offset + s.size]
        linker = _LINKERS[self.machine](view, base, around)
        for s in self._sections:
            # relocations of what does not exist are of unwind tables: nobody reads them
            if s.type == _SHT_RELA and self._sections[s.info].exists:
                self._relocate(s, linker)
        symbols = [
            Symbol(name, base + self._places[section] + value, size, binding != _LOCAL)
            for name, section, value, size, binding in self._symbols
            if name and 0 < section < len(self._sections)
        ]
        for section, start, size, functions in self._inlined():
            place = base + self._places[section] + start
            symbols += [Symbol(f"f{index}", place, size, False) for index in functions]
        return symbols, linker.movable

    def _inlined(self) -> list[Inlined]:
        """What of the code was inlined, and from where."""
        names = self._sections[int.from_bytes(self._image[62:64], "little")].offset
        for k, s in enumerate(self._sections):
            name = names + s.name
            if self._image[name : name + len(NAME) + 1] == NAME.encode() + b"\0":
                return read_lines(self._image[s.offset : s.offset + s.size], self._goals(k))
        return []

    def _goals(self, section: int) -> dict[int, tuple[int, int]]:
        """What the relocated words of a section refer to: offset → (section, offset in it)."""
        goals = {}
        for s in self._sections:
            if s.type == _SHT_RELA and s.info == section:
                data = self._image[s.offset : s.offset + s.size]
                for offset, info, addend in _RELA.iter_unpack(data):
                    _, target, value, _, _ = self._symbols[info >> 32]
                    goals[offset] = target, value + addend
        return goals

    def _relocate(self, rela: _Section, linker: "_Linker") -> None:
        target, symbols, places = self._places[rela.info], self._symbols, self._places
        base, apply = linker.base, linker.apply
        data = self._image[rela.offset : rela.offset + rela.size]
        for offset, info, addend in _RELA.iter_unpack(data):
            name, section, value, _, _ = symbols[info >> 32]
            address = base + places[section] + value if section else None
            apply(info & 0xFFFFFFFF, target + offset, name, address, addend)


class _Linker(ABC):
    """Applies relocations of one machine."""

    def __init__(self, view: memoryview, base: int, around: Surroundings) -> None:
        self.base: Final = base
        self.view: Final = view
        self.around: Final = around
        self.movable = True

    @abstractmethod
    def apply(self, kind: int, place: int, name: str, address: int | None, addend: int) -> None:
        """Patch the word at `place` so that it refers to `address` + `addend`, or to what has
        this name elsewhere."""

    def absolute(self, place: int, name: str, address: int | None, addend: int) -> None:
        """Write the address itself."""
        if address is None:
            address = self.around.near(name, 1 << 64, jump=False)
        self.movable = False
        self.view[place : place + 8] = ((address + addend) % 2**64).to_bytes(8, "little")

    def distance(
        self, place: int, name: str, address: int | None, addend: int, *, bits: int, jump: bool
    ) -> int:
        """How far it is from `place` to there: fits `bits`."""
        reach = 1 << (bits - 1)
        if address is None:
            address = self.around.near(name, reach, jump)
        value = address + addend - self.base - place
        if not -reach <= value < reach:
            raise EngineBug(f"{name} is out of reach")
        return value


class _X86(_Linker):
    """R_X86_64_*: 1 64, 2 PC32, 4 PLT32, 9 GOTPCREL, 24 PC64, 41 GOTPCRELX, 42 REX_GOTPCRELX."""

    def apply(self, kind: int, place: int, name: str, address: int | None, addend: int) -> None:
        size = 4
        if kind == 4 or kind == 2:
            value = self.distance(place, name, address, addend, bits=32, jump=kind == 4)
        elif kind in (9, 41, 42):
            word = self.around.word(name)
            value = self.distance(place, name, word, addend, bits=32, jump=False)
        elif kind == 24:
            size = 8
            value = self.distance(place, name, address, addend, bits=64, jump=False)
        elif kind == 1:
            self.absolute(place, name, address, addend)
            return
        else:
            raise EngineBug(f"relocation {kind} of {name}")
        self.view[place : place + size] = value.to_bytes(size, "little", signed=True)


class _Arm64(_Linker):
    """R_AARCH64_*: pages, low twelve bits, calls and jumps."""

    #: LDST relocation → how far the low twelve bits are scaled
    SCALES: Final = {277: 0, 278: 0, 284: 1, 285: 2, 286: 3, 299: 4, 312: 3}

    def apply(self, kind: int, place: int, name: str, address: int | None, addend: int) -> None:
        if kind == 257:  # ABS64
            self.absolute(place, name, address, addend)
        elif kind in (260, 261):  # PREL64, PREL32
            size = 8 if kind == 260 else 4
            value = self.distance(place, name, address, addend, bits=8 * size, jump=False)
            self.view[place : place + size] = value.to_bytes(size, "little", signed=True)
        elif kind in (282, 283):  # JUMP26, CALL26
            value = self.distance(place, name, address, addend, bits=28, jump=True)
            self._merge(place, (value >> 2) & 0x3FFFFFF)
        elif kind in (275, 311):  # ADR_PREL_PG_HI21, ADR_GOT_PAGE
            goal = self._goal(kind == 311, name, address, addend)
            pages = (goal >> 12) - ((self.base + place) >> 12)
            self._merge(place, (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5)
        elif kind in self.SCALES:  # ADD_ABS_LO12_NC, LDSTn_ABS_LO12_NC, LD64_GOT_LO12_NC
            goal = self._goal(kind == 312, name, address, addend)
            self._merge(place, ((goal & 0xFFF) >> self.SCALES[kind]) << 10)
        else:
            raise EngineBug(f"relocation {kind} of {name}")

    def _goal(self, word: bool, name: str, address: int | None, addend: int) -> int:
        if word:
            return self.around.word(name)
        if address is None:
            address = self.around.near(name, 1 << 32, jump=False)
        return address + addend

    def _merge(self, place: int, bits: int) -> None:
        word = int.from_bytes(self.view[place : place + 4], "little")
        self.view[place : place + 4] = (word | bits).to_bytes(4, "little")


_LINKERS: Final[dict[int, type[_Linker]]] = {X86_64: _X86, AARCH64: _Arm64}


# --- objects that stand alone --------------------------------------------------------------------


@dataclass(slots=True)
class Loaded:
    """Machine code in place: `block` keeps it alive, `symbols` gives addresses and sizes."""

    block: Block
    symbols: dict[str, tuple[int, int]]


@final
class _Alone(Surroundings):
    """An object with a table of far addresses of its own."""

    def __init__(self, resolve: Resolver, base: int, table: FarTable) -> None:
        self._resolve = resolve
        self._base = base
        self._table = table

    def near(self, name: str, reach: int, jump: bool) -> int:
        address = self._resolve(name)
        # half the reach: wherever in the object the reference stands
        if jump and abs(address - self._base) >= reach // 2:
            return self._table.jump(name, self._resolve)
        return address

    def word(self, name: str) -> int:
        return self._table.jump(name, self._resolve) + 8


def load(image: bytes, resolve: Resolver, arena: Arena) -> Loaded:
    """Place an object in the arena and link it."""
    loaded = Object(image)
    far = (loaded.size + FAR - 1) // FAR * FAR
    block = arena.allocate(far + FAR * len(loaded.undefined()))
    view = block.view()
    table = FarTable(view[far:], block.address + far, loaded.machine)
    symbols, _ = loaded.link(view, block.address, _Alone(resolve, block.address, table))
    return Loaded(block, {s.name: (s.address, s.size) for s in symbols})
