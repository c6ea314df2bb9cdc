"""The only place that reads types of the component model from bytes (Binary.md, "Type
Definitions"), with the names and sorts that occur in them.
"""

from typing import Final

from wadjet.base.errors import Malformed
from wadjet.component import limits, types
from wadjet.component.binary import codes
from wadjet.component.binary.codes import CORE_BY_CODE, CORE_EXPORTS, OWN_BY_CODE
from wadjet.component.types import (
    CORE_SORTS, EXTERN_SORTS, OUTER_SORTS, PRIMS, Alias, AliasCoreExport, AliasExport, AliasOuter,
    AnyType, Attribute, Borrow, ComponentType, CoreTypeDef, Decl, Enum, EqType, EqValue, ExportDecl,
    ExternName, ExternType, Flags, FuncType, Future, Import, InstanceType, List, Map, ModuleAlias,
    ModuleDecl, ModuleExport, ModuleImport, ModuleType, Own, Prim, Record, ResourceDef, Result,
    Stream, SubResource, Tuple, TypeDef, TypeUse, ValType, ValueUse, Variant,
)  # fmt: skip
from wadjet.core.binary.grammar import Grammar
from wadjet.core.binary.types import SUB, TypeReader
from wadjet.core.module import Import as CoreImport
from wadjet.core.types import NumType, RecType

_PRIMS: Final[dict[int, Prim]] = {t.code: t for t in PRIMS}


class ComponentTypeReader(TypeReader):
    """Reads types and names. `nesting` counts the components and types around this place."""

    __slots__ = ("nesting",)

    def __init__(
        self,
        data: bytes,
        grammar: Grammar,
        pos: int = 0,
        end: int | None = None,
        nesting: int = 0,
    ) -> None:
        super().__init__(data, grammar, pos, end)
        self.nesting = nesting

    # What everything is made of.

    def leading(self, byte: int, what: str) -> Malformed:
        """The error for a byte, just read, that begins nothing of this sort."""
        return self.fail(f"invalid leading byte (0x{byte:x}) for {what}", self.pos - 1)

    def optional(self, what: str) -> bool:
        """Read whether something follows."""
        byte = self.byte()
        if byte > 1:
            raise self.leading(byte, what)
        return byte == 1

    def enter(self) -> None:
        """Go into a component or a type of many parts; whoever does goes out again."""
        self.nesting += 1
        if self.nesting > limits.NESTING:
            raise self.fail(f"nesting too deep: the limit is {limits.NESTING}")

    def core_sort(self, known: dict[int, str], what: str) -> str:
        """Read a core sort, one of those known here."""
        byte = self.byte()
        if byte not in known:
            raise self.leading(byte, what)
        return known[byte]

    def extern_sort(self, what: str = "component external kind") -> str:
        """Read a sort that components import and export."""
        byte = self.byte()
        if byte == 0:
            return self.core_sort(_MODULE_ONLY, what)
        if byte not in OWN_BY_CODE:
            raise self.leading(byte, what)
        return OWN_BY_CODE[byte]

    def extern_name(self) -> ExternName:
        """Read the name of an import or export."""
        form = self.byte()
        if form > 2:
            raise self.leading(form, "component name")
        name = self.name()
        if form < 2:
            return ExternName(name, (), form)
        count = self.count("attributes", limits.ATTRIBUTES)
        return ExternName(name, tuple([self._attribute() for _ in range(count)]), form)

    def _attribute(self) -> Attribute:
        code = self.byte()
        if code not in codes.ATTRIBUTE_BY_CODE:
            raise self.leading(code, "name option")
        return Attribute(codes.ATTRIBUTE_BY_CODE[code], self.name())

    def alias(self) -> Alias:
        """Read an alias."""
        place = self.pos
        first = self.byte()
        second = self.byte() if first == 0 else 0
        target = self.byte()
        if target == 0:
            sort = self._alias_sort(first, second, "component external kind", EXTERN_SORTS)
            return AliasExport(sort, self.u32(), self.name(), place)
        if target == 1:
            kinds = tuple(CORE_EXPORTS.values())
            sort = self._alias_sort(first, second, "core instance export kind", kinds)
            return AliasCoreExport(sort, self.u32(), self.name(), place)
        if target == 2:
            sort = self._alias_sort(first, second, "component outer alias kind", OUTER_SORTS)
            return AliasOuter(sort, self.u32(), self.u32(), place)
        raise self.leading(target, "alias")

    def _alias_sort(self, first: int, second: int, what: str, known: tuple[str, ...]) -> str:
        sort = CORE_BY_CODE.get(second) if first == 0 else OWN_BY_CODE.get(first)
        if sort is None or sort not in known:
            raise self.leading(first or second, what)
        return sort

    # Value types.

    def valuetype(self) -> ValType:
        """Read a value type: a primitive, or the index of a type definition."""
        found = _PRIMS.get(self.peek())
        if found is not None:
            self.pos += 1
            return found
        pos = self.pos
        index = self.s33()
        if index < 0:
            byte = self.data[pos]
            raise self.fail(f"invalid leading byte (0x{byte:x}) for component value type", pos)
        return index

    def optional_valuetype(self) -> ValType | None:
        """Read a value type or that there is none."""
        return self.valuetype() if self.optional("optional component value type") else None

    def _labelled(self, what: str, limit: int) -> tuple[tuple[str, ValType], ...]:
        count = self.count(what, limit)
        return tuple([(self.name(), self.valuetype()) for _ in range(count)])

    def _labels(self, what: str, limit: int) -> tuple[str, ...]:
        return tuple([self.name() for _ in range(self.count(what, limit))])

    def _case(self) -> tuple[str, ValType | None]:
        label, payload = self.name(), self.optional_valuetype()
        byte = self.byte()
        if byte != 0:
            raise self.leading(byte, "zero byte required")
        return label, payload

    # Type definitions.

    def deftype(self) -> AnyType:
        """Read the type of a type definition."""
        code = self.byte()
        found = _PRIMS.get(code)
        if found is not None:
            return found
        if code in (codes.FUNC, codes.ASYNC_FUNC):
            params = self._labelled("parameters", limits.PARAMS)
            return FuncType(params, self.resultlist(), code == codes.ASYNC_FUNC)
        if code == codes.COMPONENT:
            return ComponentType(tuple(self._decls(with_imports=True)))
        if code == codes.INSTANCE:
            made = [d for d in self._decls(with_imports=False) if not isinstance(d, Import)]
            return InstanceType(tuple(made))
        if code == codes.RESOURCE:
            return self._resource()
        return self._shape(code)

    def _shape(self, code: int) -> types.Shape:
        match code:
            case codes.RECORD:
                return Record(self._labelled("fields", limits.FIELDS))
            case codes.VARIANT:
                count = self.count("cases", limits.CASES)
                return Variant(tuple([self._case() for _ in range(count)]))
            case codes.LIST:
                return List(self.valuetype())
            case codes.FIXED_LIST:
                return List(self.valuetype(), self.u32())
            case codes.TUPLE:
                count = self.count("types of a tuple", limits.TUPLE_ITEMS)
                return Tuple(tuple([self.valuetype() for _ in range(count)]))
            case codes.FLAGS:
                return Flags(self._labels("flags", limits.FLAGS))
            case codes.ENUM:
                return Enum(self._labels("cases", limits.CASES))
            case codes.OPTION:
                return types.Option(self.valuetype())
            case codes.RESULT:
                return Result(self.optional_valuetype(), self.optional_valuetype())
            case codes.OWN:
                return Own(self.u32())
            case codes.BORROW:
                return Borrow(self.u32())
            case codes.STREAM:
                return Stream(self.optional_valuetype())
            case codes.FUTURE:
                return Future(self.optional_valuetype())
            case codes.MAP:
                return Map(self.valuetype(), self.valuetype())
        raise self.leading(code, "component defined type")

    def resultlist(self) -> ValType | None:
        """Read the result of a function: one or none."""
        byte = self.byte()
        if byte == 0:
            return self.valuetype()
        if byte != 1:
            raise self.leading(byte, "component function results")
        byte = self.byte()
        if byte != 0:
            raise self.leading(byte, "number of results")
        return None

    def _resource(self) -> ResourceDef:
        pos = self.pos
        rep = self.valtype()
        if not isinstance(rep, NumType):
            raise self.fail(f"a resource cannot be represented by {rep}", pos)
        dtor = self.u32() if self.optional("optional destructor") else None
        return ResourceDef(rep, dtor)

    def _decls(self, with_imports: bool) -> list[Decl | Import]:
        self.enter()
        count = self.count("declarations", limits.DECLS)
        made = [self._decl(with_imports) for _ in range(count)]
        self.nesting -= 1
        return made

    def _decl(self, with_imports: bool) -> Decl | Import:
        place = self.pos
        code = self.byte()
        if code == 0:
            return self.core_type_def()
        if code == 1:
            return TypeDef(self.deftype(), place + 1)
        if code == 2:
            return self.alias()
        if code == 3 and with_imports:
            return Import(self.extern_name(), self.extern_desc(), place)
        if code == 4:
            return ExportDecl(self.extern_name(), self.extern_desc(), place)
        raise self.leading(code, "component or instance type declaration")

    def extern_desc(self) -> ExternType:
        """Read the type of an import or export."""
        sort = self.extern_sort()
        if sort == "type":
            if self._bound("type bound"):
                return SubResource()
            return EqType(self.u32())
        if sort == "value":
            if self._bound("value bound"):
                return ValueUse(self.valuetype())
            return EqValue(self.u32())
        return TypeUse(sort, self.u32())

    def _bound(self, what: str) -> bool:
        byte = self.byte()
        if byte > 1:
            raise self.leading(byte, what)
        return byte == 1

    # Core types.

    def core_type_def(self) -> CoreTypeDef:
        """Read a core type definition."""
        place = self.pos
        byte = self.peek()
        if byte == codes.MODULE:
            self.pos += 1
            return CoreTypeDef(self._module_type(), place)
        if byte == 0:
            self.pos += 1
            if self.peek() != SUB:
                raise self.leading(self.byte(), "non-final sub type")
            return CoreTypeDef(RecType((self.subtype(),)), place)
        return CoreTypeDef(self.rectype(), place)

    def _module_type(self) -> ModuleType:
        self.enter()
        count = self.count("declarations", limits.DECLS)
        made = ModuleType(tuple([self._module_decl() for _ in range(count)]))
        self.nesting -= 1
        return made

    def _module_decl(self) -> ModuleDecl:
        place = self.pos
        code = self.byte()
        if code == 0:
            what = CoreImport(self.name(), self.name(), self.externtype(), place)
            return ModuleImport(what, place)
        if code == 1:
            return self.core_type_def()
        if code == 2:
            self.core_sort({0x10: "core type"}, "outer alias kind")
            target = self.byte()
            if target != 1:
                raise self.leading(target, "outer alias target")
            return ModuleAlias(self.u32(), self.u32(), place)
        if code == 3:
            return ModuleExport(self.name(), self.externtype(), place)
        raise self.leading(code, "type definition")


_MODULE_ONLY: Final = {CORE_SORTS["core module"]: "core module"}
