"""Bytes → `Component`: the only place that knows the sections of a component (Binary.md,
"Component Definitions").
"""

from functools import partial
from typing import Final

from wadjet.base.errors import Malformed
from wadjet.base.spans import Place
from wadjet.component import limits
from wadjet.component.binary.definitions import DefinitionReader
from wadjet.component.binary.names import NAME_SECTION, NameReader
from wadjet.component.component import Component, CoreModule, Custom, Definition
from wadjet.component.features import DEFAULT
from wadjet.core import binary as core
from wadjet.core.binary.grammar import Grammar, grammar
from wadjet.core.binary.reader import COMPONENT_LAYER, END_OF_INPUT, MAGIC
from wadjet.core.binary.reader import VERSION as MODULE_VERSION
from wadjet.core.features import Features
from wadjet.core.module import Module

#: The pre-standard version, and the layer that tells components from modules.
VERSION: Final = b"\x0d\0"

#: what core WebAssembly's words for a fault begin with → the component model's own
_WORDS: Final = {
    END_OF_INPUT: "unexpected end-of-file",
    "unexpected end of the preamble": "unexpected end-of-file",
    "length out of bounds": "unexpected end-of-file",
    "unexpected content after last section": "section out of order",
}


def is_component(data: bytes | bytearray | memoryview) -> bool:
    """Whether bytes begin as those of a component do, of whatever version."""
    return bytes(data[:4]) == MAGIC and bytes(data[6:8]) == COMPONENT_LAYER


def decode(
    data: bytes | bytearray | memoryview, features: Features = DEFAULT, *, lazy: bool = False
) -> Component:
    """Read a binary component, with everything that is in it.

    Raises `Malformed`, with the byte offset. `features` and `lazy` concern the core modules: see
    `wadjet.core.binary.decode`. Errors of bodies that are read later count from their module.
    """
    source = data if isinstance(data, bytes) else bytes(data)
    if len(source) > limits.COMPONENT_SIZE:
        raise Malformed(f"too large a component: the limit is {limits.COMPONENT_SIZE} bytes")
    decoder = _Decoder(source, grammar(features), lazy)
    try:
        return decoder.component(0, len(source), 0)
    except Malformed as error:
        for words, own in _WORDS.items():
            if error.message.startswith(words):
                raise Malformed(own + error.message[len(words) :], error.place) from None
        raise


class _Decoder:
    """One reading of one outermost component."""

    __slots__ = ("data", "grammar", "lazy")

    def __init__(self, data: bytes, grammar_: Grammar, lazy: bool) -> None:
        self.data: Final = data
        self.grammar: Final = grammar_
        self.lazy: Final = lazy

    def component(self, start: int, end: int, nesting: int) -> Component:
        """Read the component between two offsets, which lies inside so many others."""
        reader = DefinitionReader(self.data, self.grammar, start, end, nesting)
        reader.enter()
        _check_preamble(reader, outermost=nesting == 0)
        made = Component(place=start)
        made.runs = runs = []
        definitions = made.definitions
        while reader.pos < end:
            head = reader.pos
            number = reader.byte()
            if number > 12:
                raise reader.fail(f"malformed section id {number}", head)
            size = reader.u32()
            if size > end - reader.pos:
                raise reader.fail(END_OF_INPUT, end)
            before = len(definitions)
            self._section(number, reader.pos, reader.pos + size, reader.nesting, definitions)
            runs.append((number, len(definitions) - before))
            reader.pos += size
        for definition in reversed(definitions):
            if isinstance(definition, Custom) and definition.name == NAME_SECTION:
                made.names = NameReader(definition.data).read
        return made

    def _section(
        self, number: int, start: int, end: int, nesting: int, into: list[Definition]
    ) -> None:
        """Read the content of one section, which lies between two offsets."""
        if number == 1:
            into.append(self._module(start, end))
            return
        if number == 4:
            into.append(self.component(start, end, nesting))
            return
        reader = DefinitionReader(self.data, self.grammar, start, end, nesting)
        if number == 0:
            name = reader.name()
            if reader.pos > end:
                raise reader.fail(END_OF_INPUT, end)
            into.append(Custom(name, reader.take(end - reader.pos), start))
        elif number == 9:
            into.append(reader.start())
        else:
            read = _LISTS[number]
            for _ in range(reader.count("definitions", limits.ITEMS)):
                into.append(read(reader))
        if reader.pos > end:
            raise reader.fail(END_OF_INPUT, end)
        if reader.pos < end:
            raise reader.fail("section size mismatch", reader.pos)

    def _module(self, start: int, end: int) -> CoreModule:
        source = self.data[start:end]
        if is_component(source):
            raise Malformed(
                "expected a version header for a module: this is a component", Place(offset=start)
            )
        try:
            module: Module = core.decode(source, self.grammar.features, lazy=self.lazy)
        except Malformed as error:
            offset = error.place.offset if error.place is not None else None
            place = Place(offset=start + (offset or 0))
            raise Malformed(error.message, place) from None
        module.locate = partial(_further, start)
        return CoreModule(module, source, start)


def _further(start: int, place: int) -> Place:
    """How a module locates that begins at an offset of a component."""
    return Place(offset=start + place)


_LISTS: Final = {
    2: DefinitionReader.core_instance,
    3: DefinitionReader.core_type_def,
    5: DefinitionReader.instance,
    6: DefinitionReader.alias,
    7: DefinitionReader.type_def,
    8: DefinitionReader.canon,
    10: DefinitionReader.import_,
    11: DefinitionReader.export,
    12: DefinitionReader.value,
}


def _check_preamble(reader: DefinitionReader, outermost: bool) -> None:
    start = reader.pos
    data = reader.data[start : min(start + 8, reader.size)]
    if data[:4] != MAGIC[: len(data)]:
        hint = ": this looks like text" if data[:64].lstrip()[:1] in (b"(", b";") else ""
        raise reader.fail(f"magic header not detected{hint}")
    if len(data) < 8:
        raise reader.fail("unexpected end of the preamble", reader.size)
    if data[4:8] == MODULE_VERSION:
        what = "this is a module" if outermost else "found a core module"
        raise reader.fail(f"expected a version header for a component: {what}", start + 4)
    if data[4:8] != VERSION + COMPONENT_LAYER:
        raise reader.fail(f"unknown binary version {data[4:8].hex(' ')}", start + 4)
    reader.pos = start + 8
