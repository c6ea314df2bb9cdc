"""Types in text (spec 6.4): value, reference, field and composite types, limits, type uses."""

from typing import Final

from wadjet.core.text.cursor import Cursor
from wadjet.core.text.lexer import Tokens
from wadjet.core.text.resolve import Space, TypeSpace
from wadjet.core.features import Features
from wadjet.core.types import (
    ABS_HEAPS, F32, F64, I8, I16, I32, I64, V128, AbsHeap, ArrayType, CompType, ContType,
    FieldType, FuncType, GlobalType, HeapType, Limits, MemoryType, NumType, RecType, RefType,
    StructType, SubType, TableType, ValType, ref,
)  # fmt: skip

_NUMS: Final[dict[str, NumType]] = {t.name: t for t in (I32, I64, F32, F64, V128)}
_PACKED: Final[dict[str, NumType]] = {t.name: t for t in (I8, I16)}
_HEAPS: Final[dict[str, AbsHeap]] = {h.name: h for h in ABS_HEAPS}
#: anyref, nullref, … and what each abbreviates
_SHORT: Final[dict[str, AbsHeap]] = {repr(ref(True, h)): h for h in ABS_HEAPS}
_REFS: Final[dict[str, RefType]] = {name: ref(True, h) for name, h in _SHORT.items()}


class TypeParser(Cursor):
    """Reads types; `types` is the index space they refer to."""

    __slots__ = ("shown", "types")

    def __init__(self, tokens: Tokens, features: Features) -> None:
        super().__init__(tokens, features)
        self.types = TypeSpace()
        #: what the parameters and locals of the function being read are called, where they are
        self.shown: dict[int, str] = {}

    def binding(self, noun: str) -> tuple[str | None, str | None]:
        """An optional identifier, and what the thing is called: an annotation has the last word."""
        name = self.identifier()
        called = self.called(noun)
        return name, name if called is None else called

    def called(self, noun: str) -> str | None:
        """What an @name annotation here says. Only the parser of modules knows of any."""
        return None

    # value and reference types

    def valtype(self) -> ValType:
        """A number, vector or reference type."""
        found = _NUMS.get(self.texts[self.at])
        if found is None:
            return self.reftype("a value type")
        self.at += 1
        return found

    def valtypes(self) -> list[ValType]:
        """Value types up to the closing parenthesis, which is left."""
        types = []
        while self.texts[self.at] != ")":
            types.append(self.valtype())
        return types

    def is_reftype(self) -> bool:
        """Whether a reference type stands here."""
        text = self.texts[self.at]
        return text in _REFS or (text == "(" and self.texts[self.at + 1] in ("ref", "shared"))

    def reftype(self, expected: str = "a reference type") -> RefType:
        """`(ref null? ht)`, an abbreviation of it, or `(shared …)` around one."""
        text = self.texts[self.at]
        found = _REFS.get(text)
        if found is not None:
            self._gate(_SHORT[text])
            self.at += 1
            return found
        if self.opens("shared"):
            return self._shared_short()
        if not self.opens("ref"):
            raise self.unexpected(expected)
        self.at += 2
        nullable = self.take("null")
        made = self.heaptype(nullable)
        self.expect(")")
        return made

    def _shared_short(self) -> RefType:
        self.need("shared-everything-threads", "a shared reference")
        self.at += 2
        short = _SHORT.get(self.texts[self.at])
        if short is None:
            raise self.unexpected("an abbreviated reference type")
        self.at += 1
        self.expect(")")
        return ref(True, short, shared=True)

    def heaptype(self, nullable: bool) -> RefType:
        """A heap type, as the reference type it makes: `exact` and `shared` belong to it."""
        if self.opens("exact"):
            self.need("custom-descriptors", "an exact reference")
            self.at += 2
            made = ref(nullable, self.types.names.index(self), exact=True)
            self.expect(")")
            return made
        if self.opens("shared"):
            self.need("shared-everything-threads", "a shared heap type")
            self.at += 2
            made = ref(nullable, self._heap(), shared=True)
            self.expect(")")
            return made
        return ref(nullable, self._heap())

    def _heap(self) -> HeapType:
        if self.is_index():
            return self.types.names.index(self)
        found = _HEAPS.get(self.texts[self.at])
        if found is None:
            raise self.unexpected("a heap type")
        self._gate(found)
        self.at += 1
        return found

    def _gate(self, heap: AbsHeap) -> None:
        if heap.top == "cont":
            self.need("stack-switching", f"the type {heap.name}")

    # composite types

    def fieldtype(self) -> FieldType:
        """A storage type, maybe mutable."""
        if self.opens("mut"):
            self.at += 2
            made = FieldType(self._storage(), True)
            self.expect(")")
            return made
        return FieldType(self._storage(), False)

    def _storage(self) -> ValType:
        packed = _PACKED.get(self.texts[self.at])
        if packed is None:
            return self.valtype()
        self.at += 1
        return packed

    def _fields(self, names: Space, shown: dict[int, str]) -> tuple[FieldType, ...]:
        fields: list[FieldType] = []
        while self.opens("field"):
            self.at += 2
            name, called = self.binding("field")
            if called is not None:
                shown[names.bind(name, self)] = called
                fields.append(self.fieldtype())
            while called is None and self.texts[self.at] != ")":
                names.bind(None, self)
                fields.append(self.fieldtype())
            self.expect(")")
        return tuple(fields)

    def signature(self, names: list[str | None] | None = None) -> FuncType:
        """`(param …)* (result …)*`; parameters may be named if `names` is there to take it."""
        params: list[ValType] = []
        while self.opens("param"):
            self.at += 2
            name, called = self.binding("parameter") if names is not None else (None, None)
            new = [self.valtype()] if called is not None else self.valtypes()
            params += new
            if names is not None:
                if called is not None:
                    self.shown[len(names)] = called
                names.extend([name] if called is not None else [None] * len(new))
            self.expect(")")
        results = self.results()
        if self.opens("param"):
            self.at += 1
            raise self.unexpected("results, which come after all parameters")
        return FuncType(tuple(params), tuple(results))

    def results(self) -> list[ValType]:
        """`(result …)*`."""
        results: list[ValType] = []
        while self.opens("result"):
            self.at += 2
            results += self.valtypes()
            self.expect(")")
        return results

    def _comptype(self, index: int) -> CompType:
        """A composite type; `index` is that of the type it defines."""
        self.expect("(")
        word = self.texts[self.at]
        self.at += 1
        made: CompType
        if word == "func":
            made = self.signature([])
        elif word == "struct":
            names = self.types.fields[index] = Space("field")
            shown = self.types.shown_fields[index] = {}
            made = StructType(self._fields(names, shown))
        elif word == "array":
            made = ArrayType(self.fieldtype())
        elif word == "cont" and "stack-switching" in self.features:
            made = ContType(self._heap())
        else:
            self.at -= 1
            raise self.unexpected("func, struct or array")
        self.expect(")")
        return made

    def subtype(self, index: int) -> SubType:
        """What a type definition holds after its name: `(sub …)` or a composite type alone."""
        spelled = self.opens("sub")
        final, supers = True, []
        if spelled:
            self.at += 2
            final = self.take("final")
            while self.is_index():
                supers.append(self.types.names.index(self))
        describes = self._clause("describes")
        descriptor = self._clause("descriptor")
        shared = self.opens("shared")
        if shared:
            self.need("shared-everything-threads", "a shared type")
            self.at += 2
        comp = self._comptype(index)
        for _ in range(shared + spelled):
            self.expect(")")
        return SubType(comp, final, tuple(supers), describes, descriptor, shared, spelled)

    def _clause(self, word: str) -> int | None:
        """`(describes x)` or `(descriptor x)`, if it stands here."""
        if not self.opens(word):
            return None
        self.need("custom-descriptors", f"a {word} clause")
        self.at += 2
        index = self.types.names.index(self)
        self.expect(")")
        return index

    def type_field(self) -> None:
        """`(type …)` or `(rec …)` at the level of the module: defines a recursion group."""
        spelled = self.opens("rec")
        subs: list[SubType] = []
        places: list[int] = []
        if spelled:
            self.at += 2
        while self.opens("type"):
            places.append(self.starts[self.at])
            self.at += 2
            self.identifier()
            subs.append(self.subtype(len(self.types.flat) + len(subs)))
            self.expect(")")
            if not spelled:
                break
        if spelled:
            self.expect(")")
        self.types.add(RecType(tuple(subs), spelled), places)

    # type uses

    def typeuse(self, names: list[str | None] | None = None) -> int:
        """`(type x)?` and a signature: the index of the type meant. Names of parameters go to
        `names`, which has one entry per parameter afterwards."""
        place = self.starts[self.at]
        explicit = self._explicit()
        start = self.at
        inline = self.signature(names)
        return self._meant(explicit, inline, names, start, place)

    def _explicit(self) -> int | None:
        if not self.opens("type"):
            return None
        self.at += 2
        index = self.types.names.index(self)
        self.expect(")")
        return index

    def _meant(
        self,
        explicit: int | None,
        inline: FuncType,
        names: list[str | None] | None,
        start: int,
        place: int,
    ) -> int:
        if explicit is None:
            return self.types.use(inline, place)
        known = self.types.func(explicit)
        if inline.params or inline.results:
            if known is None:
                raise self.error(f"unknown type {explicit}", start)
            if known != inline:
                raise self.error("inline function type does not match explicit type", start)
        elif names is not None and known is not None:
            names.extend([None] * len(known.params))
        return explicit

    def blocktype(self) -> ValType | int | None:
        """The type of a block: at most one result is told as it is, the rest by a type use."""
        place = self.starts[self.at]
        explicit = self._explicit()
        start = self.at
        inline = self.signature()
        if explicit is None and not inline.params and len(inline.results) < 2:
            return inline.results[0] if inline.results else None
        return self._meant(explicit, inline, None, start, place)

    # external types

    def _address(self) -> NumType:
        if self.take("i64"):
            return I64
        self.take("i32")
        return I32

    def limits(self, address: NumType) -> Limits:
        """A minimum, maybe a maximum."""
        bits = 64 if "memory64" in self.features else 32
        least = self.natural(bits, "a u64, the least size")
        first = self.texts[self.at][:1]
        most = self.natural(bits, "a u64, the largest size") if first.isdecimal() else None
        return Limits(least, most, address)

    def tabletype(self) -> TableType:
        """Address type, limits, element type."""
        address, shared = self.table_head()
        limits = self.limits(address)
        return TableType(self.reftype(), limits, shared)

    def table_head(self) -> tuple[NumType, bool]:
        """What precedes the limits of a table: address type, `shared`."""
        address = self._address()
        shared = self.texts[self.at] == "shared"
        if shared:
            self.need("shared-everything-threads", "a shared table")
            self.at += 1
        return address, shared

    def memorytype(self) -> MemoryType:
        """Address type, limits, `shared`, page size."""
        limits = self.limits(self._address())
        shared = self.take("shared")
        log2, spelled = self.pagesize()
        return MemoryType(limits, shared, log2, spelled)

    def pagesize(self) -> tuple[int, bool]:
        """`(pagesize n)?`: the logarithm of the page size, and whether it was written."""
        if not self.opens("pagesize"):
            return 16, False
        self.need("custom-page-sizes", "a page size")
        self.at += 2
        size = self.natural(64, "a page size")
        if size == 0 or size & size - 1:
            raise self.error("invalid custom page size: not a power of two", self.at - 1)
        self.expect(")")
        return size.bit_length() - 1, True

    def globaltype(self) -> GlobalType:
        """A value type, maybe mutable, maybe shared."""
        if self.opens("mut"):
            self.at += 2
            made = GlobalType(self.valtype(), True)
            self.expect(")")
            return made
        if self.opens("shared"):
            self.need("shared-everything-threads", "a shared global")
            self.at += 2
            mutable = self.take("mut")
            made = GlobalType(self.valtype(), mutable, True)
            self.expect(")")
            return made
        return GlobalType(self.valtype(), False)
