"""Threads that enter guests: how much stack they have, and how a signal reaches them."""

import ctypes
import mmap
import threading
from functools import cache
from typing import Final, final

from wadjet.engine.contract.layout import WORD, Block
from wadjet.engine.contract.machine import MAX_FRAMES, THREAD_SIZE, VM_THREAD

#: Native stack that guests leave to the host functions they call, and to the compiler.
RESERVE: Final = 1 << 20
#: What to assume of a stack whose bounds the system does not tell.
_ASSUMED: Final = 2 << 20
#: Room for the handler of a fault that leaves no room on the stack, and for whom it may call.
_ALTERNATE: Final = 128 << 10
_SS_DISABLE: Final = 2


class _SignalStack(ctypes.Structure):
    """stack_t of the C library."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("size", ctypes.c_size_t),
    )


@final
class Thread:
    """The VMThread of a thread, at `address`; it must live until the thread has ended, which
    `wj_look` tells."""

    def __init__(self, key: int, here: int) -> None:
        """For the calling thread; machine code finds it by a pthread key. `here` is an address on
        its stack."""
        self._block = Block(THREAD_SIZE)
        self.address: Final = self._block.address
        self.ident: Final = threading.get_ident()
        end, size = _stack(here)
        VM_THREAD.write(self.address, "stack_end", end)
        VM_THREAD.write(self.address, "stack_low", end + min(RESERVE, size // 2))
        VM_THREAD.write(self.address, "pthread", self.ident)
        self._trace: Block | None = None
        self._alternate = self._give_signal_stack()
        if _libc().pthread_setspecific(key, self.address):
            raise MemoryError("no room for thread data")

    def trace(self) -> list[int]:
        """Where the last tap found it: addresses in guests' code, the innermost first. From the
        first time on, taps note that; each is told once."""
        if self._trace is None:
            self._trace = Block(WORD * (1 + MAX_FRAMES))
            VM_THREAD.write(self.address, "trace", self._trace.address)
        words = self._trace.words()
        found: list[int] = words[1 : 1 + words[0]].tolist()
        words[0] = 0
        return found

    def forget_trace(self) -> None:
        """What the last tap found was for somebody else."""
        if self._trace is not None:
            self._trace.words()[0] = 0

    def _give_signal_stack(self) -> mmap.mmap | None:
        """Make sure that there is a stack to handle a stack overflow on."""
        present = _SignalStack()
        _libc().sigaltstack(None, ctypes.byref(present))
        if not present.flags & _SS_DISABLE:
            return None
        memory = mmap.mmap(-1, _ALTERNATE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        _libc().sigaltstack(ctypes.byref(_SignalStack(address, 0, _ALTERNATE)), None)
        VM_THREAD.write(self.address, "alternate", 1)
        return memory


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.pthread_setspecific.argtypes = [ctypes.c_uint32, ctypes.c_void_p]
    libc.pthread_getattr_np.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    libc.pthread_attr_getstack.argtypes = [ctypes.c_void_p] * 3
    libc.pthread_attr_destroy.argtypes = [ctypes.c_void_p]
    libc.sigaltstack.argtypes = [ctypes.c_void_p] * 2
    return libc


def _stack(here: int) -> tuple[int, int]:
    """The lowest address of this thread's stack, and how large it is."""
    libc = _libc()
    attributes = ctypes.create_string_buffer(256)
    if libc.pthread_getattr_np(threading.get_ident(), attributes):
        return here - _ASSUMED, _ASSUMED
    low, size = ctypes.c_void_p(), ctypes.c_size_t()
    libc.pthread_attr_getstack(attributes, ctypes.byref(low), ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return (low.value, size.value) if low.value else (here - _ASSUMED, _ASSUMED)
