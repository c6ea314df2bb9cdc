"""`Tag`: a kind of exception."""

from typing import Final, final
from weakref import WeakValueDictionary

from wadjet.core.subtyping import canonical_types
from wadjet.core.types import FuncType, RecType, SubType, ValType
from wadjet.engine.runtime import tag as runtime

_handles: Final[WeakValueDictionary[int, "Tag"]] = WeakValueDictionary()


@final
class Tag:
    """A kind of exception, told from others by identity: `Tag(I32, I64)` carries two values."""

    __slots__ = ("__weakref__", "_tag")
    _tag: runtime.Tag

    def __init__(self, *params: ValType) -> None:
        deftype = canonical_types([RecType((SubType(FuncType(params, ())),))])[0]
        self._tag = runtime.Tag(deftype)
        _handles[id(self._tag)] = self

    @classmethod
    def of(cls, tag: runtime.Tag) -> "Tag":
        """The handle of a tag that exists: the same object as long as somebody holds it."""
        found = _handles.get(id(tag))
        if found is None:
            found = cls.__new__(cls)
            found._tag = tag
            _handles[id(tag)] = found
        return found

    @property
    def runtime(self) -> runtime.Tag:
        """The tag instance behind the handle."""
        return self._tag

    @property
    def type(self) -> FuncType:
        """Its parameters are what an exception carries."""
        comp = self._tag.type.comp
        assert isinstance(comp, FuncType), "a tag has a function type"
        return comp

    def __repr__(self) -> str:
        return f"<wadjet.Tag {' '.join(map(repr, self.type.params))}>"
