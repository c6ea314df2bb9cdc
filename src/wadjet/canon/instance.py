"""The noun component instance (CanonicalABI.md, "Component Instances")."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.canon.resources import ResourceHandle, RuntimeResource
from wadjet.canon.streams import CopyEnd
from wadjet.canon.table import Table
from wadjet.canon.traps import CANNOT_ENTER, CANNOT_LEAVE, trap
from wadjet.canon.values import ErrorContext
from wadjet.component.types import (
    Borrow, Defined, Enum, Flags, List, Own, Record, Resource, ResourceType, Result, Variant, parts,
)  # fmt: skip
from wadjet.core.types import I32, GlobalType
from wadjet.engine.contract.layout import CELL, octets
from wadjet.engine.runtime.global_ import Global

if TYPE_CHECKING:
    from wadjet.canon.program import Program
    from wadjet.canon.tasks import Scheduler, Thread

#: bits of `flags`
MAY_ENTER: Final = 1
MAY_LEAVE: Final = 2
READY: Final = MAY_ENTER | MAY_LEAVE

#: The flags of instances, where machine code sees them too.
Cells = tuple["memoryview[int]", ...]


@final
class ComponentInstance:
    """An instance of a component: its handles, threads and exports.

    `cell` is a mutable global of type i32 with the flags `MAY_ENTER` and `MAY_LEAVE`; `flags[0]`
    is its value. `lexical` is the instance in which the component is written, `parent` the one
    that instantiated it. `resources` tells what the component's own types mean by resources.
    """

    __slots__ = (
        "__weakref__", "_entering", "_keys", "backpressure", "cell", "children", "exclusive",
        "exports", "flags", "handles", "lexical", "parent", "program", "resources", "scheduler",
        "spaces", "threads", "waiting_to_enter",
    )  # fmt: skip

    def __init__(
        self,
        program: "Program",
        scheduler: "Scheduler",
        parent: "ComponentInstance | None" = None,
        lexical: "ComponentInstance | None" = None,
    ) -> None:
        self.program: Final = program
        self.scheduler: Final = scheduler
        self.parent: Final = parent
        self.lexical: Final = lexical
        #: the instances that it made
        self.children: Final[list[ComponentInstance]] = []
        self.handles: Final[Table[Any]] = Table("handle")
        self.threads: Final[Table[Thread]] = Table("thread")
        self.cell: Final = Global(GlobalType(I32, True), READY)
        self.flags: Final = octets(self.cell.address, CELL, self.cell).cast("I")
        self.backpressure = 0
        self.waiting_to_enter = 0
        #: the thread that keeps others of its kind out
        self.exclusive: Thread | None = None
        self.resources: Final[dict[Resource, RuntimeResource]] = {}
        #: its index spaces, by sort
        self.spaces: Final[dict[str, list[Any]]] = {}
        self.exports: Final[dict[str, Any]] = {}
        self._keys: Final[dict[Defined, int]] = {}
        self._entering: Final[dict[ComponentInstance | None, Cells]] = {}

    # --- entering and leaving ---------------------------------------------------------------------

    def entering(self, caller: "ComponentInstance | None") -> Cells:
        """The flags of the instances that a call from another one enters: itself and all around
        it that the caller is not in."""
        found = self._entering.get(caller)
        if found is None:
            outside = set() if caller is None else set(caller._around())
            found = tuple([i.flags for i in self._around() if i not in outside])
            self._entering[caller] = found
        return found

    def _around(self) -> "list[ComponentInstance]":
        return [self] if self.parent is None else [self, *self.parent._around()]

    def within(self, other: "ComponentInstance") -> bool:
        """Whether it is another instance, or somewhere inside of it."""
        return other in self._around()

    def may_enter(self, caller: "ComponentInstance | None" = None) -> bool:
        """Whether a call from another instance may enter."""
        return all(cell[0] & MAY_ENTER for cell in self.entering(caller))

    def enter(self, caller: "ComponentInstance | None") -> Cells:
        """Enter; what is to be left again."""
        cells = self.entering(caller)
        for cell in cells:
            if not cell[0] & MAY_ENTER:
                trap(CANNOT_ENTER)
        for cell in cells:
            cell[0] &= ~MAY_ENTER
        return cells

    def check_leave(self) -> None:
        """Trap while the instance must not call anybody."""
        if not self.flags[0] & MAY_LEAVE:
            trap(CANNOT_LEAVE)

    def unleaving(self, func: Callable[..., Any], args: tuple[int, ...]) -> Any:
        """Call a core function that must not call out of the instance."""
        flags, scheduler = self.flags, self.scheduler
        saved, scheduler.current = scheduler.current, scheduler.scratch(self)
        flags[0] &= ~MAY_LEAVE
        result = func(*args)
        flags[0] |= MAY_LEAVE
        scheduler.current = saved
        return result

    # --- handles ----------------------------------------------------------------------------------

    def resource(self, index: int, type_: RuntimeResource) -> ResourceHandle:
        """The handle of a resource of this type."""
        found = self.handles.get(index)
        if not isinstance(found, ResourceHandle):
            trap(f"handle index {index} is not a resource")
        if found.type is not type_:
            other = found.type
            same = "different " if other.describe == type_.describe else ""
            trap(
                f"handle index {index} used with the wrong type, expected {type_.describe} "
                f"but found a {same}{other.describe}"
            )
        return found

    def end(self, index: int, noun: str, key: int, *, readable: bool) -> CopyEnd:
        """The end of a stream or future of this type."""
        found = self.handles.get(index)
        if not isinstance(found, CopyEnd) or found.shared.noun != noun:
            trap(f"handle index {index} is not a {noun}")
        if found.readable != readable:
            trap(f"handle index {index} is the other end of a {noun}")
        if found.shared.key != key:
            trap(f"handle index {index} is a {noun} of another type")
        return found

    def error_context(self, index: int) -> ErrorContext:
        """An error context."""
        found = self.handles.get(index)
        if not isinstance(found, ErrorContext):
            trap(f"handle index {index} is not an error context")
        return found

    def key(self, t: Defined) -> int:
        """A number for a type of its component, the same for types that are equal."""
        found = self._keys.get(t)
        if found is None:
            found = self._keys[t] = self.scheduler.key(self._form(t))
        return found

    def _form(self, t: Defined) -> object:
        """What two types have in common if and only if they are equal."""
        shape = t.shape
        if isinstance(shape, Own | Borrow):
            assert isinstance(shape.resource, ResourceType)
            return type(shape), self.resources[shape.resource.resource]
        inner = tuple([self.key(p) if isinstance(p, Defined) else p for p in parts(shape)])
        match shape:
            case Record(fields):
                return Record, tuple([label for label, _ in fields]), inner
            case Variant(cases):
                return Variant, tuple([(label, part is None) for label, part in cases]), inner
            case Enum(labels) | Flags(labels):
                return type(shape), labels
            case List(_, length):
                return List, length, inner
            case Result(ok, error):
                return Result, ok is None, error is None, inner
        return type(shape), inner

    def drop(self, index: int, type_: RuntimeResource) -> None:
        """`resource.drop`."""
        handle = self.resource(index, type_)
        if handle.lends:
            trap("cannot remove owned resource while borrowed")
        self.handles.free(index)
        if not handle.own:
            assert handle.scope is not None, "a borrowed handle belongs to a task"
            handle.scope.borrows -= 1
        elif type_.destroy is not None:
            type_.destroy(handle.rep, self)

    def forsake(self) -> None:
        """Drop what it, and the instances in it, own of the host: they have ended. What they got
        last goes first; an error of one does not keep the others."""
        with ExitStack() as stack:
            for handle in self.handles.clear():
                if isinstance(handle, ResourceHandle) and handle.own and handle.type.impl is None:
                    if handle.type.destroy is not None:
                        stack.callback(handle.type.destroy, handle.rep, self)
            for child in self.children:
                stack.callback(child.forsake)


def leave(cells: Cells) -> None:
    """End what `ComponentInstance.enter` began."""
    for cell in cells:
        cell[0] |= MAY_ENTER


#: What instances, and mappings that stand for them, export.
Exports = Mapping[str, Any]
