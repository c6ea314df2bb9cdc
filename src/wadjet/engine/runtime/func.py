"""The noun function (spec 4.2.6): of an instance, or a Python callable. A funcref points at it."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.core.subtyping import canonical_types
from wadjet.core.types import DefType, FuncType, RecType, SubType
from wadjet.engine.contract.layout import HOST_MAGIC, VM_FUNC, VM_HOST_FUNC, Block
from wadjet.engine.runtime.values import results_to_raw, to_python, to_raw

if TYPE_CHECKING:
    from wadjet.engine.runtime.instance import Instance
    from wadjet.engine.runtime.store import Store


#: What nobody but the host makes: types of callables that are no functions of guests.
HOST_TYPES: Final[frozenset[type]] = frozenset({FunctionType, MethodType})
#: Bytes of a VMFunc and the VMHostFunc behind it.
HOST_SIZE: Final = VM_FUNC.size + VM_HOST_FUNC.size


class Func:  # no ABC, for `isinstance` would run Python code each time
    """A function instance. `address` is that of its VMFunc and the word of a funcref to it.

    `deftype` is its canonical type, `type` the same as parameters and results, closed. Funcs
    compare by address: several objects may stand for one function.
    """

    __slots__ = ("__weakref__", "address", "deftype", "type")

    def __init__(self, address: int, deftype: DefType) -> None:
        self.address: Final = address
        self.deftype: Final = deftype
        comp = deftype.comp
        assert isinstance(comp, FuncType), "a function has a function type"
        self.type: Final = comp

    @property
    @abstractmethod
    def store(self) -> "Store":
        """The store it lives in."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What to call it in messages."""

    @property
    @abstractmethod
    def owner(self) -> object:
        """What must live as long as the function may be called."""

    @property
    @abstractmethod
    def entry(self) -> Callable[..., Any]:
        """What Python code calls; its `__self__` is this function."""

    @abstractmethod
    def call_raw(self, args: Sequence[int]) -> list[int]:
        """Call it on bit patterns. TypeError where their number is wrong."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Func) and other.address == self.address

    def __hash__(self) -> int:
        return hash(self.address)

    def check_count(self, given: int) -> None:
        """Raise TypeError unless this is the number of parameters."""
        wanted = len(self.type.params)
        if given != wanted:
            plural = "" if wanted == 1 else "s"
            raise TypeError(f"{self.name}() takes {wanted} argument{plural}, {given} given")


@final
class WasmFunc(Func):
    """A function defined by a module. `index` counts the module's imports first."""

    __slots__ = ("index", "instance")

    def __init__(self, instance: "Instance", index: int, address: int, deftype: DefType) -> None:
        super().__init__(address, deftype)
        self.instance: Final = instance
        self.index: Final = index

    @property
    def store(self) -> "Store":
        """The store of its instance."""
        return self.instance.store

    @property
    def name(self) -> str:
        """The first name it is exported under, else that in the name section, else its number."""
        return self.instance.code.func_name(self.index)

    @property
    def owner(self) -> object:
        """Its instance."""
        return self.instance

    @property
    def entry(self) -> Callable[..., Any]:
        """What the tier made for it, the same object as long as somebody holds it."""
        return self.instance.entry(self)

    def call_raw(self, args: Sequence[int]) -> list[int]:
        """Run it in its store."""
        self.check_count(len(args))
        return self.instance.code.call(self.instance, self.index, args)


@final
class HostFunc(Func):
    """A Python callable with a function type. It gets and returns Python values (see `values`)."""

    __slots__ = ("_block", "_store", "callable")

    def __init__(
        self,
        store: "Store",
        deftype: DefType,
        callable_: Callable[..., Any],
        place: tuple[Block, int] | None = None,
    ) -> None:
        """`place` is an offset in the block of an instance where its VMFunc and its VMHostFunc are
        already."""
        store = store.current()
        block, offset = (Block(HOST_SIZE), 0) if place is None else place
        address = block.address + offset
        super().__init__(address, deftype)
        self._block: Final = block
        self._store = store
        self.callable: Final = callable_
        host = address + VM_FUNC.size
        if place is None:
            code, tail = (0, 0) if store.doors is None else store.doors(self.type)
            VM_FUNC.fill(address, code, host, deftype.id, 0, tail)
            VM_HOST_FUNC.fill(host, store.address, id(callable_), HOST_MAGIC, 0)
        store.adopt(host, self)

    def open_door(self, host: Callable[[FuncType], tuple[int, int]]) -> None:
        """Let native code call it: `host` gives the machine code of its type."""
        code, tail = host(self.type)
        VM_FUNC.write(self.address, "code", code)
        VM_FUNC.write(self.address, "tail", tail)

    @property
    def store(self) -> "Store":
        """The store it was made for."""
        return self._store

    @property
    def name(self) -> str:
        """The callable's own name."""
        return str(getattr(self.callable, "__name__", self.callable))

    @property
    def owner(self) -> object:
        """The function itself."""
        return self

    @property
    def entry(self) -> Callable[..., Any]:
        """A `Function`, so that calls from Python are checked like all others."""
        return Function.of(self)

    def move(self, store: "Store") -> None:
        """Become part of another store (see `Store.absorb`)."""
        self._store = store
        VM_HOST_FUNC.write(self.address + VM_FUNC.size, "store", store.address)

    def func_at(self, address: int) -> "HostFunc":
        """Itself: the only function with this context."""
        assert address == self.address, "a funcref of another function"
        return self

    def call_raw(self, args: Sequence[int]) -> list[int]:
        """Convert the arguments, call, convert what it returns (TypeError, OverflowError)."""
        type_, store = self.type, self._store
        self.check_count(len(args))
        values = [to_python(arg, t, store) for arg, t in zip(args, type_.params)]
        return results_to_raw(self.callable(*values), type_.results, store)


def function_type(type_: FuncType) -> DefType:
    """The canonical type of a function type that stands alone."""
    return canonical_types([RecType((SubType(type_),))])[0]


@final
class Door(int):
    """`__self__` of a builtin that enters a guest: the address of a VMFunc, which is all that
    machine code needs, with the function for everyone else. `method` is what CPython reads the
    builtin's name and code from, and must live as long."""

    func: Func
    method: object


def func_of(value: object) -> Func | None:
    """The function behind something callable that wadjet gave out, else None."""
    if type(value) in HOST_TYPES:
        return None  # the usual case
    if isinstance(value, Func):
        return value
    found = getattr(value, "__self__", None)
    if isinstance(found, Door):
        return found.func
    return found if isinstance(found, Func) else None


def _converted(raw: list[int], type_: FuncType, store: "Store") -> list[object]:
    return [to_python(word, t, store) for word, t in zip(raw, type_.results)]


@final
class Function:
    """A function as Python sees it: called with Python values, checked against its type.

    i32 and i64 take and give ints (signed on the way out), f32 and f64 floats, v128 takes 16
    bytes or an int and gives bytes, references are Python objects with None for null. Several
    results come as a tuple, none as None.
    """

    __slots__ = ("__self__", "__weakref__")
    __self__: Func

    def __init__(
        self, type_: FuncType, callable_: Callable[..., Any], *, store: "Store | None" = None
    ) -> None:
        """A Python callable as a function of a type; it gets and returns Python values."""
        from wadjet.engine.runtime.store import Store  # stores know functions

        where = Store(implicit=True) if store is None else store
        self.__self__ = HostFunc(where, function_type(type_), callable_)

    @classmethod
    def of(cls, callable_: Callable[..., Any] | Func) -> "Function":
        """The same function as a `Function`, whatever it was exported as: machine code's entries
        are builtins, which know neither `type` nor `call_raw`. TypeError if it is not a guest's.
        """
        func = func_of(callable_)
        if func is None:
            raise TypeError(f"{callable_!r} is no function of a guest")
        made = cls.__new__(cls)
        made.__self__ = func
        return made

    @property
    def __name__(self) -> str:
        return self.__self__.name

    @property
    def type(self) -> FuncType:
        """Parameters and results."""
        return self.__self__.type

    def call_raw(self, args: Sequence[int]) -> list[int]:
        """Call it on bit patterns; references are words of the store."""
        return self.__self__.call_raw(args)

    def __call__(self, *args: object) -> Any:
        """Call it with Python values: TypeError and OverflowError where they do not fit."""
        func = self.__self__
        type_ = func.type
        func.check_count(len(args))
        raw = [to_raw(arg, t, func.store) for arg, t in zip(args, type_.params)]
        store = func.store
        if not store.native or isinstance(func, HostFunc):
            results = _converted(func.call_raw(raw), type_, store)
        else:
            store.hold()
            try:
                results = _converted(func.call_raw(raw), type_, store)
            finally:
                store.release()
        if len(results) == 1:
            return results[0]
        return tuple(results) if results else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and other.__self__ == self.__self__

    def __hash__(self) -> int:
        return hash(self.__self__)

    def __repr__(self) -> str:
        return f"<wadjet.Function {self.__name__} {self.type}>"
