"""One way of copying: from the memory and the form of one side to those of the other."""

from typing import Final, final

from wadjet.canon.adapters.assemble import Function, Unit
from wadjet.canon.adapters.reasons import Reason
from wadjet.canon.adapters.sides import MAY_LEAVE, Imports, Side, SideName
from wadjet.component.abi import alignment, elem_size
from wadjet.component.types import Defined
from wadjet.core.types import I32, NumType

#: The most bytes that a string or a list may take (CanonicalABI.md, "Loading").
MAX_BYTES: Final = (1 << 28) - 1


@final
class Way:
    """From the side that lifts values (`source`) to the side that lowers them (`target`).

    `s` and `d` are the types of addresses of either, by name. `src` and `dst` are the names of the
    memories.
    """

    __slots__ = (
        "d", "dst", "imports", "s", "source", "source_name", "src", "target", "target_name", "unit",
    )  # fmt: skip

    def __init__(self, unit: Unit, imports: Imports, source: SideName, a: Side, b: Side) -> None:
        self.unit: Final = unit
        self.imports: Final = imports
        self.source: Final = a
        self.target: Final = b
        self.source_name: Final[SideName] = source
        self.target_name: Final[SideName] = "lift" if source == "lower" else "lower"
        self.src: Final = f"{source}.memory"
        self.dst: Final = f"{self.target_name}.memory"
        self.s: Final = a.ptr.name
        self.d: Final = b.ptr.name

    def need_memories(self) -> None:
        """Import both memories, as far as there are any."""
        for side, name in ((self.source, self.source_name), (self.target, self.target_name)):
            if side.memory is not None:
                self.imports.memory(name)

    def trap_if(self, f: Function, reason: int) -> None:
        """Trap if the i32 on the stack is not zero."""
        f.write(f"if i32.const {reason} call {self.imports.trap()} unreachable end")

    def aligned(self, f: Function, pointer: str, alignment: int, side: Side | None = None) -> None:
        """Trap unless an address is aligned, of the source's memory if nothing else is said."""
        if alignment > 1:
            a = (self.source if side is None else side).ptr.name
            f.write(f"${pointer} {a}.const {alignment - 1} {a}.and {a}.const 0 {a}.ne")
            self.trap_if(f, Reason.UNALIGNED)

    def in_place(self, f: Function, name: SideName, pointer: str, t: Defined) -> None:
        """Trap unless a value of a type can be where an address in the memory of a side says."""
        side = self.source if name == self.source_name else self.target
        self.aligned(f, pointer, alignment(t, side.ptr), side)
        f.write(f"${pointer} i32.const {elem_size(t, side.ptr)} i32.const {Reason.POINTER_BOUNDS}")
        f.write(f"call {self._bounds(name, side)}")

    def room(self, f: Function, t: Defined, pointer: str) -> None:
        """Allocate room for a value of a type in the target's memory."""
        ptr = self.target.ptr
        f.write(f"{self.d}.const 0 i32.const 0 i32.const {alignment(t, ptr)}")
        f.write(f"i32.const {elem_size(t, ptr)} i32.const {Reason.POINTER_BOUNDS}")
        f.write(f"call {self.allocate()} ={pointer}")

    def in_source(self) -> str:
        """The function [address, bytes i32, reason] -> [] that traps unless such a range lies
        within the source's memory."""
        return self._bounds(self.source_name, self.source)

    def in_target(self) -> str:
        """The same for the target's memory."""
        return self._bounds(self.target_name, self.target)

    def _bounds(self, name: SideName, side: Side) -> str:
        """The function [address, bytes i32, reason] -> [] that checks a range."""
        assert side.memory is not None
        memory, shift = self.imports.memory(name), side.memory.page_log2

        def write_32(f: Function) -> None:
            f.write(f"""
                $p i64.extend_i32_u $n i64.extend_i32_u i64.add
                memory.size {memory} i64.extend_i32_u i64.const {shift} i64.shl i64.gt_u
                if $reason call {self.imports.trap()} unreachable end""")

        def write_64(f: Function) -> None:
            f.local("end", side.ptr)
            f.write(f"""
                memory.size {memory} i64.const {shift} i64.shl =end
                $n i64.extend_i32_u $end i64.gt_u
                $p $end $n i64.extend_i32_u i64.sub i64.gt_u i32.or
                if $reason call {self.imports.trap()} unreachable end""")

        params = [("p", side.ptr), ("n", I32), ("reason", I32)]
        write = write_32 if side.ptr is I32 else write_64
        return self.unit.function(f"{name}/bounds", params, (), write)

    def allocate(self) -> str:
        """The function [old, old bytes i32, alignment i32, new bytes i32, reason] -> [address]
        that calls the target's realloc and checks what it returns (CanonicalABI.md, "Lifting and
        Lowering Context")."""
        d = self.d
        to_ptr = "i64.extend_i32_u" if d == "i64" else ""

        def write(f: Function) -> None:
            realloc = self.imports.realloc(self.target_name)
            flags = self.imports.flags(self.target_name)
            f.write(f"global.get {flags} i32.const {~MAY_LEAVE} i32.and global.set {flags}")
            arguments = f"$old $size {to_ptr} $align {to_ptr} $new {to_ptr}"
            self.guarded(f, f"{arguments} call {realloc} =old")
            f.write(f"global.get {flags} i32.const {MAY_LEAVE} i32.or global.set {flags}")
            f.write(f"$old $align i32.const 1 i32.sub {to_ptr} {d}.and {d}.const 0 {d}.ne")
            self.trap_if(f, Reason.UNALIGNED)
            f.write(f"$old $new $reason call {self.in_target()} $old")

        params: list[tuple[str, NumType]] = [
            ("old", self.target.ptr), ("size", I32), ("align", I32), ("new", I32), ("reason", I32)
        ]  # fmt: skip
        return self.unit.function(f"{self.target_name}/allocate", params, (self.target.ptr,), write)

    def guarded(self, f: Function, text: str) -> None:
        """Instructions that call a component's function: an exception of it is a trap."""
        f.write(f"block @fine block @thrown try_table @thrown {text} br @fine end end")
        f.write(f"i32.const {Reason.EXCEPTION} call {self.imports.trap()} unreachable end")
