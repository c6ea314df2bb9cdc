"""Which types may be used in imports and exports: those that have a name out there themselves
(Explainer.md, "External Visibility of Types").
"""

from wadjet.component.closed import (
    ClosedType, Extern, InstanceShape, TypeBound, ValueBound, func_values,
)  # fmt: skip
from wadjet.component.types import (
    Borrow, Defined, Enum, Flags, FuncType, Own, Prim, Record, ValType, Variant, parts,
)  # fmt: skip

#: Types with a name outside; the last set grows: by the names that an instance gives, and by
#: types that turn out to be made of nothing but named ones.
Visible = tuple[set[object], ...]


def is_visible(extern: Extern, visible: Visible) -> bool:
    """Whether all that the type of an import or export is made of has a name outside. Types that
    it gives a name to are added."""
    match extern:
        case TypeBound(type_):
            if not _type(type_, visible):
                return False
            visible[-1].add(type_)
            return True
        case ValueBound(type_):
            return _named(type_, visible)
        case FuncType():
            return _func(extern, visible)
        case InstanceShape():
            return all(is_visible(e, visible) for e in extern.exports.values())
    return True  # modules and components have all their names inside


def _type(t: ClosedType, visible: Visible) -> bool:
    """Whether the parts of a type have names; it is about to have one itself."""
    match t:
        case Defined():
            return _parts(t, visible)
        case FuncType():
            return _func(t, visible)
        case InstanceShape():
            inside = (*visible, set[object]())
            return all(is_visible(e, inside) for e in t.exports.values())
    return True


def _func(t: FuncType, visible: Visible) -> bool:
    return all(_named(v, visible) for v in func_values(t))


def _parts(t: Defined, visible: Visible) -> bool:
    if isinstance(t.shape, Own | Borrow):
        return any(t.shape.resource in known for known in visible)
    return all(_named(part, visible) for part in parts(t.shape))


def _named(t: ValType, visible: Visible) -> bool:
    """Whether a type has a name, or needs none and is made of such types."""
    if isinstance(t, Prim) or any(t in known for known in visible):
        return True
    assert isinstance(t, Defined), "a closed type names no index"
    if isinstance(t.shape, Record | Variant | Enum | Flags) or not _parts(t, visible):
        return False
    visible[-1].add(t)
    return True
