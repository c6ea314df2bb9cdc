"""WASI: what a guest is granted (`Wasi`), and programs run with it.

from wadjet.wasi import INHERIT, FixedClocks, Tree, Wasi

tree = Tree({"in.txt": b"…"})
wasi = Wasi(["app"], dirs={"/": tree}, stdout=INHERIT, clocks=FixedClocks(0), random=1)
wadjet.run("app.wasm", wasi=wasi)
tree["out.txt"]
"""

from typing import TYPE_CHECKING

from wadjet.wasi.host.clocks import Clocks, FixedClocks
from wadjet.wasi.host.random import Random, SeededRandom, SystemRandom
from wadjet.wasi.host.stdio import INHERIT, Capture
from wadjet.wasi.world import Wasi

if TYPE_CHECKING:
    from wadjet.wasi.host.tree import Link, Tree

__all__ = [
    "INHERIT",
    "Capture",
    "Clocks",
    "FixedClocks",
    "Link",
    "Random",
    "SeededRandom",
    "SystemRandom",
    "Tree",
    "Wasi",
]


def __getattr__(name: str) -> object:
    """Trees are loaded when somebody wants one."""
    if name not in ("Link", "Tree"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from wadjet.wasi.host import tree

    return getattr(tree, name)
