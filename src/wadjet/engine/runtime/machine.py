"""The native machine of this process: the runtime's own code in place, signals, threads, doors.

There is one, made on first use from the object that the compiler produced for `emit.glue`. It
resolves the symbols that generated code leaves open, answers its calls into Python and turns what
stopped a guest into exceptions.
"""

import ctypes
import sys
import threading
import time
from bisect import bisect_right, insort
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final
from weakref import WeakSet, WeakValueDictionary, ref

from wadjet.base.errors import Exhaustion, Frame, Interrupted, Trap, WasmException
from wadjet.engine.contract.layout import (
    MOVED, VM_CONTEXT, VM_HOST_FUNC, VM_MEMORY, VM_STORE, Block, load64, store64,
)  # fmt: skip
from wadjet.engine.contract.libcalls import LIBCALLS
from wadjet.engine.contract.machine import (
    ACTIVATION_FRAMES, ACTIVATION_SIZE, GENERATIONS, MAX_FRAMES, VM_ACTIVATION, VM_RUNTIME,
    VM_THREAD, Platform,
)  # fmt: skip
from wadjet.engine.contract.traps import CODES, TrapCode, failure
from wadjet.engine.gc.holders import all_held
from wadjet.engine.gc.native import Collector, NativeHeap, Roots
from wadjet.engine.gc.objects import ObjectHeap
from wadjet.engine.runtime.arena import guest_arena, runtime_arena
from wadjet.engine.runtime.exceptions import from_raw, to_word
from wadjet.engine.runtime.forks import Forks
from wadjet.engine.runtime.hostcalls import call_host
from wadjet.engine.runtime.libcalls import BODIES
from wadjet.engine.runtime.image import Image, Placed
from wadjet.engine.runtime.loader import Loaded, load
from wadjet.engine.runtime.metronome import Metronome
from wadjet.engine.runtime.pages import reserve, watch
from wadjet.engine.runtime.signals import Handlers
from wadjet.engine.runtime.stacks import Stacks, ranges
from wadjet.engine.runtime.store import refuse, store_at
from wadjet.engine.runtime.tag import Tag
from wadjet.engine.runtime.threads import Thread

if TYPE_CHECKING:
    from wadjet.engine.runtime.instance import Instance
    from wadjet.engine.runtime.memory import Memory
    from wadjet.engine.runtime.native import NativeCode
    from wadjet.engine.runtime.store import Store

#: How long a thread that waits for a store sleeps between two looks, at first and at most.
_NAP: Final = 0.0001
_LONG_NAP: Final = 0.005
#: Address space has room for fewer guarded memories than this.
_MOST_REGIONS: Final = 1 << 15


@final
class Machine:
    """See the module. `symbols` holds the addresses of the runtime's own code.

    It is never freed: threads may be in guests while the interpreter shuts down. `lock` is held
    while code is placed or its addresses are written anywhere; who holds it takes no other.
    """

    def __init__(
        self, glue: bytes, platform: Platform, arch: str,
        collector: Callable[[], bytes],
    ) -> None:  # fmt: skip
        """`collector` gives the object of `gc.collector`, whose exports are symbols in it."""
        self.platform: Final = platform
        self.arch: Final = arch
        self.arena: Final = guest_arena()
        self._own: Final = runtime_arena()
        self._runtime = self._own.allocate(VM_RUNTIME.size)
        self._regions = Block(16 * _MOST_REGIONS)
        self._free_regions: list[int] = []
        self._region_count = 0
        self.tails_wanted = False
        self._codes: WeakSet[NativeCode] = WeakSet()
        #: the bases of reservations in which faults are the guest's doing, and where that is noted
        self._guarded: dict[int, int] = {}
        watch(self._forget_region)
        #: where guest code lies, and the addresses of all images in order (of some that are gone,
        #: too)
        self._images: WeakValueDictionary[int, Image] = WeakValueDictionary()
        self._bases: list[int] = []
        self.lock: Final = threading.RLock()
        self._build_collector = collector
        self._collector: Collector | None = None
        #: what machine code refers to
        self._kept: list[object] = []
        self._callbacks: list[Callable[[int, int, int], int]] = []
        self._set("code_low", self.arena.code)
        self._set("code_high", self.arena.code + self.arena.size)
        self._set("regions", self._regions.address)
        #: symbols of others that were asked for
        self._elsewhere: dict[str, int] = {}
        self._c_library: Final = ctypes.CDLL(None)
        self._answer("on_thread", self._on_thread)
        self._answer("on_wait", self._on_wait)
        self._answer("on_fail", self._on_fail)
        self._answer("on_thrown", self._on_thrown)
        self._answer("on_raised", self._on_raised)
        self._answer("on_libcall", self._on_libcall)
        self._answer("on_host", self._on_host)
        self._answer("on_compile", self._on_compile)
        self._set("wasm_exception", id(WasmException))
        self._glue = load(glue, self.resolve, self._own)
        self.symbols: Final = {name: at for name, (at, _) in self._glue.symbols.items()}
        self._thread = ctypes.PYFUNCTYPE(ctypes.c_uint64)(self.symbols["wj_thread"])
        self._key = self._make_key(self.symbols["wj_gone"])
        faults = [self.symbols[f"wj_on_fault_{k}"] for k in range(GENERATIONS)]
        self.handlers: Final = Handlers(platform, faults, self.symbols["wj_on_tick"], self._set)
        self.metronome: Final = Metronome(self.symbols, self._on_sample, self.handlers.keep)
        Forks(self)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))

    # --- setting up --------------------------------------------------------------------------

    def _set(self, name: str, value: int) -> None:
        VM_RUNTIME.write(self._runtime.writable, name, value)

    def _answer(self, name: str, body: Callable[[int, int, int], int]) -> None:
        """Let machine code call a Python function of (context, number, buffer)."""
        self._callbacks.append(body)
        self._set(name, id(body))

    def _make_key(self, end: int) -> int:
        """The pthread key of each thread's VMThread; `end` is called with it when one ends."""
        key = ctypes.c_uint32()
        if self._c_library.pthread_key_create(ctypes.byref(key), ctypes.c_void_p(end)):
            raise OSError("no pthread key left")
        self._set("thread_key", key.value)
        return key.value

    def load_own(self, image: bytes) -> Loaded:
        """Place code of the runtime itself, which no signal may stop."""
        with self.lock:
            return load(image, self.resolve, self._own)

    def want_tails(self) -> None:
        """Somebody makes tail calls: from now on all functions have entries for them."""
        with self.lock:
            self.tails_wanted = True
            for code in list(self._codes):
                code.open_tails()

    def register(self, code: "NativeCode") -> None:
        """Know a module's code as long as it lives."""
        with self.lock:
            self._codes.add(code)
            if self.tails_wanted:
                code.open_tails()

    def resolve(self, name: str) -> int:
        """The address of the runtime's, Python's or the C library's symbol of this name."""
        if name == "wj_runtime":
            return self._runtime.address
        if name.startswith("wj_"):
            return self.symbols[name]
        found = self._elsewhere.get(name)
        if found is None:
            library = ctypes.pythonapi if name.startswith(("Py", "_Py")) else self._c_library
            # the address of whatever it is, as if it were data
            found = ctypes.addressof(ctypes.c_char.in_dll(library, name))
            self._elsewhere[name] = found
        return found

    def forked(self) -> None:
        """In a child process: the calling thread is the main thread, and the only one."""
        self._set("main_thread", self._thread())
        self.metronome.forked()

    # --- what exists -------------------------------------------------------------------------

    def adopt(self, instance: "Instance") -> None:
        """Let the memories of an instance fault."""
        for memory in instance.memories:
            if memory.guarded and memory.base not in self._guarded:
                self.guard(memory)
        self.handlers.look()
        if instance.store.limits.seconds is not None:
            self.metronome.watch(instance.store)

    def guard(self, memory: "Memory") -> None:
        """Faults inside this memory's reservation are the guest's doing from now on, as long as it
        is reserved. Exhaustion where there are too many memories."""
        if memory.base in self._guarded:
            return
        with self.lock:
            if self._free_regions:
                slot = self._free_regions.pop()
            elif self._region_count < _MOST_REGIONS:
                slot = self._regions.address + 16 * self._region_count
                self._region_count += 1
            else:
                raise failure(TrapCode.OUT_OF_MEMORY, f"more than {_MOST_REGIONS} memories")
            self._guarded[memory.base] = slot
            # the handler may look at any time: an end of 0 is behind no address
            store64(slot, memory.base)
            store64(slot + 8, memory.base + VM_MEMORY.read(memory.address, "reserved"))
            self._set("region_count", self._region_count)

    def _forget_region(self, base: int) -> None:
        # no lock: this may be called anywhere, also while the lock is held
        slot = self._guarded.pop(base, None)
        if slot is not None and store64 is not None:  # else all of the process goes
            store64(slot + 8, 0)
            store64(slot, 0)
            self._free_regions.append(slot)

    def new_image(
        self, owner: "ref[NativeCode]", count: int, room: int, home: Image | None = None
    ) -> Image:
        """A place for guest code (see `Image`), known as long as it lives."""
        with self.lock:
            image = Image(self, owner, count, room, home)
            if len(self._bases) > 2 * len(self._images) + 100:
                self._bases = sorted(self._images)
            if image.address not in self._bases:
                insort(self._bases, image.address)
            self._images[image.address] = image
            return image

    def functions_at(self, pc: int) -> "tuple[NativeCode, list[Placed]] | None":
        """The module and the guest functions that this program counter is in, those inlined into
        others first."""
        with self.lock:
            for k in range(bisect_right(self._bases, pc) - 1, -1, -1):
                image = self._images.get(self._bases[k])
                if image is not None:
                    break
            else:
                return None
            code, functions = image.owner(), image.functions_at(pc)
        return (code, functions) if code is not None and functions else None

    def _on_sample(self, pc: int) -> None:
        found = self.functions_at(pc)
        if found is not None:
            code, functions = found
            code.heat(functions[-1], pc)

    def frames_at(self, pc: int) -> list[Frame]:
        """The same as lines of a backtrace."""
        found = self.functions_at(pc)
        if found is None:
            return []
        names = found[0].valid.module.names
        indices = [each.function for each in found[1]]
        return [Frame(names.module, index, names.funcs.get(index)) for index in indices]

    # --- the heap ----------------------------------------------------------------------------

    def new_heap(self, store: "Store") -> NativeHeap:
        """A heap that machine code can allocate in."""
        weak = ref(store)

        budget, limit = store.budget, store.limits.stack

        def roots() -> Roots:
            owner = weak()
            words = [] if owner is None else [*all_held(), *owner.referred()]
            runs = self._runs()
            return Roots(runs[-1] + ACTIVATION_SIZE if runs else 0, words, ranges(runs))

        def stacks(heap: int) -> Stacks:
            return Stacks(heap, budget, limit)

        return NativeHeap(budget.take, budget.give, reserve, self._the_collector, roots, stacks)

    def _the_collector(self) -> Collector:
        """Made for the first heap that has something to collect."""
        collector = self._collector
        if collector is None:
            image = self._build_collector()
            with self.lock:
                loaded = self.load_own(image)
                self._kept.append(loaded)
                at = {name: address for name, (address, _) in loaded.symbols.items()}
                collector = self._collector = Collector(self.symbols["wj_mark"], at)
        return collector

    def _runs(self) -> list[int]:
        """The activations of this thread, the innermost first."""
        thread = self._thread()
        found = []
        activation = VM_THREAD.read(thread, "activation") if thread else 0
        while activation:
            found.append(activation)
            activation = VM_ACTIVATION.read(activation, "previous")
        return found

    # --- answers to machine code ---------------------------------------------------------------

    def _on_thread(self, _context: int, _number: int, here: int) -> int:
        thread = Thread(self._key, here)
        self.metronome.add(thread)
        if thread.ident == threading.main_thread().ident:
            self._set("main_thread", thread.address)
        return 0

    def _on_wait(self, store: int, _number: int, _buffer: int) -> int:
        me, nap = threading.get_ident(), _NAP
        while (owner := VM_STORE.read(store, "owner")) not in (0, MOVED):
            refuse(owner, me)
            time.sleep(nap)
            nap = min(2 * nap, _LONG_NAP)
        if owner == MOVED:
            time.sleep(nap)  # until the context says where to
        return 0

    def _on_fail(self, activation: int, _number: int, _buffer: int) -> int:
        code = VM_ACTIVATION.read(activation, "trap")
        error = failure(code)
        error.backtrace = tuple(self._frames(activation))
        raise error

    def _frames(self, activation: int) -> list[Frame]:
        count = VM_ACTIVATION.read(activation, "frame_count")
        start = activation + ACTIVATION_FRAMES
        found = [f for k in range(count) for f in self.frames_at(load64(start + 8 * k))]
        return found[:MAX_FRAMES]

    def instance_of(self, context: int) -> "Instance":
        """The instance with this VMContext."""
        return store_at(VM_CONTEXT.read(context, "store")).instance_at(context)

    def _on_thrown(self, address: int, word: int, _buffer: int) -> int:
        store = store_at(address)
        heap = _native(store.heap)
        raised, heap.raised = heap.raised, None
        if raised is not None and raised[0] == word:
            raise raised[1]  # it came from Python
        tag = heap.tag_of(word)
        assert isinstance(tag, Tag), "vm_tag was given a Tag"
        raise from_raw(tag, heap.payload(word, tag.type), word, store)

    def _on_raised(self, host: int, pc: int, exception: int) -> int:
        """A host function raised a WasmException: let the guest that called it have it, if its code
        looks for exceptions. (Who is called by Python directly does.)"""
        found = self.functions_at(pc)
        error: WasmException = ctypes.cast(exception, ctypes.py_object).value
        tag = error.tag
        if (found is not None and not found[0].settings.exceptions) or not isinstance(tag, Tag):
            return 0
        store = store_at(VM_HOST_FUNC.read(host, "store"))
        word = to_word(error, store)
        _native(store.heap).raised = word, error
        VM_STORE.write(store.address, "exception", word)
        return 1

    def _on_libcall(self, context: int, number: int, buffer: int) -> int:
        row = LIBCALLS[number]
        args = [load64(buffer + 8 * k) for k in range(row.arity)]
        try:
            store64(buffer, BODIES[number](self.instance_of(context), *args))
        except (Trap, Exhaustion, Interrupted) as trap:
            # machine code raises it again, and so records where
            return CODES[trap.message.partition(":")[0]]
        return 0

    def _on_host(self, host: int, _number: int, buffer: int) -> int:
        store = store_at(VM_HOST_FUNC.read(host, "store"))
        call_host(store.host_at(host), buffer)
        return 0

    def _on_compile(self, context: int, slot: int, buffer: int) -> int:
        instance = self.instance_of(context)
        code = instance.code
        with instance.store.current().standing_clock():
            store64(buffer, code.compile_slot(slot))  # type: ignore[attr-defined]  # only native code has lazy stubs
        return 0


def unsupported() -> str:
    """What keeps this process from running machine code, to be read after "no native code"; ""
    where nothing does."""
    if sys.platform != "linux":
        return "on this system"
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return "without the GIL"
    api = ctypes.pythonapi
    api.PyInterpreterState_Get.restype = ctypes.c_void_p
    api.PyInterpreterState_Main.restype = ctypes.c_void_p
    if api.PyInterpreterState_Get() != api.PyInterpreterState_Main():
        return "in subinterpreters"
    return ""


def _native(heap: ObjectHeap) -> NativeHeap:
    assert isinstance(heap, NativeHeap), "machine code has a native heap"
    return heap
