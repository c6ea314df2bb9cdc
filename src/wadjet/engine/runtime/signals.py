"""Installing the emitted signal handlers (the handlers themselves are in `emit.handlers`).

Others install handlers too, before us and after us: faulthandler, applications. Ours pass on what
is not theirs, and are put back where somebody replaced them.

A handler for faults that was put over ours restores ours when it gives up (faulthandler does so
when it is disabled, and before it ends the process). If ours passed faults on to it still, the two
would call each other for ever. Hence generations: each address that faults are handled at passes
on to one handler only, the one that was there before it was installed.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Final, final

from wadjet.engine.contract.machine import GENERATIONS, Platform

_SA_SIGINFO: Final = 4
_SA_ONSTACK: Final = 0x08000000
_SA_RESTART: Final = 0x10000000
_SA_NODEFER: Final = 0x40000000
#: No signal is blocked while a fault is handled, because the handler leaves by longjmp.
_FAULT: Final = _SA_SIGINFO | _SA_ONSTACK | _SA_NODEFER
#: Not on the alternate stack: Python may run in the handler.
_TICK: Final = _SA_SIGINFO | _SA_NODEFER | _SA_RESTART


class _Action(ctypes.Structure):
    """struct sigaction of the C library (Linux)."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


_libc: Final = ctypes.CDLL(None, use_errno=True)


def _install(signal: int, handler: int, flags: int) -> None:
    """Set a handler."""
    new = _Action()
    new.handler, new.flags = handler, flags
    if _libc.sigaction(signal, ctypes.byref(new), None):
        raise OSError(ctypes.get_errno(), f"cannot handle signal {signal}")


#: Every new instance looks: without giving up the GIL, so there is one place for the answer.
_look: Final = ctypes.PyDLL(None).sigaction
_look.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
_found: Final = _Action()
_found_address: Final = ctypes.addressof(_found)


def installed(signal: int) -> int:
    """The present handler of a signal, 0 for the default."""
    _look(signal, None, _found_address)
    return _found.handler or 0


@final
class Handlers:
    """The handlers of this process."""

    def __init__(
        self, platform: Platform, faults: Sequence[int], tick: int, tell: Callable[[str, int], None]
    ) -> None:
        """Addresses of machine code: a handler of faults for each generation, and that of the
        metronome's signal. `tell` sets members of VMRuntime."""
        assert len(faults) == GENERATIONS
        self._platform = platform
        self._faults: Final = list(faults)
        self._tick: Final = tick
        self._tell = tell
        #: signal → the handlers that each generation in use passes on to
        self._before: dict[int, list[int]] = {platform.segv: [], platform.bus: []}
        self.keep()

    def look(self) -> None:
        """Put them back in place where somebody replaced that of most faults, as those do who want
        to know of faults; the others are looked at with each beat of the metronome."""
        if installed(self._platform.segv) not in self._faults:
            self.keep()

    def keep(self) -> None:
        """Put them (back) in place."""
        self._keep_faults("segv", self._platform.segv)
        self._keep_faults("bus", self._platform.bus)
        present = installed(self._platform.tick)
        if present != self._tick:
            self._tell("old_tick", present)
            _install(self._platform.tick, self._tick, _TICK)

    def _keep_faults(self, name: str, signal: int) -> None:
        present = installed(signal)
        if present in self._faults:
            return
        before = self._before[signal]
        if present not in before:
            # beyond the last generation, the handler before it is forgotten
            del before[GENERATIONS - 1 :]
            before.append(present)
            self._tell(f"old_{name}_{len(before) - 1}", present)
        _install(signal, self._faults[before.index(present)], _FAULT)
