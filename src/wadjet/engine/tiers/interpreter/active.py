"""Which runs are under way in which store."""

from typing import TYPE_CHECKING, Final

from wadjet.engine.runtime.store import Store

if TYPE_CHECKING:
    from wadjet.engine.tiers.interpreter.run import Run

#: The runs of each store (by its address) that have not returned, the outermost first.
ACTIVE: Final[dict[int, list["Run"]]] = {}


def poll(store: Store) -> None:
    """Raise if what runs in this store must stop: Timeout, or what was asked for."""
    ACTIVE[store.address][-1].stop_if_asked()
