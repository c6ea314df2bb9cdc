"""Bytes in rows: offset, sixteen bytes, and what of them can be read."""

from collections.abc import Iterator
from typing import Final

ROW: Final = 16
_READABLE: Final = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in range(256))


def hexdump(data: "bytes | memoryview", offset: int = 0, most: int | None = None) -> Iterator[str]:
    """One line for every 16 bytes, the first at `offset`; of more than `most` bytes, only those,
    and a last line that says how many are left out."""
    view = memoryview(data)
    shown = view if most is None else view[:most]
    for at in range(0, len(shown), ROW):
        row = bytes(shown[at : at + ROW])
        text = str(row, "latin-1").translate(_READABLE)
        yield f"{offset + at:08x}: {row.hex(' ', -2):<39}  {text}"
    if len(shown) < len(view):
        yield f"{'…':>8}  {len(view) - len(shown)} more bytes"
