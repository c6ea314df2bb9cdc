"""From guest code into Python with values that machine code cannot convert by itself."""

import ctypes

from wadjet.engine.contract.layout import CELL
from wadjet.engine.runtime.func import HostFunc


def call_host(host: HostFunc, buffer: int) -> None:
    """Call a host function on the raw values in a buffer of cells; results overwrite them."""
    type_ = host.type
    results = host.call_raw(read_cells(buffer, len(type_.params)))
    write_cells(buffer, results)


def read_cells(buffer: int, count: int) -> list[int]:
    """The raw values in `count` cells. A value narrower than its cell is followed by zeros."""
    data = ctypes.string_at(buffer, CELL * count)
    return [int.from_bytes(data[at : at + CELL], "little") for at in range(0, len(data), CELL)]


def write_cells(buffer: int, values: list[int]) -> None:
    """Write raw values into cells."""
    data = b"".join(value.to_bytes(CELL, "little") for value in values)
    ctypes.memmove(buffer, data, len(data))
