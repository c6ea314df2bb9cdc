"""Native code of one module: lazy stubs, the slots calls go through, functions as they come.

Every defined function has a slot: the address of the best code there is for it. At first that is
a stub, which has the function compiled when it is first called and goes on in what was made.
"""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from wadjet.base.records import replace
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from wadjet.base.errors import Frame
from wadjet.core.types import I32
from wadjet.core.validate import ValidModule
from wadjet.engine.contract.heap import is_object
from wadjet.engine.contract.layout import VM_CONTEXT, VM_FUNC, WORD
from wadjet.engine.contract.settings import Settings
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.gc.native import NativeHeap
from wadjet.engine.runtime import log, perf
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.runtime.doors import Doors, MethodDef
from wadjet.engine.runtime.func import WasmFunc
from wadjet.engine.runtime.image import Image, Placed
from wadjet.engine.runtime.loader import Linkable, Object
from wadjet.engine.runtime.locks import new_lock
from wadjet.engine.runtime.machine import Machine
from wadjet.engine.runtime.shells import Shell

if TYPE_CHECKING:
    from wadjet.engine.runtime.func import Func
    from wadjet.engine.runtime.instance import Instance
    from wadjet.engine.runtime.store import Store

#: Room for machine code: bytes at least, bytes for each byte of WebAssembly, bytes at most; and
#: bytes of what is set aside when that is full.
_LEAST: Final = 16 << 10
_GROWTH: Final = 8
_MOST: Final = 128 << 20
_MORE: Final = 4 << 20


class NativeCode(ModuleCode):
    """Machine code of a module, made function by function by a subclass (the tier)."""

    native = True

    def __init__(
        self, valid: ValidModule, machine: Machine, doors: Doors, settings: Settings
    ) -> None:
        super().__init__(valid)
        if valid.module.tag_types() or self.escapes or self.switches:
            settings = replace(settings, exceptions=True)
        self.settings: Final = settings
        self._catching: NativeCode | None = None
        self.machine: Final = machine
        self.doors: Final = doors
        self._imports = self.layout.func_imports
        count = len(valid.module.funcs)
        self._count = count
        #: its types of structs and arrays, by index
        self._objects: Final = [(x, t) for x, t in enumerate(valid.types) if is_object(t)]
        self._me: ref[NativeCode] = ref(self)
        #: where the code lies: the first has the slots
        self._images: list[Image] = [machine.new_image(self._me, count, self._room())]
        self._image: Final = self._images[0]
        self._image.open()
        #: by slot: 1 + the level of its code, 0 if there is none
        self._levels = bytearray(count)
        #: counts the changes of what VMFuncs lead to
        self._version = 1
        #: how Python enters its functions, as far as they were asked for
        self._methods: dict[int, MethodDef | None] = {}
        #: functions with a tail-call entry of their own
        self._tailed: set[int] = set()
        #: its instances, without keeping them
        self._instances: set[ref[Instance]] = set()
        #: held while a function of this module is compiled
        self._lock = new_lock()
        machine.register(self)

    def _room(self) -> int:
        """How many bytes to set aside for code; only addresses, as long as there is none."""
        codes = self.valid.module.codes
        written = codes[-1].start + codes[-1].size - codes[0].start if codes else 0
        return min(_LEAST + _GROWTH * written, _MOST)

    def linked(self, imports: "Sequence[Func]") -> ModuleCode:
        """Where guest functions are imported, exceptions may come from them: also from host
        functions that theirs call, so those modules must let exceptions pass as well."""
        guests = [f.instance for f in imports if isinstance(f, WasmFunc)]
        for instance in guests:
            instance.code.let_pass(instance)
        return self._catcher() if guests else self

    def _catcher(self) -> "NativeCode":
        """The same module with an eye on exceptions after each call."""
        if self.settings.exceptions:
            return self
        with self._lock:
            if self._catching is None:
                self._catching = self.variant(replace(self.settings, exceptions=True))
            return self._catching

    def let_pass(self, instance: "Instance") -> None:
        """The functions it defines throw none, but those it imports may."""
        if self.settings.exceptions or not instance.func_imports:
            return
        code = self._catcher()
        with self.machine.lock:
            self._instances.discard(ref(instance))
            code.fill(instance)
        instance.store.pin(self)  # threads may be in it
        instance.code = code

    @abstractmethod
    def variant(self, settings: Settings) -> "NativeCode":
        """The same module with other settings."""

    @abstractmethod
    def build(self, slots: Sequence[int]) -> tuple[bytes | Linkable, int]:
        """An object, or other code, that defines `f<index>` for each of these functions (by slot),
        and how good their code is: a level from 0 on."""

    @abstractmethod
    def build_tail(self, slot: int) -> bytes | Linkable:
        """An object that defines `t<index>`, calling what stands in `slot`."""

    def open_tails(self) -> None:
        """Have entries for tail calls (they are numbered after the ordinary ones)."""
        with self.machine.lock:
            if not self._image.has_tails:
                self._image.open(tails=True)
                self._version += 1
                for instance in self._alive():
                    self._fill_tails(instance)

    def _fill_tails(self, instance: "Instance") -> None:
        instance.vmfuncs[VM_FUNC["tail"] // WORD :: VM_FUNC.size // WORD] = self._image.tails

    def compile_slot(self, slot: int) -> int:
        """Make sure a function is compiled; the address of its code. Invalid, Malformed where a
        lazily validated body turns out not to be valid."""
        with self._lock:
            if slot >= self._count:
                return self._compile_tail(slot - self._count)
            if not self._levels[slot]:
                begun = time.perf_counter()
                self.add(*self.build([slot]))
                self.valid.forget(slot)
                self._say(slot, begun)
            address: int = self._image.slots[slot]
            return address

    def _say(self, slot: int, begun: float) -> None:
        if log.say is not None:
            name, ms = self.name_of(slot + self._imports), 1000 * (time.perf_counter() - begun)
            log.say(f"compiled {name} at its first call: level {self.level(slot)}, {ms:.2f} ms")

    def name_of(self, index: int) -> str:
        """What to call a function (the index counts imports first) in reports."""
        names = self.valid.module.names
        return str(Frame(names.module, index, names.funcs.get(index)))

    def level(self, slot: int) -> int:
        """How good the code of a function is; -1 if it has none."""
        return self._levels[slot] - 1

    def _compile_tail(self, slot: int) -> int:
        """The entry for tail calls: the function's own, if it makes tail calls itself."""
        self.compile_slot(slot)
        index = slot + self._imports
        if index not in self._tailed:
            self.add(self.build_tail(slot), 0, slot)
        address: int = self._image.tails[slot]
        return address

    def heat(self, running: Placed, pc: int) -> None:
        """A sample found this code running, at this address."""

    def add(self, built: bytes | Linkable, level: int, slot: int = 0) -> None:
        """Let everyone call the functions of an object from now on, as far as their code is better
        than what there is. `slot` is what the object calls so."""
        loaded = Object(built) if isinstance(built, bytes) else built
        with self.machine.lock:
            image = self._image_for(loaded)
            self._publish(image, image.place(loaded, level, slot))

    def add_landing(self, built: bytes, level: int) -> int:
        """Put into place what goes on from a loop of a function; its address, which nobody knows
        yet."""
        loaded = Object(built)
        with self.machine.lock:
            image = self._image_for(loaded)
            functions = image.place(loaded, level)
            self._publish(image, functions)
        whole = max(functions, key=lambda each: each.size)
        return image.address + whole.start

    def _image_for(self, loaded: Linkable) -> Image:
        """An image with room for it."""
        image = self._images[-1]
        if not image.has_room(loaded.size):
            room = max(_MORE, loaded.size)
            image = self.machine.new_image(self._me, 0, room, self._image)
            self._images.append(image)
        return image

    def _publish(self, image: Image, functions: Sequence[Placed]) -> None:
        told = perf.teller(self.machine.arch)
        if told is not None:
            for each in functions:
                name = f"{self.name_of(each.function)} [{each.level}]"
                told(image.address + each.start, image.code(each), name)
        for index, tail, is_global, level, start, _ in functions:
            slot, address = index - self._imports, image.address + start
            if not is_global:
                continue
            if tail:
                self._tailed.add(index)
                self.machine.want_tails()
                self._image.tails[slot] = address
                self._patch(slot, "tail", address)
            elif level >= self._levels[slot]:
                self._levels[slot] = level + 1
                self.direct(slot, address)

    def direct(self, slot: int, address: int) -> None:
        """Calls of a function go there from now on."""
        self._image.slots[slot] = address
        self._patch(slot, "code", address)

    def _patch(self, slot: int, member: str, address: int) -> None:
        """Tell the VMFuncs of all instances."""
        self._version += 1
        for instance in self._alive():
            instance.vmfuncs[(slot * VM_FUNC.size + VM_FUNC[member]) // WORD] = address

    def _alive(self) -> "Iterator[Instance]":
        # a tuple is made in one go, whatever other threads do
        for each in tuple(self._instances):
            instance = each()
            if instance is not None:
                yield instance

    def attach(self, instance: "Instance") -> None:
        """Fill the code of its functions and of the host functions it can reach."""
        self._check_guards(instance)
        self.fill(instance)
        self._fill_objects(instance)
        self.machine.adopt(instance)

    def _check_guards(self, instance: "Instance") -> None:
        for index, memory in enumerate(instance.memories):
            if not memory.guarded and self.wants_guard(index):
                raise failure(TrapCode.OUT_OF_MEMORY, "no address space for a guarded memory")

    def attach_alike(self, instance: "Instance", shell: Shell) -> None:
        """The same for such an instance: much of it is done."""
        self._check_guards(instance)
        with self.machine.lock:
            self._instances.add(ref(instance, self._instances.discard))
            if shell.version != self._version:
                self._fill(instance)
                shell.version = self._version
        self._fill_objects(instance)
        self.machine.adopt(instance)

    def fill(self, instance: "Instance") -> None:
        """Give the VMFuncs of an instance their code, now and whenever there is better."""
        with self.machine.lock:
            self._instances.add(ref(instance, self._instances.discard))
            self._fill(instance)
            if isinstance(instance.block, Shell):
                instance.block.version = 0  # it was another's

    def _fill(self, instance: "Instance") -> None:
        instance.vmfuncs[:: VM_FUNC.size // WORD] = self._image.slots
        if self._image.has_tails:
            self._fill_tails(instance)

    def prepare(self, store: "Store") -> None:
        """Host functions need machine code, objects a heap that machine code can allocate in."""
        store.make_heap = self.machine.new_heap
        store.open_doors(self.doors.host)

    def _fill_objects(self, instance: "Instance") -> None:
        """The VMTypes of its structs, arrays and tags, if it has any."""
        if not self._objects and not instance.tags and not self.switches:
            return
        heap, words, layout = instance.store.heap, instance.words, self.layout
        assert isinstance(heap, NativeHeap), "prepare() made it so"
        words[VM_CONTEXT["gc"] // WORD] = heap.address
        for x, type_ in self._objects:
            words[layout("objects", x) // WORD] = heap.vm_type(type_)
        for k, tag in enumerate(instance.tags):
            words[layout("tags", k) // WORD] = heap.vm_tag(tag.id, tag.type, tag)

    def wants_guard(self, memory: int) -> bool:
        """Whether the code relies on the hardware to check accesses to a memory."""
        type_ = self.valid.module.memory_types()[memory]
        return self.settings.guards and type_.limits.addr is I32 and type_.page_log2 == 16

    def call(self, instance: "Instance", func_index: int, args: Sequence[int]) -> list[int]:
        """Run a defined function on raw values."""
        func = instance.func(func_index)
        return self.doors.call(func.address, func.type, args)

    def entry(self, func: WasmFunc) -> Callable[..., Any]:
        """A builtin for plain signatures."""
        index = func.index
        if index not in self._methods:
            self._methods[index] = self.doors.method(func.type, func.name)
        return self.doors.entry(func, self._methods[index])
