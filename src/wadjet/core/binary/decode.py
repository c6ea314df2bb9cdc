"""Bytes → `Module`: the only place that knows the order of sections (spec 5.5.15)."""

from typing import Final

from wadjet.base.errors import Malformed
from wadjet.base.spans import Place
from wadjet.core import limits
from wadjet.core.binary.grammar import grammar
from wadjet.core.binary.names import HINTS_SECTION, NAME_SECTION, HintReader, NameReader
from wadjet.core.binary.reader import END_OF_INPUT, SECTION_ORDER, Section, sections
from wadjet.core.binary.sections import SectionReader
from wadjet.core.features import DEFAULT, Features
from wadjet.core.module import Module
from wadjet.core.types import FuncUse

_RANK: Final = {number: rank for rank, number in enumerate(SECTION_ORDER)}
_TAG: Final = 13
_DATA_COUNT: Final = 12


def decode(
    data: bytes | bytearray | memoryview, features: Features = DEFAULT, *, lazy: bool = False
) -> Module:
    """Read a binary module.

    Raises `Malformed`, with the byte offset, for what the binary grammar of these features does
    not have. With `lazy`, bodies of functions are read when first asked for, and only then raise;
    the module then keeps the whole binary.
    """
    source = data if isinstance(data, bytes) else bytes(data)
    if len(source) > limits.MODULE_SIZE:
        raise Malformed(f"too large a module: the limit is {limits.MODULE_SIZE} bytes")
    reader = SectionReader(source, grammar(features), lazy=lazy)
    last = 0
    for section in sections(source):
        _check_order(reader, section, last)
        _read(reader, section, last)
        last = section.id or last
    module = reader.module
    _check_counts(module, len(source))
    _attach(module)
    return module


def _read(reader: SectionReader, section: Section, last: int) -> None:
    """Read one section. Where its content runs out of bytes because the section is larger than
    the module, the length is to blame; any other fault of the content comes first."""
    reader.pos = section.start
    too_large = section.size > reader.size - section.head - 1
    try:
        reader.section(section.id, section.size, last)
    except Malformed as error:
        if too_large and error.message == END_OF_INPUT:
            raise reader.fail(f"length out of bounds: {section.size}", section.head) from None
        raise
    if reader.pos != section.start + section.size and not too_large:
        raise reader.fail("section size mismatch", section.start)


def _check_order(reader: SectionReader, section: Section, last: int) -> None:
    number = section.id
    off = (number == _TAG and not reader.has_tags()) or (
        number == _DATA_COUNT and not reader.has("bulk-memory")
    )
    if off:
        raise reader.fail(f"malformed section id {number}", section.head)
    if number and last and _RANK[number] <= _RANK[last]:
        raise reader.fail(
            f"unexpected content after last section: section {number} after {last}", section.head
        )


def _check_counts(module: Module, end: int) -> None:
    if len(module.funcs) != len(module.codes):
        raise Malformed(
            "function and code section have inconsistent lengths: "
            f"{len(module.funcs)} and {len(module.codes)}",
            Place(offset=end),
        )
    if module.data_count is not None and module.data_count != len(module.datas):
        raise Malformed(
            "data count and data section have inconsistent lengths: "
            f"{module.data_count} and {len(module.datas)}",
            Place(offset=end),
        )


def _attach(module: Module) -> None:
    """Let names and hints be read from their custom sections when somebody asks for them."""
    imported = len(module.imported(FuncUse))
    for custom in reversed(module.customs):
        if custom.name == NAME_SECTION:
            module.names = NameReader(custom.data).read
        elif custom.name == HINTS_SECTION:
            module.hints = HintReader(custom.data, module.codes, imported).read
