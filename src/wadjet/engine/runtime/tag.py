"""The noun tag (spec 4.2.10): what tells exceptions apart."""

import itertools
from typing import Final, final

from wadjet.core.types import DefType, FuncType, ValType
from wadjet.engine.runtime.func import function_type

_ids: Final = itertools.count(1)


@final
class Tag:
    """A kind of exception: `Tag(I32, I64)` carries two values.

    Two tags of the same type are still different tags. `id` is what generated code compares,
    unique in the process; `deftype` is the canonical type.
    """

    __slots__ = ("__weakref__", "deftype", "id")
    deftype: DefType
    id: int

    def __init__(self, *params: ValType) -> None:
        self.deftype = function_type(FuncType(params, ()))
        self.id = next(_ids)

    @classmethod
    def of(cls, deftype: DefType) -> "Tag":
        """A new tag of a type of a module."""
        made = cls.__new__(cls)
        made.deftype = deftype
        made.id = next(_ids)
        return made

    @property
    def type(self) -> FuncType:
        """Its parameters are what an exception carries."""
        comp = self.deftype.comp
        assert isinstance(comp, FuncType), "a tag has a function type"
        return comp

    def __repr__(self) -> str:
        return f"<wadjet.Tag {self.id}: {' '.join(map(repr, self.type.params))}>"
