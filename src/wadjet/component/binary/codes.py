"""The bytes that begin types (Binary.md, "Type Definitions"), for reader and writer."""

from typing import Final

from wadjet.component.types import ATTRIBUTES, CORE_SORTS, OWN_SORTS

RECORD: Final = 0x72
VARIANT: Final = 0x71
LIST: Final = 0x70
TUPLE: Final = 0x6F
FLAGS: Final = 0x6E
ENUM: Final = 0x6D
OPTION: Final = 0x6B
RESULT: Final = 0x6A
OWN: Final = 0x69
BORROW: Final = 0x68
#: a list whose length is part of its type
FIXED_LIST: Final = 0x67
STREAM: Final = 0x66
FUTURE: Final = 0x65
MAP: Final = 0x63
FUNC: Final = 0x40
ASYNC_FUNC: Final = 0x43
COMPONENT: Final = 0x41
INSTANCE: Final = 0x42
RESOURCE: Final = 0x3F
#: The type of a core module; until version 1 its byte is also that of a core `sub`, which
#: therefore carries a zero byte in front here.
MODULE: Final = 0x50

#: byte → what it says
CORE_BY_CODE: Final = {code: sort for sort, code in CORE_SORTS.items()}
OWN_BY_CODE: Final = {code: sort for sort, code in OWN_SORTS.items()}
ATTRIBUTE_BY_CODE: Final = {code: kind for kind, code in ATTRIBUTES.items()}
#: sorts of what core instances export
CORE_EXPORTS: Final = {code: sort for code, sort in CORE_BY_CODE.items() if code < 0x10}
