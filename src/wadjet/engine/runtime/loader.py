"""Arrow 4 of the pipeline: a relocatable object → machine code that can run.

Reads the ELF objects that the compiler makes (on every system: the object format is ours to
choose), copies their sections into the arena and applies relocations. Symbols that the object
leaves open are asked of a resolver; those too far away for a relative reference get a veneer.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from wadjet.base.errors import EngineBug
from wadjet.engine.runtime.arena import Arena, Block

#: symbol → address
Resolver = Callable[[str], int]

_SHT_PROGBITS: Final = 1
_SHT_SYMTAB: Final = 2
_SHT_RELA: Final = 4
_SHT_NOBITS: Final = 8
_SHF_ALLOC: Final = 2

_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_RELA: Final = struct.Struct("<QQq")


@dataclass(slots=True)
class _Section:
    name: int
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    place: int = 0  # offset in the block


@dataclass(slots=True)
class Loaded:
    """Machine code in place: `block` keeps it alive, `symbols` gives addresses and sizes."""

    block: Block
    symbols: dict[str, tuple[int, int]]
    locals: frozenset[str]

    def is_global(self, name: str) -> bool:
        """Whether a symbol is for others to use."""
        return name not in self.locals


def load(image: bytes, resolve: Resolver, arena: Arena) -> Loaded:
    """Place an object in the arena and link it."""
    return _Object(image).place(resolve, arena)


class _Object:
    def __init__(self, image: bytes) -> None:
        self.image = image
        if image[:5] != b"\x7fELF\x02":
            raise EngineBug("not a 64-bit ELF object")
        self.machine = int.from_bytes(image[18:20], "little")
        start = int.from_bytes(image[40:48], "little")
        count = int.from_bytes(image[60:62], "little")
        self.sections = []
        for k in range(count):
            name, type_, flags, _, offset, size, link, info, align, _ = _SECTION.unpack_from(
                image, start + k * _SECTION.size
            )
            self.sections.append(
                _Section(name, type_, flags, offset, size, link, info, max(align, 1))
            )

    def place(self, resolve: Resolver, arena: Arena) -> Loaded:
        size = self._lay_out()
        undefined = self._undefined()
        #: veneers and table of far addresses: 16 bytes for each open symbol
        far = (size + 15) // 16 * 16
        block = arena.allocate(far + 32 * len(undefined))
        view = block.view()
        for s in self.sections:
            if s.flags & _SHF_ALLOC and s.type != _SHT_NOBITS:
                view[s.place : s.place + s.size] = self.image[s.offset : s.offset + s.size]
        linker = _LINKERS[self.machine](block, view, far)
        addresses = {name: resolve(name) for name in undefined}
        self._relocate(linker, addresses)
        local = frozenset(s[0] for s in self._symbol_table if s[4] == 0)
        return Loaded(block, self._defined(block), local)

    def _lay_out(self) -> int:
        """Give every section that exists at run time its place; the total size."""
        end = 0
        for s in self.sections:
            if s.flags & _SHF_ALLOC and s.type in (_SHT_PROGBITS, _SHT_NOBITS):
                end = (end + s.align - 1) // s.align * s.align
                s.place = end
                end += s.size
        return end

    @cached_property
    def _symbol_table(self) -> "list[tuple[str, int, int, int, int]]":
        """(name, section or 0, value, size, binding) of every symbol, in table order."""
        for s in self.sections:
            if s.type == _SHT_SYMTAB:
                break
        else:
            return []
        strings = self.sections[s.link].offset
        found = []
        for at in range(s.offset, s.offset + s.size, _SYMBOL.size):
            name, info, _, section, value, size = _SYMBOL.unpack_from(self.image, at)
            stop = self.image.index(b"\0", strings + name)
            text = self.image[strings + name : stop].decode()
            found.append((text, section, value, size, info >> 4))
        return found

    def _undefined(self) -> list[str]:
        return [name for name, section, *_ in self._symbol_table if section == 0 and name]

    def _defined(self, block: Block) -> dict[str, tuple[int, int]]:
        return {
            name: (block.address + self.sections[section].place + value, size)
            for name, section, value, size, _ in self._symbol_table
            if name and 0 < section < len(self.sections)
        }

    def _relocate(self, linker: "_Linker", addresses: dict[str, int]) -> None:
        symbols = self._symbol_table
        for s in self.sections:
            if s.type != _SHT_RELA or not self.sections[s.info].flags & _SHF_ALLOC:
                continue
            if self.sections[s.info].type not in (_SHT_PROGBITS, _SHT_NOBITS):
                continue  # unwind tables: nobody reads them
            target = self.sections[s.info].place
            for at in range(s.offset, s.offset + s.size, _RELA.size):
                offset, info, addend = _RELA.unpack_from(self.image, at)
                name, section, value, _, _ = symbols[info >> 32]
                if section:
                    address = linker.base + self.sections[section].place + value
                else:
                    address = addresses[name]
                linker.apply(info & 0xFFFFFFFF, target + offset, name, address, addend)


class _Linker(ABC):
    """Applies relocations of one machine to a block."""

    def __init__(self, block: Block, view: memoryview, far: int) -> None:
        self.base = block.address
        self.view = view
        self._next = far
        self._far: dict[tuple[str, str], int] = {}

    @abstractmethod
    def apply(self, kind: int, place: int, name: str, address: int, addend: int) -> None:
        """Patch the word at `place` so that it refers to `address` + `addend`."""

    def entry(self, name: str, address: int) -> int:
        """The address of a table word that holds `address`."""
        found = self._far.get(("entry", name))
        if found is None:
            found = self._far[("entry", name)] = self._next
            self.view[found : found + 8] = address.to_bytes(8, "little")
            self._next += 16
        return self.base + found

    def veneer(self, name: str, address: int, code: bytes) -> int:
        """The address of a piece of code that jumps to a far address; it ends in that address."""
        found = self._far.get(("veneer", name))
        if found is None:
            found = self._far[("veneer", name)] = self._next
            text = code + address.to_bytes(8, "little")
            self.view[found : found + len(text)] = text
            self._next += 16
        return self.base + found


class _X86(_Linker):
    """R_X86_64_*: 1 64, 2 PC32, 4 PLT32, 9 GOTPCREL, 24 PC64, 41 GOTPCRELX, 42 REX_GOTPCRELX."""

    #: jmp *2(%rip), two bytes of padding, then the address
    JUMP: Final = b"\xff\x25\x02\x00\x00\x00\x66\x90"

    def apply(self, kind: int, place: int, name: str, address: int, addend: int) -> None:
        here = self.base + place
        if kind == 1:
            self.view[place : place + 8] = ((address + addend) % 2**64).to_bytes(8, "little")
            return
        if kind == 24:
            value = (address + addend - here) % 2**64
            self.view[place : place + 8] = value.to_bytes(8, "little")
            return
        if kind in (9, 41, 42):
            address = self.entry(name, address)
        elif kind not in (2, 4):
            raise EngineBug(f"relocation {kind} of {name}")
        value = address + addend - here
        if kind == 4 and not -(2**31) <= value < 2**31:
            value = self.veneer(name, address, self.JUMP) + addend - here
        if not -(2**31) <= value < 2**31:
            raise EngineBug(f"{name} is out of reach")
        self.view[place : place + 4] = (value % 2**32).to_bytes(4, "little")


class _Arm64(_Linker):
    """R_AARCH64_*: pages, low twelve bits, calls and jumps."""

    #: ldr x16, #8 ; br x16, then the address
    JUMP: Final = b"\x50\x00\x00\x58\x00\x02\x1f\xd6"

    #: LDST relocation → how far the low twelve bits are scaled
    SCALES: Final = {277: 0, 278: 0, 284: 1, 285: 2, 286: 3, 299: 4, 312: 3}

    def apply(self, kind: int, place: int, name: str, address: int, addend: int) -> None:
        here = self.base + place
        if kind == 257:  # ABS64
            self.view[place : place + 8] = ((address + addend) % 2**64).to_bytes(8, "little")
        elif kind == 260:  # PREL64
            value = (address + addend - here) % 2**64
            self.view[place : place + 8] = value.to_bytes(8, "little")
        elif kind == 261:  # PREL32
            value = (address + addend - here) % 2**32
            self.view[place : place + 4] = value.to_bytes(4, "little")
        elif kind in (282, 283):  # JUMP26, CALL26
            value = address + addend - here
            if not -(2**27) <= value < 2**27:
                value = self.veneer(name, address, self.JUMP) + addend - here
            self._merge(place, (value >> 2) & 0x3FFFFFF)
        elif kind in (275, 311):  # ADR_PREL_PG_HI21, ADR_GOT_PAGE
            goal = self.entry(name, address) if kind == 311 else address + addend
            pages = (goal >> 12) - (here >> 12)
            self._merge(place, (pages & 3) << 29 | (pages >> 2 & 0x7FFFF) << 5)
        elif kind in self.SCALES:  # ADD_ABS_LO12_NC, LDSTn_ABS_LO12_NC, LD64_GOT_LO12_NC
            goal = self.entry(name, address) if kind == 312 else address + addend
            self._merge(place, ((goal & 0xFFF) >> self.SCALES[kind]) << 10)
        else:
            raise EngineBug(f"relocation {kind} of {name}")

    def _merge(self, place: int, bits: int) -> None:
        word = int.from_bytes(self.view[place : place + 4], "little")
        self.view[place : place + 4] = (word | bits).to_bytes(4, "little")


_LINKERS: Final[dict[int, type[_Linker]]] = {62: _X86, 183: _Arm64}
