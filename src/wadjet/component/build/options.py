"""Which canonical options a function needs (CanonicalABI.md, "canon lift", "canon lower")."""

from wadjet.component.abi import (
    MAX_FLAT_ASYNC_PARAMS, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, flatten, flatten_types, has_pointers,
)  # fmt: skip
from wadjet.component.closed import closed
from wadjet.component.types import FuncType
from wadjet.core.types import I32


def _spilled(ft: FuncType, limit: int) -> bool:
    flat = flatten_types([closed(t) for _, t in ft.params], I32)
    return flat is None or len(flat) > limit


def _returned(ft: FuncType, limit: int) -> bool:
    """Whether the result goes through memory."""
    if ft.result is None:
        return False
    flat = flatten(closed(ft.result), I32)
    return flat is None or len(flat) > limit


def lower_needs(ft: FuncType, is_async: bool) -> tuple[bool, bool]:
    """Whether a lowered function needs a memory, and an allocator."""
    params = any(has_pointers(t) for _, t in ft.params)
    result = ft.result is not None and has_pointers(ft.result)
    spilled = _spilled(ft, MAX_FLAT_ASYNC_PARAMS if is_async else MAX_FLAT_PARAMS)
    returned = _returned(ft, 0 if is_async else MAX_FLAT_RESULTS)
    return params or result or spilled or returned, result


def lift_needs(ft: FuncType, is_async: bool) -> tuple[bool, bool]:
    """Whether a lifted function needs a memory, and an allocator."""
    params = any(has_pointers(t) for _, t in ft.params) or _spilled(ft, MAX_FLAT_PARAMS)
    result = ft.result is not None and has_pointers(ft.result)
    returned = _returned(ft, MAX_FLAT_PARAMS if is_async else MAX_FLAT_RESULTS)
    return params or result or returned, params
