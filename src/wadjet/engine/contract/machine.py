"""What the entry code, the signal handlers and the runtime share beyond instances.

    VMRuntime     one per process: Python objects that machine code calls, where code lies
    VMThread      one per thread that ever entered a guest
    VMActivation  one per entry from the host, on the native stack

`PLATFORMS` says where a signal handler finds the machine's registers; a system that is not in it
has no native tier.
"""

import sys
from dataclasses import dataclass
from typing import Final

from wadjet.engine.contract.layout import Struct

VM_RUNTIME: Final = Struct(
    "VMRuntime",
    code_low="ptr",  # all guest code, and nothing else, lies in [code_low, code_high)
    code_high="ptr",
    regions="ptr",  # (low, high) pairs: reservations in which a fault is the guest's doing
    region_count="i64",
    thread_key="i64",  # pthread key of the VMThread
    on_thread="ptr",  # PyObject *: makes the VMThread of a new thread
    on_wait="ptr",  # PyObject *: waits until a store (address) is free
    on_fail="ptr",  # PyObject *: raises for an activation (address)
    on_thrown="ptr",  # PyObject *: raises the exception on its way in a store (address)
    on_libcall="ptr",  # PyObject *: (context, id, buffer) → trap code or 0
    on_host="ptr",  # PyObject *: (host function, buffer) for signatures that need conversions
    on_compile="ptr",  # PyObject *: (slot number, …) compiles a function on its first call
    on_poll="ptr",  # PyObject *: called in the main thread while a guest runs
    old_segv="ptr",  # the handlers that were there before ours, 0 for the default
    old_bus="ptr",
    main_thread="ptr",  # VMThread of Python's main thread
)

VM_THREAD: Final = Struct(
    "VMThread",
    activation="ptr",  # innermost VMActivation, or null outside any guest
    stack_low="ptr",  # guests must stay above this address
    pthread="i64",  # for pthread_kill
    sample="ptr",  # where the last tap found it
    entries="i64",  # how often a guest was entered: tells a long run from many short ones
)

VM_ACTIVATION: Final = Struct(
    "VMActivation",
    previous="ptr",
    thread="ptr",
    store="ptr",
    tstate="ptr",  # what PyEval_SaveThread gave
    trap="i64",  # why it was left, if it was
    frame_count="i64",
    serial="i64",  # which entry of its thread this is
)

#: Return addresses kept for the guest's backtrace.
MAX_FRAMES: Final = 64
#: Words set aside for the C library's jmp_buf (glibc needs 25 on x86-64, 39 on AArch64).
JUMP_WORDS: Final = 48
ACTIVATION_JUMP: Final = VM_ACTIVATION.size
ACTIVATION_FRAMES: Final = ACTIVATION_JUMP + 8 * JUMP_WORDS
ACTIVATION_SIZE: Final = ACTIVATION_FRAMES + 8 * MAX_FRAMES


@dataclass(frozen=True, slots=True)
class Platform:
    """Offsets in bytes: of registers in ucontext_t, of the address in siginfo_t; signal numbers."""

    pc: int
    frame: int
    address: int
    segv: int
    bus: int
    tick: int


PLATFORMS: Final[dict[tuple[str, str], Platform]] = {
    ("linux", "x86_64"): Platform(pc=168, frame=120, address=16, segv=11, bus=7, tick=23),
    ("linux", "aarch64"): Platform(pc=440, frame=416, address=16, segv=11, bus=7, tick=23),
}


def platform(arch: str) -> Platform | None:
    """The platform this process runs on, if the native tier knows it."""
    return PLATFORMS.get((sys.platform, arch))
