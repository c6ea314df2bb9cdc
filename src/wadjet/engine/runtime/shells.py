"""Blocks of instances that are used again.

Most of a large instance are the VMFuncs of its functions, and in the same block they are the same
each time: only the code that they lead to may have changed meanwhile.
"""

import ctypes
from typing import Final, final

from wadjet.engine.contract.layout import Block

#: Bytes of idle blocks that are kept for the instances of one module, and how many blocks at most.
_BYTES: Final = 1 << 20
_COUNT: Final = 64


@final
class Shell(Block):
    """The block of an instance. `version` tells which code its VMFuncs lead to (see
    `NativeCode.attach_alike`): 0 if that must be looked up, None if there are none yet."""

    __slots__ = ("_home", "version")

    def __init__(
        self, size: int, home: "Shells", old: "tuple[ctypes.Array[ctypes.c_ubyte], int] | None"
    ) -> None:
        """What was `old` is used again."""
        super().__init__(size, None if old is None else old[0])
        self._home: Final = home
        self.version = None if old is None else old[1]

    def __del__(self) -> None:
        version = getattr(self, "version", None)
        if version is not None:
            self._home.take_back(self._buffer, version)


@final
class Shells:
    """All of one size, for copies of one instance."""

    __slots__ = ("_idle", "_most", "_size")

    def __init__(self, size: int) -> None:
        self._size: Final = size
        self._most: Final = min(_COUNT, 1 + _BYTES // size)
        self._idle: Final[list[tuple[ctypes.Array[ctypes.c_ubyte], int]]] = []

    def take(self) -> Shell:
        """One for an instance."""
        try:
            old = self._idle.pop()
        except IndexError:
            old = None
        return Shell(self._size, self, old)

    def take_back(self, buffer: "ctypes.Array[ctypes.c_ubyte]", version: int) -> None:
        """Keep what was one, if there are not many."""
        if len(self._idle) < self._most:
            self._idle.append((buffer, version))
