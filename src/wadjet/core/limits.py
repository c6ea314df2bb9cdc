"""How much a module may ask for: the one table of implementation limits.

The standard lets an implementation bound these (appendix, "Implementation Limitations"); the
numbers are those that the JS API asks all web engines to share, so that a module which runs there
runs here. What exceeds a limit of this table is rejected before anything is allocated for it.
"""

from typing import Final

MODULE_SIZE: Final = 1 << 30  # bytes of a module

TYPES: Final = 1_000_000  # type definitions, over all groups
REC_GROUPS: Final = 1_000_000
REC_GROUP_SIZE: Final = 1_000_000  # types of one recursion group
SUPERTYPES: Final = 1  # that one type may declare (the standard: at most one)
SUBTYPE_DEPTH: Final = 63  # length of a chain of supertypes
PARAMS: Final = 1_000
RESULTS: Final = 1_000
FIELDS: Final = 10_000  # of a structure

IMPORTS: Final = 1_000_000
FUNCTIONS: Final = 1_000_000
TABLES: Final = 100_000
MEMORIES: Final = 100
TAGS: Final = 1_000_000
GLOBALS: Final = 1_000_000
EXPORTS: Final = 1_000_000
ELEMS: Final = 10_000_000  # element segments
ELEM_ITEMS: Final = 10_000_000  # items of one element segment
DATAS: Final = 100_000  # data segments

BODY_SIZE: Final = 7_654_321  # bytes of one function
LOCALS: Final = 50_000  # of one function, parameters not counted
ARRAY_FIXED: Final = 10_000  # operands of array.new_fixed

TABLE_SIZE: Final = 10_000_000  # elements that a table may hold
MEMORY_PAGES_32: Final = 65_536  # pages of 64 KiB with 32-bit addresses
MEMORY_PAGES_64: Final = 262_144  # pages of 64 KiB with 64-bit addresses, at run time
