"""The table of libraries that may be opened by name, as `libdl.wat` reads it."""

import struct
from collections.abc import Mapping
from typing import Final, final

_HEADER: Final = struct.Struct("<II")
_LIBRARY: Final = struct.Struct("<IIII")
_SYMBOL: Final = struct.Struct("<III")


@final
class Opening:
    """The table, laid out from the address `base` on. Libraries are added, and it is finished; then
    `data` are its bytes, and `unknown` the places in memory for addresses that are not known yet,
    with the library and the symbol whose they are."""

    def __init__(self, base: int) -> None:
        self.base: Final = base
        self.data = b""
        self.unknown: Final[list[tuple[int, str, str]]] = []
        self._libraries: Final[list[tuple[str, Mapping[str, int | None]]]] = []

    def add(self, library: str, symbols: Mapping[str, int | None]) -> None:
        """A library, and its symbols with their addresses; None for those not known yet."""
        self._libraries.append((library, symbols))

    def finish(self) -> None:
        """Lay it out: libraries, then their symbols, then all names."""
        libraries = sorted(self._libraries, key=lambda each: each[0].encode())
        start = self.base + _HEADER.size
        symbols = start + _LIBRARY.size * len(libraries)
        names = symbols + _SYMBOL.size * sum([len(each) for _, each in libraries])
        heads, bodies, words = [_HEADER.pack(len(libraries), start)], list[bytes](), b""
        for library, each in libraries:
            name = library.encode()
            heads.append(_LIBRARY.pack(len(name), names + len(words), len(each), symbols))
            words += name
            for symbol in sorted(each, key=str.encode):
                name, address = symbol.encode(), each[symbol]
                bodies.append(_SYMBOL.pack(len(name), names + len(words), address or 0))
                words += name
                if address is None:
                    self.unknown.append((symbols + 8, library, symbol))
                symbols += _SYMBOL.size
        self.data = b"".join([*heads, *bodies, words])
