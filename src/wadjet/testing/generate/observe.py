"""What makes a module observable from outside: its exports, with values as plain integers.

Engines of other makers pass only numbers well. So functions are exported through doors, which take
and give i64s: floats as their bits, vectors as two, references as digests, which tell null from
others, and as much about the others as tests and fields do.
"""

from typing import Final, final

from wadjet.core.body import Body
from wadjet.core.module import Code, Export
from wadjet.core.opcodes import Op
from wadjet.core.subtyping import top
from wadjet.core.types import (
    ANY, ANYREF, EXTERN, F32, F64, FUNC, FUNCREF, I31, I32, I64, V128, ArrayType, NumType,
    RefType, StructType, ValType, ref,
)  # fmt: skip
from wadjet.testing.generate.constants import fields_of
from wadjet.testing.generate.maker import PRIME, Maker, Supply, Types
from wadjet.testing.generate.values import immediate
from wadjet.testing.generate.world import World

#: Elements of an array that a digest looks at.
_LOOKED_AT: Final = 3


def define(w: World, type_: int, code: Code) -> int:
    """Add a function to the module; its index."""
    w.funcs.append(type_)
    w.module.funcs.append(type_)
    w.module.codes.append(code)
    return len(w.funcs) - 1


@final
class Observer:
    """Exports functions and state; adds digests of references when they are first needed.

    To be used when all functions of random code are in place.
    """

    def __init__(self, w: World, supply: Supply) -> None:
        self.w: Final = w
        self.supply: Final = supply
        self._digests: Final[dict[str, int]] = {}

    def _begin(self, params: Types, results: Types) -> Maker:
        return Maker(self.w, self.supply, params, results, 0)

    def _end(self, m: Maker, params: Types, results: Types) -> int:
        m.emit(Op.END)
        return define(self.w, self.w.func_type(params, results), m.code())

    # -- digests ----------------------------------------------------------------------------------

    def flatten(self, m: Maker, t: ValType) -> None:
        """Turn the value of type `t` on the stack into one i64, or two for a vector."""
        if t is V128:
            x = m.scratch(V128)
            m.script(("local.tee", x), ("i64x2.extract_lane", 0))
            m.script(("local.get", x), ("i64x2.extract_lane", 1))
        elif isinstance(t, RefType):
            self._digest(m, t)
        else:
            m.to_i64(t)

    def _digest(self, m: Maker, t: RefType) -> None:
        """Turn a reference into an i64."""
        kind = top(t, self.w.closed).heap
        if not self.w.has("gc") or kind not in (ANY, FUNC, EXTERN):
            m.script("ref.is_null", "i64.extend_i32_u")
        elif kind is FUNC:
            m.script(("call", self._digest_of("func")))
        else:
            if kind is EXTERN:
                m.script("any.convert_extern")
            m.script(("i32.const", 1), ("call", self._digest_of("any")))

    def _digest_of(self, hierarchy: str) -> int:
        if hierarchy not in self._digests:
            if hierarchy == "func":
                self._digests[hierarchy] = self._digest_func()
            else:
                self._digest_any()
        return self._digests[hierarchy]

    def _digest_func(self) -> int:
        """funcref → its null, and which types it matches."""
        m = self._begin((FUNCREF,), (I64,))
        h = m.add_local(I64)
        for x in sorted({self.w.funcs[f] for f in self.w.functions}):
            m.script(("local.get", 0), ("ref.test", ref(False, x)), "i64.extend_i32_u")
            _mix(m, h)
        m.script(("local.get", 0), "ref.is_null", "i64.extend_i32_u", ("local.get", h), "i64.xor")
        return self._end(m, (FUNCREF,), (I64,))

    def _digest_any(self) -> None:
        """anyref, depth → null, a number, or which types it matches and what its fields hold."""
        type_ = self.w.func_type((ANYREF, I32), (I64,))
        # functions call themselves, so there must be an index before there is code
        index = self._digests["any"] = define(self.w, type_, Code([], Body()))
        m = self._begin((ANYREF, I32), (I64,))
        h, held = m.add_local(I64), m.add_local(ANYREF)
        m.script(("local.get", 0), "ref.is_null", ("if", None), ("i64.const", 0), "return", "end")
        m.script(("local.get", 0), ("ref.test", ref(False, I31)), ("if", None))
        m.script(("local.get", 0), ("ref.cast", ref(False, I31)), "i31.get_u", "i64.extend_i32_u")
        m.script(("i64.const", 1), "i64.add", "return", "end")
        for x in (*self.w.of(StructType), *self.w.of(ArrayType)):
            m.script(("local.get", 0), ("ref.test", ref(False, x)), ("if", None))
            m.script(("i64.const", x + 1))
            _mix(m, h)
            for i, get in self._parts(x):
                self._digest_part(m, x, i, get, (h, held))
            m.script("end")
        m.script(("local.get", h), "end")
        self.w.module.codes[index - len(self.w.module.imports)] = m.code()

    def _parts(self, x: int) -> list[tuple[int, str]]:
        """The fields that a struct type adds to those of its supertype, or the first elements of
        an array, and how each is read."""
        fields, supers = fields_of(self.w, x), self.w.subs[x].supers
        if isinstance(self.w.subs[x].comp, ArrayType):
            plain = fields[0].storage is fields[0].unpacked
            get = "array.get" if plain else "array.get_u"
            return [(i, get) for i in range(_LOOKED_AT)]
        known = len(fields_of(self.w, supers[0])) if supers else 0
        gets = ["struct.get" if f.storage is f.unpacked else "struct.get_u" for f in fields]
        return list(enumerate(gets))[known:]

    def _digest_part(self, m: Maker, x: int, i: int, get: str, locals_: tuple[int, int]) -> None:
        """Mix a field or an element; of objects within objects, only some."""
        h, held = locals_
        m.script(("local.get", 0), ("ref.cast", ref(False, x)))
        if get.startswith("struct"):
            t = fields_of(self.w, x)[i].unpacked
            m.script((get, (x, i)))
        else:
            t = fields_of(self.w, x)[0].unpacked
            m.script("array.len", "i64.extend_i32_u")
            _mix(m, h)
            array = (("local.get", 0), ("ref.cast", ref(False, x)))
            m.script(*array, "array.len", ("i32.const", i), "i32.gt_u", ("if", None))
            m.script(*array, ("i32.const", i), (get, x))
        if isinstance(t, RefType) and top(t, self.w.closed).heap is ANY:
            m.script(("local.set", held), ("local.get", 1), ("if", I64))
            m.script(("local.get", held), ("i32.const", 0), ("call", self._digests["any"]))
            m.script("else", ("local.get", held), "ref.is_null", "i64.extend_i32_u", "end")
        else:
            self.flatten(m, t)
        for _ in range(1 + (t is V128)):
            _mix(m, h)
        if get.startswith("array"):
            m.script("end")

    # -- doors ------------------------------------------------------------------------------------

    def door(self, function: int) -> Types:
        """Export a function, through a door if its type asks for one; what callers pass."""
        sig = self.w.sig_of(function)
        if all(map(self._passes, sig.params)) and all(map(self._passes_back, sig.results)):
            self.w.module.exports.append(Export(f"f{function}", "func", function))
            return sig.params
        params = tuple(
            I64 for t in sig.params if isinstance(t, NumType) for _ in range(1 + (t is V128))
        )
        results = sig.results
        if not all(map(self._passes_back, results)):
            results = (I64,) * (len(results) + sum(t is V128 for t in results))
        m = self._begin(params, results)
        x = 0
        for t in sig.params:
            x += _unflatten(m, t, x)
        m.emit(Op.CALL, function)
        holders = [] if results is sig.results else [m.add_local(_holder(t)) for t in sig.results]
        for holder in reversed(holders):
            m.emit(Op.LOCAL_SET, holder)
        for holder, t in zip(holders, sig.results):
            m.emit(Op.LOCAL_GET, holder)
            self.flatten(m, t)
        index = self._end(m, params, results)
        self.w.module.exports.append(Export(f"f{function}", "func", index))
        return params

    def _passes(self, t: ValType) -> bool:
        """Whether callers from outside can give a `t`: numbers, and null (see `options`)."""
        if self.w.options.portable:
            return t in (I32, I64, F64)
        return not isinstance(t, RefType) or t.nullable

    def _passes_back(self, t: ValType) -> bool:
        """Whether callers from outside can look at a `t`."""
        return t in (I32, I64, F64) if self.w.options.portable else True

    # -- the state --------------------------------------------------------------------------------

    def state(self) -> None:
        """Export `state`, which gives what globals and tables hold as i64s, and how large
        memories are. Our own engines see that without help."""
        if not self.w.options.portable:
            return
        m = self._begin((), ())
        count = 0
        for x, g in enumerate(self.w.globals):
            m.emit(Op.GLOBAL_GET, x)
            self.flatten(m, g.value)
            count += 1 + (g.value is V128)
        for x, memory in enumerate(self.w.memories):
            m.emit(Op.MEMORY_SIZE, x)
            m.to_i64(memory.limits.addr)
            count += 1
        if self.w.has("reference-types"):
            for x in range(len(self.w.tables)):
                self._table(m, x)
                count += 2
        if not self.w.has("multi-value"):
            self._fold(m, count)
            count = 1
        index = self._end(m, (), (I64,) * count)
        self.w.module.exports.append(Export("state", "func", index))

    def _fold(self, m: Maker, count: int) -> None:
        """Make one i64 of many."""
        h = m.add_local(I64)
        for _ in range(count):
            _mix(m, h)
        m.emit(Op.LOCAL_GET, h)

    def _table(self, m: Maker, x: int) -> None:
        """Push the size of a table, and a digest of all its elements."""
        t = self.w.tables[x]
        addr = t.limits.addr
        at, h = m.add_local(addr), m.add_local(I64)
        m.script(("table.size", x))
        m.to_i64(addr)
        m.script(("block", None), ("loop", None), ("local.get", at), ("table.size", x))
        m.script(f"{addr}.ge_u", ("br_if", 1), ("local.get", at), ("table.get", x))
        self.flatten(m, t.element)
        _mix(m, h)
        m.script(("local.get", at), (f"{addr}.const", 1), f"{addr}.add", ("local.set", at))
        m.script(("br", 0), "end", "end", ("local.get", h))


def _mix(m: Maker, x: int) -> None:
    """Mix an i64 on the stack into a local."""
    m.script(("local.get", x), "i64.xor", ("i64.const", immediate(I64, PRIME)), "i64.mul")
    m.script(("local.set", x))


def _holder(t: ValType) -> ValType:
    """The type of a local that can hold a `t`, and has a default."""
    return ref(True, t.heap, t.exact) if isinstance(t, RefType) else t


def _unflatten(m: Maker, t: ValType, x: int) -> int:
    """Push a parameter, given as an i64 (or two) from local `x` on; how many locals that were.
    References are made on the spot."""
    if isinstance(t, RefType):
        m.supply.simple(m, t)
        return 0
    m.emit(Op.LOCAL_GET, x)
    if t is V128:
        m.script("i64x2.splat", ("local.get", x + 1), ("i64x2.replace_lane", 1))
    if t in (I32, F32):
        m.script("i32.wrap_i64")
    if t is F32:
        m.script("f32.reinterpret_i32")
    if t is F64:
        m.script("f64.reinterpret_i64")
    m.vals.append(t)
    return 1 + (t is V128)
