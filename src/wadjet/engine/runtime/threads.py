"""Threads that enter guests: how much stack they have, and how a signal reaches them."""

import ctypes
import threading
from functools import cache
from typing import Final

from wadjet.engine.contract.layout import Block
from wadjet.engine.contract.machine import VM_THREAD

#: Native stack that guests leave to the host functions they call.
RESERVE: Final = 256 << 10
#: What to assume of a stack whose bounds the system does not tell.
_ASSUMED: Final = 1 << 20


def new_thread(key: int) -> Block:
    """Make the VMThread of this thread and let machine code find it.

    The caller keeps it as long as the thread lives.
    """
    block = Block(VM_THREAD.size)
    VM_THREAD.write(block.address, "stack_low", _stack_low() + RESERVE)
    VM_THREAD.write(block.address, "pthread", threading.get_ident())
    libc = ctypes.CDLL(None)
    libc.pthread_setspecific.argtypes = [ctypes.c_uint32, ctypes.c_void_p]
    if libc.pthread_setspecific(key, block.address):
        raise MemoryError("no room for thread data")
    return block


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.pthread_getattr_np.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    libc.pthread_attr_getstack.argtypes = [ctypes.c_void_p] * 3
    libc.pthread_attr_destroy.argtypes = [ctypes.c_void_p]
    return libc


def _stack_low() -> int:
    """The lowest address of this thread's stack."""
    libc = _libc()
    attributes = ctypes.create_string_buffer(256)
    here = ctypes.addressof(attributes)
    if libc.pthread_getattr_np(threading.get_ident(), attributes):
        return here - _ASSUMED
    low, size = ctypes.c_void_p(), ctypes.c_size_t()
    libc.pthread_attr_getstack(attributes, ctypes.byref(low), ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return low.value or here - _ASSUMED
