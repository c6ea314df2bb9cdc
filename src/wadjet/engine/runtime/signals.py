"""Installing the emitted signal handlers (the handlers themselves are in `emit.glue`)."""

import ctypes
from typing import Final

from wadjet.engine.contract.machine import Platform

_SA_SIGINFO: Final = 4
_SA_ONSTACK: Final = 0x08000000
_SA_RESTART: Final = 0x10000000
_SA_NODEFER: Final = 0x40000000


class _Action(ctypes.Structure):
    """struct sigaction of the C library (Linux)."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ulong * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


def _install(signal: int, handler: int, flags: int) -> int:
    """Set a handler; the one before, 0 for the default."""
    libc = ctypes.CDLL(None, use_errno=True)
    new, old = _Action(), _Action()
    new.handler, new.flags = handler, flags
    if libc.sigaction(signal, ctypes.byref(new), ctypes.byref(old)):
        raise OSError(ctypes.get_errno(), f"cannot handle signal {signal}")
    return old.handler or 0


def installed(signal: int) -> int:
    """The present handler of a signal, 0 for the default."""
    old = _Action()
    ctypes.CDLL(None).sigaction(signal, None, ctypes.byref(old))
    return old.handler or 0


def catch_faults(platform: Platform, handler: int) -> tuple[int, int]:
    """Handle memory faults; the handlers of SIGSEGV and SIGBUS that were there before.

    No signal is blocked while the handler runs, because it leaves by longjmp.
    """
    flags = _SA_SIGINFO | _SA_ONSTACK | _SA_NODEFER
    segv = _install(platform.segv, handler, flags)
    return segv, _install(platform.bus, handler, flags)


def catch_ticks(signal: int, handler: int) -> None:
    """Handle the metronome's signal. Not on the alternate stack: Python may run in the handler."""
    _install(signal, handler, _SA_SIGINFO | _SA_NODEFER | _SA_RESTART)
