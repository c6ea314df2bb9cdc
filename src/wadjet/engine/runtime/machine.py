"""The native machine of this process: the runtime's own code in place, signals, threads, doors.

There is one, made on first use from the object that the compiler produced for `emit.glue`. It
resolves the symbols that generated code leaves open, answers its calls into Python and turns what
stopped a guest into exceptions.
"""

import ctypes
import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final
from weakref import WeakSet, WeakValueDictionary, finalize, ref

from wadjet.base.errors import Frame, Interrupted, Timeout, Trap, WasmException
from wadjet.engine.contract.layout import (
    VM_CONTEXT, VM_HOST_FUNC, VM_MEMORY, VM_STORE, Block, load64, store64,
)  # fmt: skip
from wadjet.engine.contract.libcalls import LIBCALLS
from wadjet.engine.contract.machine import (
    ACTIVATION_FRAMES, ACTIVATION_SIZE, VM_ACTIVATION, VM_RUNTIME, VM_THREAD, Platform,
)  # fmt: skip
from wadjet.engine.contract.traps import CODES, failure
from wadjet.engine.gc.holders import all_held
from wadjet.engine.gc.native import Collector, NativeHeap
from wadjet.engine.runtime.arena import guest_arena, runtime_arena
from wadjet.engine.runtime.hostcalls import call_host
from wadjet.engine.runtime.libcalls import BODIES
from wadjet.engine.runtime.loader import Loaded, load
from wadjet.engine.runtime.metronome import Metronome
from wadjet.engine.runtime.pages import reserve
from wadjet.engine.runtime.signals import catch_faults
from wadjet.engine.runtime.tag import Tag
from wadjet.engine.runtime.threads import new_thread
from wadjet.engine.runtime.values import to_python

if TYPE_CHECKING:
    from wadjet.engine.runtime.instance import Instance
    from wadjet.engine.runtime.memory import Memory
    from wadjet.engine.runtime.native import NativeCode
    from wadjet.engine.runtime.store import Store

_NAP: Final = 0.0002
#: Address space has room for fewer guarded memories than this.
_MOST_REGIONS: Final = 1 << 15


@final
class Machine:
    """See the module. `symbols` holds the addresses of the runtime's own code."""

    def __init__(
        self, glue: bytes, platform: Platform, arch: str,
        collector: Callable[[], tuple[bytes, dict[str, str]]],
    ) -> None:  # fmt: skip
        """`collector` gives the object of `gc.collector` and the symbol of each function."""
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
        self._guarded: WeakSet[Memory] = WeakSet()
        self._instances: WeakValueDictionary[int, Instance] = WeakValueDictionary()
        self._stores: WeakValueDictionary[int, Store] = WeakValueDictionary()
        #: start address of each piece of code → (its end, whose it is, function index)
        self._starts: list[int] = []
        self._pieces: dict[int, tuple[int, ref[NativeCode], int]] = {}
        self._lock = threading.RLock()
        self._build_collector = collector
        self._collector: Collector | None = None
        self.metronome: Final = Metronome(platform.tick, self._on_sample)
        self._callbacks: list[Callable[[int, int, int], int]] = []
        self._key = self._make_key()
        self._set("code_low", self.arena.code)
        self._set("code_high", self.arena.code + self.arena.size)
        self._set("regions", self._regions.address)
        self._answer("on_thread", self._on_thread)
        self._answer("on_wait", self._on_wait)
        self._answer("on_fail", self._on_fail)
        self._answer("on_thrown", self._on_thrown)
        self._answer("on_libcall", self._on_libcall)
        self._answer("on_host", self._on_host)
        self._answer("on_compile", self._on_compile)
        self._glue = load(glue, self.resolve, self._own)
        self.symbols: Final = {name: at for name, (at, _) in self._glue.symbols.items()}
        self._thread = ctypes.PYFUNCTYPE(ctypes.c_uint64)(self.symbols["wj_thread"])
        old = catch_faults(platform, self.symbols["wj_on_fault"])
        self._set("old_segv", old[0])
        self._set("old_bus", old[1])
        self.metronome.install(self.symbols["wj_on_tick"])

    # --- setting up --------------------------------------------------------------------------

    def _set(self, name: str, value: int) -> None:
        VM_RUNTIME.write(self._runtime.writable, name, value)

    def _answer(self, name: str, body: Callable[[int, int, int], int]) -> None:
        """Let machine code call a Python function of (context, number, buffer)."""
        self._callbacks.append(body)
        self._set(name, id(body))

    def _make_key(self) -> int:
        key = ctypes.c_uint32()
        if ctypes.CDLL(None).pthread_key_create(ctypes.byref(key), None):
            raise OSError("no pthread key left")
        self._set("thread_key", key.value)
        return key.value

    def load_own(self, image: bytes) -> Loaded:
        """Place code of the runtime itself, which no signal may stop."""
        return load(image, self.resolve, self._own)

    def load(self, image: bytes, symbol: Callable[[str], int | None]) -> Loaded:
        """Place guest code; `symbol` knows the names that the machine does not."""
        return load(image, lambda name: symbol(name) or self.resolve(name), self.arena)

    def want_tails(self) -> None:
        """Somebody makes tail calls: from now on all functions have entries for them."""
        with self._lock:
            self.tails_wanted = True
            for code in list(self._codes):
                code.open_tails()

    def register(self, code: "NativeCode") -> None:
        """Know a module's code as long as it lives."""
        with self._lock:
            self._codes.add(code)
            if self.tails_wanted:
                code.open_tails()

    def resolve(self, name: str) -> int:
        """The address of the runtime's, Python's or the C library's symbol of this name."""
        if name == "wj_runtime":
            return self._runtime.address
        if name.startswith("wj_"):
            return self.symbols[name]
        if name.startswith("PyExc_") or name == "_Py_NoneStruct":
            return ctypes.addressof(ctypes.c_void_p.in_dll(ctypes.pythonapi, name))
        library = ctypes.pythonapi if name.startswith("Py") else ctypes.CDLL(None)
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        assert address is not None
        return address

    # --- what exists -------------------------------------------------------------------------

    def adopt(self, instance: "Instance") -> None:
        """Know an instance by the number in its context; let its memories fault."""
        self._instances[instance.id] = instance
        self._stores[instance.store.address] = instance.store
        for memory in instance.memories:
            self.guard(memory)
        if instance.store.limits.seconds is not None:
            self.metronome.watch(instance.store)

    def guard(self, memory: "Memory") -> None:
        """Faults inside this memory's reservation are the guest's doing from now on."""
        with self._lock:
            if memory in self._guarded:
                return
            self._guarded.add(memory)
            if self._free_regions:
                slot = self._free_regions.pop()
            else:
                slot = self._regions.address + 16 * self._region_count
                self._region_count += 1
                assert self._region_count < _MOST_REGIONS
            store64(slot, memory.base)
            store64(slot + 8, memory.base + VM_MEMORY.read(memory.address, "reserved"))
            self._set("region_count", self._region_count)
        finalize(memory, self._forget_region, slot).atexit = False

    def _forget_region(self, slot: int) -> None:
        store64(slot + 8, 0)
        store64(slot, 0)
        self._free_regions.append(slot)

    def register_code(self, address: int, size: int, code: "NativeCode", index: int) -> None:
        """Remember whose code lies where, for backtraces."""
        with self._lock:
            if address not in self._pieces:
                self._starts.insert(bisect_right(self._starts, address), address)
            self._pieces[address] = (address + size, ref(code), index)

    def forget_code(self, addresses: list[int]) -> None:
        """The code at these addresses is gone."""
        with self._lock:
            gone = set(addresses)
            self._starts = [a for a in self._starts if a not in gone]
            for address in addresses:
                self._pieces.pop(address, None)

    def function_at(self, pc: int) -> "tuple[NativeCode, int] | None":
        """The module and the index of the guest function that this program counter is in."""
        with self._lock:
            k = bisect_right(self._starts, pc) - 1
            if k < 0:
                return None
            end, owner, index = self._pieces[self._starts[k]]
        code = owner()
        return None if pc >= end or code is None else (code, index)

    def _on_sample(self, pc: int) -> None:
        found = self.function_at(pc)
        if found is not None:
            code, index = found
            code.heat(index)

    def frame_at(self, pc: int) -> Frame | None:
        """The same as a line of a backtrace."""
        found = self.function_at(pc)
        if found is None:
            return None
        code, index = found
        names = code.valid.module.names
        return Frame(names.module, index, names.funcs.get(index))

    # --- the heap ----------------------------------------------------------------------------

    def new_heap(self, store: "Store") -> NativeHeap:
        """A heap that machine code can allocate in."""
        if self._collector is None:
            image, functions = self._build_collector()
            loaded = self.load_own(image)
            at = {name: loaded.symbols[symbol][0] for name, symbol in functions.items()}
            self._code = loaded
            self._collector = Collector(self.symbols["wj_mark"], **at)
        weak = ref(store)

        def roots() -> tuple[int, list[int]]:
            owner = weak()
            words = [] if owner is None else [*all_held(), *owner.referred()]
            return self._stack_end(), words

        return NativeHeap(store.budget.take, store.budget.give, reserve, self._collector, roots)

    def _stack_end(self) -> int:
        """Where the stack that guests of this thread use ends; 0 outside of all guests."""
        thread = self._thread()
        activation = VM_THREAD.read(thread, "activation") if thread else 0
        while activation and (previous := VM_ACTIVATION.read(activation, "previous")):
            activation = previous
        return activation and activation + ACTIVATION_SIZE

    # --- answers to machine code ---------------------------------------------------------------

    def _on_thread(self, _context: int, _number: int, _buffer: int) -> int:
        thread = new_thread(self._key)
        if threading.current_thread() is threading.main_thread():
            self._set("main_thread", thread.address)
        self.metronome.add(thread)
        return 0

    def _on_wait(self, store: int, _number: int, _buffer: int) -> int:
        while VM_STORE.read(store, "owner"):
            time.sleep(_NAP)
        return 0

    def _on_fail(self, activation: int, _number: int, _buffer: int) -> int:
        code = VM_ACTIVATION.read(activation, "trap")
        error = failure(code)
        error.backtrace = tuple(self._frames(activation))
        raise error

    def _frames(self, activation: int) -> list[Frame]:
        count = VM_ACTIVATION.read(activation, "frame_count")
        start = activation + ACTIVATION_FRAMES
        found = [self.frame_at(load64(start + 8 * k) - (k > 0)) for k in range(count)]
        return [frame for frame in found if frame is not None]

    def instance_of(self, context: int) -> "Instance":
        """The instance with this VMContext."""
        return self._instances[VM_CONTEXT.read(context, "instance")]

    def _on_thrown(self, address: int, _number: int, _buffer: int) -> int:
        store = self._stores[address].current()
        heap = store.heap
        assert isinstance(heap, NativeHeap), "what throws has a native heap"
        word = VM_STORE.read(address, "exception")
        VM_STORE.write(address, "exception", 0)
        tag = heap.tag_of(word)
        assert isinstance(tag, Tag), "vm_tag was given a Tag"
        raw = zip(heap.payload(word, tag.type), tag.type.params)
        raise WasmException(tag, tuple(to_python(v, t, store) for v, t in raw))

    def _on_libcall(self, context: int, number: int, buffer: int) -> int:
        row = LIBCALLS[number]
        args = [load64(buffer + 8 * k) for k in range(row.arity)]
        try:
            store64(buffer, BODIES[number](self.instance_of(context), *args))
        except (Trap, Timeout, Interrupted) as trap:
            # machine code raises it again, and so records where
            return CODES[trap.message]
        return 0

    def _on_host(self, host: int, _number: int, buffer: int) -> int:
        store = self._stores[VM_HOST_FUNC.read(host, "store")]
        call_host(store.host_at(host), buffer)
        return 0

    def _on_compile(self, context: int, slot: int, buffer: int) -> int:
        instance = self.instance_of(context)
        code = instance.code
        store64(buffer, code.compile_slot(slot))  # type: ignore[attr-defined]  # only native code has lazy stubs
        return 0
