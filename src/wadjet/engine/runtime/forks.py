"""What becomes of native code when the process forks.

A child has one thread, and copies of everything but the code: that lies in memory which parent and
child would share, so the child is given its own. Guests that other threads were running cannot go
on in the child; whoever enters their store is told so.
"""

import os
import threading
from typing import TYPE_CHECKING, Final, final

from wadjet.engine.contract.layout import ABANDONED, MOVED, VM_STORE, suspended
from wadjet.engine.runtime.arena import Copy
from wadjet.engine.runtime.store import all_stores

if TYPE_CHECKING:
    from wadjet.engine.runtime.machine import Machine


@final
class Forks:
    """The three hooks of a machine."""

    def __init__(self, machine: "Machine") -> None:
        self._machine: Final = machine
        self._copies: list[Copy] = []
        os.register_at_fork(
            before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child
        )

    def _before(self) -> None:
        self._machine.lock.acquire()  # nobody writes code now
        self._copies.append(Copy())

    def _in_parent(self) -> None:
        self._copies.pop().close()
        self._machine.lock.release()

    def _in_child(self) -> None:
        self._copies.pop().move_in()
        me = threading.get_ident()
        for store in all_stores():
            owner = VM_STORE.read(store.address, "owner")
            if owner not in (0, MOVED, me, suspended(me)):
                VM_STORE.write(store.address, "owner", ABANDONED)
        self._machine.forked()
        self._machine.lock.release()
