"""The noun store (spec 4.2.3): what a group of instances shares, and who may be inside it."""

import ctypes
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, final
from weakref import WeakValueDictionary, ref

from wadjet.base.errors import Error, Exhaustion, Unlinkable
from wadjet.core.types import ArrayType, DefType, StructType
from wadjet.engine.contract.layout import (
    ABANDONED, MOVED, VM_FUNC, VM_HOST_FUNC, VM_STORE, Block, suspended,
)  # fmt: skip
from wadjet.engine.contract.traps import TrapCode, failure
from wadjet.engine.runtime.budget import Budget, Limits
from wadjet.engine.runtime.fields import field_names
from wadjet.engine.runtime.func import HostFunc
from wadjet.engine.runtime.locks import new_lock
from wadjet.engine.runtime.registry import note
from wadjet.engine.gc.heap import Heap
from wadjet.engine.gc.holders import Holder, all_held
from wadjet.engine.gc.objects import ObjectHeap
from wadjet.engine.runtime.values import Ref, to_raw

if TYPE_CHECKING:
    from wadjet.core.types import FuncType
    from wadjet.engine.runtime.func import Func
    from wadjet.engine.runtime.instance import Instance

_Word: Final = ctypes.c_uint64
_OWNER, _INTERRUPT = VM_STORE["owner"], VM_STORE["interrupt"]
_FUEL, _STACK_SIZE = VM_STORE["fuel"], VM_STORE["stack_size"]
_NO_FUEL_LIMIT: Final = (1 << 63) - 1
_NO_LIMITS: Final = Limits()
#: numbers of host references, never used twice in the process so that stores can unite
_handles: Final = itertools.count(1)
_uniting: Final = new_lock()
#: VMStore → store
_stores: "Final[dict[int, ref[Store]]]" = {}
#: how long a thread that waits for a store sleeps between two looks, at first and at most
_NAP: Final = 0.00005
_LONG_NAP: Final = 0.005


def _python_heap(store: "Store") -> Heap:
    return Heap(store.budget.take, store.budget.give)


@final
class Store:
    """Everything that instances can share: references, limits, the thread that runs them.

    Guests of one store run in one thread at a time; another thread waits its turn. Different
    stores run in parallel. `address` is that of its VMStore.

    The store keeps alive only what a guest could still reach without Python knowing: instances
    whose references may have escaped (`pin`), and all where continuations wait (`keep_all`).
    Everything else lives as long as its handles.
    """

    __slots__ = (
        "__weakref__", "_alarm", "_block", "_handles", "_heap", "_interrupt", "_keeps", "_names",
        "_native", "_objects", "_owner", "_owners", "_pins", "_refs", "_stood", "_stopped",
        "_target", "address", "budget", "doors", "implicit", "limits", "make_heap", "runs",
        "takes_turns",
    )  # fmt: skip

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        implicit: bool = False,
        budget: Budget | None = None,
    ) -> None:
        """`implicit`: nobody asked for a store of its own, so it may be united with others.
        `budget`: what it draws its memory from, where several stores share that."""
        self.implicit: Final = implicit
        self._target: Store | None = None
        #: whether its instances are machine code; None as long as there are none
        self._native: bool | None = None
        self._keeps = False
        self.limits: Final = _NO_LIMITS if limits is None else limits
        self.budget: Final = Budget(self.limits.memory) if budget is None else budget
        self._block: Final = Block(VM_STORE.size)
        self.address: Final = self._block.address
        note(_stores, self.address, self)
        # words that can be compared and set without anybody coming between: as long as there is no
        # call, only this thread runs Python code
        self._owner: Final = _Word.from_address(self.address + _OWNER)
        self._interrupt: Final = _Word.from_address(self.address + _INTERRUPT)
        fuel = self.limits.fuel
        _Word.from_address(self.address + _FUEL).value = _NO_FUEL_LIMIT if fuel is None else fuel
        _Word.from_address(self.address + _STACK_SIZE).value = self.limits.stack
        #: gives host functions their machine code, once native code runs here
        self.doors: Callable[[FuncType], tuple[int, int]] | None = None
        #: the context word of a VMFunc → whose it is
        self._owners: dict[int, ref[Instance | HostFunc]] = {}
        self._pins: set[object] = set()
        self._handles: dict[int, int] = {}
        self._objects: dict[int, object] = {}
        self._refs: WeakValueDictionary[int, Ref] | None = None
        self._heap: ObjectHeap | None = None
        #: makes the heap when it is first needed; native code wants another kind
        self.make_heap: Callable[[Store], ObjectHeap] = _python_heap
        #: what runs here and keeps references where no machine looks: interpreted code
        self.runs: Final[list[Holder]] = []
        #: the names of fields, by type, as far as they were asked for
        self._names: dict[DefType, dict[str, int]] = {}
        #: how many seconds the clock of its guests stood still, and since when it does
        self._stood = 0.0
        self._stopped: float | None = None
        #: whether guests on continuations are stopped when they compute for long (`wj_turn`)
        self.takes_turns = False
        #: ends the present outermost call when its time is over
        self._alarm: threading.Timer | None = None

    @property
    def native(self) -> bool:
        """Whether its instances are machine code."""
        return bool(self.current()._native)

    @property
    def heap(self) -> ObjectHeap:
        """The objects of its guests; made when first needed."""
        store = self.current()
        if store._heap is None:
            store._heap = store.make_heap(store)
        return store._heap

    # -- uniting --------------------------------------------------------------------------------

    def current(self) -> "Store":
        """The store that this one has become part of, else itself."""
        store = self
        while store._target is not None:
            store = store._target
        return store

    def absorb(self, other: "Store") -> None:
        """Take over all that lives in an idle implicit store."""
        owner = other._owner
        if owner.value != 0:
            raise Unlinkable("an import belongs to a store that is running")
        owner.value = MOVED
        try:
            if other._native is not None:
                self.settle(other._native)
            if other.waits:
                raise Unlinkable("an import belongs to a store in which continuations wait")
            if self._heap is None:
                self._heap = other._heap
            elif other._heap is not None:
                self._heap.join(other._heap)
        except Unlinkable:
            owner.value = 0
            raise
        self._adopt_all(other)

    @property
    def waits(self) -> bool:
        """Whether frames of its guests wait to go on: they know where the store is."""
        return self._heap is not None and self._heap.waits

    def _adopt_all(self, other: "Store") -> None:
        if other._keeps:
            self.keep_all()
        for context, each in list(other._owners.items()):
            owner = each()
            if owner is not None:
                self.adopt(context, owner)
                owner.move(self)
        other._owners.clear()
        self._names.clear()
        if self.doors is not None:
            other.open_doors(self.doors)
        elif other.doors is not None:
            self.open_doors(other.doors)
        # generated code of another thread may be about to look at the old VMStore
        self._pins |= {*other._pins, other._block}
        self._handles.update(other._handles)
        self._objects.update(other._objects)
        for handle in [] if other._refs is None else list(other._refs.values()):
            handle.store = self
            self.refs[handle.word] = handle
        # whoever still holds the other finds everything here
        other._heap, other._owners, other._pins = self._heap, self._owners, self._pins
        other._handles, other._objects, other._refs = self._handles, self._objects, self.refs
        other._target = self

    def unite_with(self, other: "Store") -> None:
        """Become one with another store. Unlinkable where that cannot be (see `unite`)."""
        unite((self, other))

    def settle(self, native: bool) -> None:
        """Let instances of this kind in. Unlinkable where there are some of the other kind, since
        tables could bring machine code to call what is none."""
        if self._native is not None and self._native != native:
            raise Unlinkable("compiled and interpreted instances cannot share a store")
        self._native = native

    # -- functions ------------------------------------------------------------------------------

    def adopt(self, context: int, owner: "Instance | HostFunc") -> None:
        """Remember whose functions have this context word."""
        note(self._owners, context, owner)
        if self._names:
            self._names.clear()
        if self._keeps:
            self._pins.add(owner)

    def func_at(self, address: int) -> "Func":
        """The function that a funcref word (not null) points at."""
        return self._owner_of(VM_FUNC.read(address, "context")).func_at(address)

    def _owner_of(self, context: int) -> "Instance | HostFunc":
        """Whose functions have this context word."""
        found = self._owners.get(context)
        if found is None:  # it is a host function for which there is no object yet
            found = self._owners[VM_HOST_FUNC.read(context, "home")]
        owner = found()
        assert owner is not None, "what a guest may call is alive"
        return owner

    def _all_owners(self) -> "list[Instance | HostFunc]":
        # a tuple is made in one go, whatever other threads do
        return [owner for each in tuple(self._owners.values()) if (owner := each()) is not None]

    def pin(self, owner: object) -> None:
        """Keep something alive as long as the store: a reference to it went where nobody sees."""
        self._pins.add(owner)

    def keep_all(self) -> None:
        """Keep all its instances alive as long as the store, from now on: frames of any may wait on
        the stack of a continuation."""
        if not self._keeps:
            self._keeps = True
            self._pins.update(self._all_owners())

    def open_doors(self, host: Callable[["FuncType"], tuple[int, int]]) -> None:
        """Native code runs in this store from now on: host functions need machine code too, which
        `host` gives by type."""
        if self.doors is None:
            self.doors = host
            for owner in self._all_owners() if self._owners else []:
                if isinstance(owner, HostFunc):
                    owner.open_door(host)

    def host_at(self, context: int) -> "HostFunc":
        """The host function with this VMHostFunc."""
        owner = self._owner_of(context).func_at(context - VM_FUNC.size)
        assert isinstance(owner, HostFunc), "the context of a host function"
        return owner

    def instance_at(self, context: int) -> "Instance":
        """The instance with this VMContext."""
        owner = self._owner_of(context)
        assert not isinstance(owner, HostFunc), "the context of an instance"
        return owner

    # -- host references ------------------------------------------------------------------------

    def extern(self, value: object) -> int:
        """The externref word of an object: 0 for None, the same word for the same object.

        Words of host references end in the bits 10: neither a small integer (i31, which is odd)
        nor an address (which is a multiple of 8), so that conversion between externref and anyref
        changes nothing.
        """
        if value is None:
            return 0
        word = self._handles.get(id(value))
        if word is None:
            word = next(_handles) << 2 | 2
            self._handles[id(value)] = word
            self._objects[word] = value
        return word

    def object(self, word: int) -> object:
        """The object behind a word that `extern` made."""
        return None if word == 0 else self._objects[word]

    def referred(self) -> list[int]:
        """The words that Python code has handles of."""
        return [] if self._refs is None else list(self._refs)

    def ref(self, word: int) -> Ref:
        """The handle of a guest object, the same as long as somebody holds it."""
        refs = self.refs
        found = refs.get(word)
        if found is None:
            found = refs[word] = Ref(self, word)
        return found

    @property
    def refs(self) -> "WeakValueDictionary[int, Ref]":
        """The handles of guest objects that somebody holds."""
        if self._refs is None:
            self._refs = WeakValueDictionary()
        return self._refs

    def new(self, type_: DefType, values: Sequence[Any]) -> Ref:
        """A new struct with these fields, or a new array with these elements.

        TypeError and OverflowError where they do not fit, Exhaustion where there is no room.
        """
        comp = type_.comp
        if isinstance(comp, StructType):
            storages = [field.storage for field in comp.fields]
            if len(storages) != len(values):
                raise TypeError(f"a struct of {len(storages)} fields, {len(values)} given")
        elif isinstance(comp, ArrayType):
            storages = [comp.field.storage] * len(values)
        else:
            raise TypeError(f"{type_} is no type of structs or arrays")
        if type_.descriptor is not None:
            raise TypeError(f"only guests make structs with descriptors: {type_}")
        raw = [to_raw(value, t, self) for value, t in zip(values, storages)]
        return self.make(lambda heap: heap.new(type_, raw))

    def make(self, allocate: Callable[[ObjectHeap], int]) -> Ref:
        """A handle of something new. Garbage is collected when it is time, or where there is no
        room: the caller sees to it that handles keep what goes into the new thing."""
        with self.held():
            heap = self.heap
            if heap.wants_collection:
                self.collect()
            try:
                return self.ref(allocate(heap))
            except Exhaustion:
                self.collect()
                return self.ref(allocate(heap))

    def field_names(self, type_: DefType) -> dict[str, int]:
        """The fields of a struct type by name, as the name sections of the modules that live here
        tell them; -1 for a name that means different fields in different modules."""
        store = self.current()
        found = store._names.get(type_)
        if found is None:
            found = store._names[type_] = field_names(type_, store._instances())
        return found

    def _instances(self) -> "set[Instance]":
        return {o for o in self._all_owners() if not isinstance(o, HostFunc)}

    def collect(self, words: Iterable[int] = ()) -> None:
        """Free the objects that no guest, no `Ref` and none of these words leads to. Guests do that
        by themselves when they need room."""
        store = self.current()
        if store._heap is not None:
            with store.held():
                held = [word for run in store.runs for word in run.held()]
                store._heap.collect([*words, *held, *store.referred(), *all_held()])

    # -- entering -------------------------------------------------------------------------------

    def _acquire(self) -> "Store":
        """Make this thread the one that is inside, and wait while another is. The store it then is
        in: this one may have become part of another meanwhile."""
        me, nap = threading.get_ident(), _NAP
        while True:
            store = self.current()
            owner = store._owner
            if owner.value == 0:
                owner.value = me
                return store
            if owner.value == me:
                return store
            refuse(owner.value, me)
            time.sleep(nap)
            nap = min(nap * 2, _LONG_NAP)

    def hold(self) -> None:
        """Keep other threads out until `release`: what runs there might collect objects whose words
        are on their way. Waits while another thread is inside. What has been asked of the store
        while it was idle is forgotten."""
        store = self._acquire()
        depth = VM_STORE.read(store.address, "depth") + 1
        VM_STORE.write(store.address, "depth", depth)
        if depth == 1:
            store._interrupt.value = 0

    def release(self) -> None:
        """End what `hold` began."""
        store = self.current()
        depth = VM_STORE.read(store.address, "depth") - 1
        VM_STORE.write(store.address, "depth", depth)
        if depth == 0:
            store._owner.value = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """`hold` and `release` around a block."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def enter(self) -> None:
        """Begin to run interpreted code in this thread; waits while another thread is inside."""
        self.hold()
        store = self.current()
        seconds = store.limits.seconds
        if seconds is not None and VM_STORE.read(store.address, "depth") == 1:
            store._alarm = alarm = threading.Timer(seconds, store._time_over)
            alarm.daemon = True
            alarm.start()

    def freeze(self) -> None:
        """Keep all out, this thread too, until `thaw`: a guest was stopped in the middle of
        something."""
        self._owner.value = suspended(threading.get_ident())

    def thaw(self) -> None:
        """The guest goes on."""
        self._owner.value = 0

    def clock(self) -> float:
        """Seconds that pass, but not while functions are compiled for its guests."""
        now = self._stopped
        return (time.monotonic() if now is None else now) - self._stood

    @contextmanager
    def standing_clock(self) -> Iterator[None]:
        """Meanwhile no time passes for its guests."""
        begun = self._stopped = time.monotonic()
        try:
            yield
        finally:
            self._stopped = None
            self._stood += time.monotonic() - begun

    def leave(self) -> None:
        """End what `enter` began."""
        store = self.current()
        if VM_STORE.read(store.address, "depth") == 1:
            if store._alarm is not None:
                store._alarm.cancel()
                store._alarm = None
            store._interrupt.value = 0
        self.release()

    def _time_over(self) -> None:
        me = threading.current_thread()
        # an alarm may come too late, when another run has begun
        if self._alarm is me:
            self._interrupt.value = TrapCode.TIMEOUT

    def interrupt(self, code: int = TrapCode.INTERRUPTED) -> None:
        """Ask the guest that another thread runs here to stop: its call raises `Interrupted`, or
        what the `TrapCode` says. 0 takes it back. Asking an idle store may do nothing."""
        address = self.current().address
        VM_STORE.write(address, "until", 0)
        VM_STORE.write(address, "interrupt", code)

    def check_interrupt(self) -> None:
        """Raise if somebody wants what runs here to stop, or its time is over."""
        code = self.current()._interrupt.value
        if code:
            raise failure(code)


def refuse(owner: int, me: int) -> None:
    """Raise where waiting for a store would never end, since this is its owner."""
    if owner == suspended(me):
        raise Error("a signal handler cannot call into the store that it has interrupted")
    if owner == ABANDONED:
        raise Error("another thread was in this store when the process forked")


def all_stores() -> list[Store]:
    """Every store there is."""
    return [store for each in tuple(_stores.values()) if (store := each()) is not None]


def store_at(address: int) -> Store:
    """The store with this VMStore; what it has become part of, if it has."""
    store = _stores[address]()
    assert store is not None, "what runs in a store keeps it"
    return store.current()


def unite(stores: Iterable[Store]) -> Store:
    """One store for all: implicit ones become part of the one that somebody made on purpose.

    Raises Unlinkable where two were made on purpose, or where one is running.
    """
    stores = list(stores)
    first = stores[0].current()
    if all(store is first for store in stores):
        return first
    with _uniting:
        distinct = {store.current() for store in stores}
        explicit = [store for store in distinct if not store.implicit]
        if len(explicit) > 1:
            raise Unlinkable("the imports belong to different stores")
        target = explicit[0] if explicit else _busiest(distinct)
        for other in distinct - {target}:
            target.absorb(other)
        return target


def _busiest(stores: set[Store]) -> Store:
    """A store that is running cannot be moved: it must be the one that stays. Nor can one in which
    continuations wait."""
    return max(stores, key=lambda store: (VM_STORE.read(store.address, "depth"), store.waits))
