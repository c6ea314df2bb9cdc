"""What the entry code, the signal handlers and the runtime share beyond instances.

    VMRuntime     one per process: Python objects that machine code calls, where code lies
    VMThread      one per thread that ever entered a guest
    VMActivation  one per entry from the host, on the native stack

`PLATFORMS` says where a signal handler finds the machine's registers; a system that is not in it
has no native tier.
"""

import sys
from wadjet.base.records import dataclass
from typing import Final

from wadjet.core.limits import PARAMS
from wadjet.engine.contract.continuations import VM_STACK
from wadjet.engine.contract.layout import CELL, Struct

#: How many handlers of others (for one signal) a process can have, one after the other, that ours
#: still know to pass faults on to.
GENERATIONS: Final = 4

VM_RUNTIME: Final = Struct(
    "VMRuntime",
    code_low="ptr",  # all guest code, and nothing else, lies in [code_low, code_high)
    code_high="ptr",
    regions="ptr",  # (low, high) pairs: reservations in which a fault is the guest's doing
    region_count="i64",
    thread_key="i64",  # pthread key of the VMThread
    on_thread="ptr",  # PyObject *: makes the VMThread of a new thread
    on_wait="ptr",  # PyObject *: waits until a store (address) may be free
    on_fail="ptr",  # PyObject *: raises for an activation (address)
    on_thrown="ptr",  # PyObject *: (store, exception reference) raises it
    on_raised="ptr",  # PyObject *: (host function, return address, exception) → 1 if it is the
    # guest's now, on its way in the store
    on_libcall="ptr",  # PyObject *: (context, id, buffer) → trap code or 0
    on_host="ptr",  # PyObject *: (host function, buffer) for signatures that need conversions
    on_compile="ptr",  # PyObject *: (slot number, …) compiles a function on its first call
    wasm_exception="ptr",  # PyObject *: the class that guests can catch
    main_thread="ptr",  # VMThread of Python's main thread
    old_tick="ptr",  # the handler of the metronome's signal before ours, 0 for the default
    # the handlers of memory faults before each generation of ours, 0 for the default
    **{f"old_{signal}_{k}": "ptr" for k in range(GENERATIONS) for signal in ("segv", "bus")},
)

VM_THREAD: Final = Struct(
    "VMThread",
    activation="ptr",  # innermost VMActivation, or null outside any guest
    stack_low="ptr",  # guests must stay above this address
    stack_end="ptr",  # where the stack itself ends
    pthread="i64",  # for pthread_kill
    sample="ptr",  # where the last tap found it
    trace="ptr",  # where taps leave (count, addresses…) of frames, if the count is 0 and not null
    entries="i64",  # how often a guest was entered
    tapped="i64",  # a tap is on its way
    alternate="i64",  # non-zero: it has an alternate signal stack of ours
    state="i64",  # THREAD_…: a tap and the thread's end exclude each other
)

#: Behind a VMThread: cells for arguments of tail calls that have no register, as many as a function
#: can have parameters.
TAIL_CELLS: Final = VM_THREAD.size
THREAD_SIZE: Final = TAIL_CELLS + PARAMS * CELL

THREAD_ALIVE: Final = 0
THREAD_BUSY: Final = 1
THREAD_GONE: Final = 2

VM_ACTIVATION: Final = Struct(
    "VMActivation",
    previous="ptr",
    thread="ptr",
    store="ptr",
    outer="ptr",  # the activation of the same store before this one, or null
    tstate="ptr",  # what PyEval_SaveThread gave; null while Python runs
    trap="i64",  # why it was left, if it was
    frame_count="i64",
    serial="i64",  # which entry of its thread this is
    stack="ptr",  # VMStore.stack before it, and …
    limit="ptr",  # … VMStore.stack_limit
)

#: Return addresses kept for the guest's backtrace.
MAX_FRAMES: Final = 64
#: Words set aside for the C library's jmp_buf (glibc needs 25 on x86-64, 39 on AArch64).
JUMP_WORDS: Final = 48
ACTIVATION_JUMP: Final = VM_ACTIVATION.size
ACTIVATION_FRAMES: Final = ACTIVATION_JUMP + 8 * JUMP_WORDS
#: The VMStack of the thread's own stack.
ACTIVATION_BASE: Final = ACTIVATION_FRAMES + 8 * MAX_FRAMES
ACTIVATION_SIZE: Final = ACTIVATION_BASE + VM_STACK.size


@dataclass(frozen=True, slots=True)
class Platform:
    """Offsets in bytes: of registers in ucontext_t, of the code (positive for what the hardware
    found, else somebody sent it) and the address in siginfo_t; signal numbers."""

    pc: int
    frame: int
    code: int
    address: int
    segv: int
    bus: int
    tick: int


PLATFORMS: Final[dict[tuple[str, str], Platform]] = {
    ("linux", "x86_64"): Platform(pc=168, frame=120, code=8, address=16, segv=11, bus=7, tick=23),
    ("linux", "aarch64"): Platform(pc=440, frame=416, code=8, address=16, segv=11, bus=7, tick=23),
}


def platform(arch: str) -> Platform | None:
    """The platform this process runs on, if the native tier knows it."""
    return PLATFORMS.get((sys.platform, arch))
