"""The only place that reads the definitions of a component from bytes (Binary.md)."""

from typing import Final

from wadjet.component import limits
from wadjet.component.binary.codes import CORE_EXPORTS
from wadjet.component.binary.types import ComponentTypeReader
from wadjet.component.builtins import BY_CODE, FLAGS, INDEXED, OPTIONS
from wadjet.component.component import (
    Arg, Builtin, Bundle, Canon, CanonOption, CoreBundle, CoreInlineExport, CoreInstance,
    CoreInstantiate, Export, Immediate, InlineExport, Instance, Instantiate, Lift, Lower, Start,
    Value,
)  # fmt: skip
from wadjet.component.types import Import, TypeDef

_OPTIONS: Final = {code: name for name, code in OPTIONS.items()}
_CORE_INSTANCE: Final = {0x12: "core instance"}


class DefinitionReader(ComponentTypeReader):
    """Reads one definition at a time."""

    __slots__ = ()

    def core_instance(self) -> CoreInstance:
        """Read a core instance."""
        place = self.pos
        form = self.byte()
        if form == 0:
            module = self.u32()
            count = self.count("arguments", limits.ARGS)
            return CoreInstantiate(module, tuple([self._core_arg() for _ in range(count)]), place)
        if form == 1:
            count = self.count("exports", limits.INLINE_EXPORTS)
            return CoreBundle(tuple([self._core_inline_export() for _ in range(count)]), place)
        raise self.leading(form, "core instance")

    def _core_arg(self) -> tuple[str, int]:
        name = self.name()
        self.core_sort(_CORE_INSTANCE, "instantiation arg kind")
        return name, self.u32()

    def _core_inline_export(self) -> CoreInlineExport:
        name = self.name()
        return CoreInlineExport(name, self.core_sort(CORE_EXPORTS, "external kind"), self.u32())

    def instance(self) -> Instance:
        """Read an instance."""
        place = self.pos
        form = self.byte()
        if form == 0:
            component = self.u32()
            count = self.count("arguments", limits.ARGS)
            return Instantiate(component, tuple([self._arg() for _ in range(count)]), place)
        if form == 1:
            count = self.count("exports", limits.INLINE_EXPORTS)
            return Bundle(tuple([self._inline_export() for _ in range(count)]), place)
        raise self.leading(form, "instance")

    def _arg(self) -> Arg:
        return Arg(self.name(), self.extern_sort(), self.u32())

    def _inline_export(self) -> InlineExport:
        return InlineExport(self.extern_name(), self.extern_sort(), self.u32())

    def type_def(self) -> TypeDef:
        """Read a type definition."""
        place = self.pos
        return TypeDef(self.deftype(), place)

    def canon(self) -> Canon:
        """Read a canonical definition."""
        place = self.pos
        code = self.byte()
        if code == 0:
            self._func_sort("canonical function lift")
            return Lift(self.u32(), self._options(), self.u32(), place)
        if code == 1:
            self._func_sort("canonical function lower")
            return Lower(self.u32(), self._options(), place)
        row = BY_CODE.get(code)
        if row is None:
            raise self.leading(code, "canonical function")
        immediates = tuple([self._immediate(kind) for kind in row.immediates])
        return Builtin(row.name, immediates, place)

    def _func_sort(self, what: str) -> None:
        byte = self.byte()
        if byte != 0:
            raise self.leading(byte, what)

    def _immediate(self, kind: str) -> Immediate:
        if kind in FLAGS:
            byte = self.byte()
            if byte > 1:
                raise self.fail(f"invalid boolean value: {byte:#04x}", self.pos - 1)
            return byte == 1
        if kind == "opts":
            return self._options()
        if kind == "result":
            return self.resultlist()
        if kind == "valtype":
            return self.valtype()
        return self.u32()

    def _options(self) -> tuple[CanonOption, ...]:
        count = self.count("canonical options", limits.OPTIONS)
        return tuple([self._option() for _ in range(count)])

    def _option(self) -> CanonOption:
        code = self.byte()
        if code not in _OPTIONS:
            raise self.leading(code, "canonical option")
        name = _OPTIONS[code]
        return CanonOption(name, self.u32() if name in INDEXED else None)

    def start(self) -> Start:
        """Read a start definition."""
        place = self.pos
        func = self.u32()
        args = [self.u32() for _ in range(self.count("arguments", limits.START_ARGS))]
        pos = self.pos
        results = self.u32()
        if results > 1:
            raise self.fail(f"a function has at most one result, not {results}", pos)
        return Start(func, tuple(args), results, place)

    def import_(self) -> Import:
        """Read an import."""
        place = self.pos
        return Import(self.extern_name(), self.extern_desc(), place)

    def export(self) -> Export:
        """Read an export."""
        place = self.pos
        name, sort, index = self.extern_name(), self.extern_sort(), self.u32()
        ascribed = self.optional("optional component export type")
        return Export(name, sort, index, self.extern_desc() if ascribed else None, place)

    def value(self) -> Value:
        """Read a value definition; what its bytes mean depends on its type."""
        place = self.pos
        return Value(self.valuetype(), self.blob(), place)
