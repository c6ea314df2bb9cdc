"""How much a component may ask for: the table of implementation limits beside that of core.

The standard lets an implementation bound these. What exceeds a limit is rejected before anything
is allocated for it; together they keep the work of validation proportional to the input.
"""

from typing import Final

COMPONENT_SIZE: Final = 1 << 30  # bytes of a component
#: components and component, instance and module types inside one another; also how deep a type
#: may be built of others. Every walk over them recurses, so the limit keeps Python's stack whole.
NESTING: Final = 100
#: nodes of a type, counted as if nothing in it were shared
TYPE_SIZE: Final = 1_000_000

FIELDS: Final = 10_000  # of a record
CASES: Final = 10_000  # of a variant or an enum
TUPLE_ITEMS: Final = 10_000
FLAGS: Final = 1_000  # that can be read; valid are 32
PARAMS: Final = 1_000
DECLS: Final = 1_000_000  # of a component, instance or module type
OPTIONS: Final = 10  # of one canonical definition
ATTRIBUTES: Final = 10  # of one name
ARGS: Final = 100_000  # of one instantiation
INLINE_EXPORTS: Final = 100_000  # of one instance
START_ARGS: Final = 1_000

MODULES: Final = 1_000
COMPONENTS: Final = 1_000
INSTANCES: Final = 1_000  # of components, and of modules
VALUES: Final = 1_000
IMPORTS: Final = 1_000_000
EXPORTS: Final = 1_000_000
ITEMS: Final = 1_000_000  # of any other index space

#: Every value must take fewer bytes than this in memory (Explainer.md, "Type Definitions").
VALUE_SIZE: Final = 1 << 28
#: steps of comparing types, and of making new types of known ones, for one outermost component
WORK: Final = 5_000_000
