"""Sizes, alignments and flat forms of values, against those of the standard's reference code."""

import pytest

from wadjet.component.abi import (
    alignment, despecialize, discriminant, elem_size, flatten, flatten_functype, flatten_types,
    has_pointers,
)  # fmt: skip
from wadjet.component.types import (
    BOOL, CHAR, ERROR_CONTEXT, F32, F64, S8, S16, S32, S64, STRING, U8, U16, U32, U64, Borrow,
    Defined, Enum, Flags, FuncType, Future, List, Map, Option, Own, Prim, Record, Resource,
    ResourceType, Result, Shape, Stream, Tuple, Variant,
)  # fmt: skip
from wadjet.core.types import I32, I64

_R = ResourceType(Resource("type"))


def record(*types: Prim | Defined) -> Defined:
    return Defined(Record(tuple([(f"f{i}", t) for i, t in enumerate(types)])))


def variant(*types: Prim | Defined | None) -> Defined:
    return Defined(Variant(tuple([(f"c{i}", t) for i, t in enumerate(types)])))


def labels(count: int) -> tuple[str, ...]:
    return tuple([f"l{i}" for i in range(count)])


#: type, then alignment, size and flat form for 32-bit addresses, and for 64-bit ones
FACTS: list[tuple[Prim | Defined | Shape, str, str]] = [
    (BOOL, "1 1 i32", "1 1 i32"),
    (S8, "1 1 i32", "1 1 i32"),
    (U16, "2 2 i32", "2 2 i32"),
    (S32, "4 4 i32", "4 4 i32"),
    (U64, "8 8 i64", "8 8 i64"),
    (F32, "4 4 f32", "4 4 f32"),
    (F64, "8 8 f64", "8 8 f64"),
    (CHAR, "4 4 i32", "4 4 i32"),
    (ERROR_CONTEXT, "4 4 i32", "4 4 i32"),
    (STRING, "4 8 i32 i32", "8 16 i64 i64"),
    (List(U8), "4 8 i32 i32", "8 16 i64 i64"),
    (Map(U8, U64), "4 8 i32 i32", "8 16 i64 i64"),
    (List(U16, 3), "2 6 i32 i32 i32", "2 6 i32 i32 i32"),
    (List(STRING, 2), "4 16 i32 i32 i32 i32", "8 32 i64 i64 i64 i64"),
    (Own(_R), "4 4 i32", "4 4 i32"),
    (Borrow(_R), "4 4 i32", "4 4 i32"),
    (Stream(STRING), "4 4 i32", "4 4 i32"),
    (Future(None), "4 4 i32", "4 4 i32"),
    (Flags(labels(8)), "1 1 i32", "1 1 i32"),
    (Flags(labels(9)), "2 2 i32", "2 2 i32"),
    (Flags(labels(17)), "4 4 i32", "4 4 i32"),
    (Flags(labels(32)), "4 4 i32", "4 4 i32"),
    (Enum(labels(256)), "1 1 i32", "1 1 i32"),
    (Enum(labels(257)), "2 2 i32", "2 2 i32"),
    (Enum(labels(65_536)), "2 2 i32", "2 2 i32"),
    (Enum(labels(65_537)), "4 4 i32", "4 4 i32"),
    (Tuple((U8, U16, U8)), "2 6 i32 i32 i32", "2 6 i32 i32 i32"),
    (Tuple((U8, U64)), "8 16 i32 i64", "8 16 i32 i64"),
    (record(U8, U32, U8).shape, "4 12 i32 i32 i32", "4 12 i32 i32 i32"),
    (record(STRING, U8).shape, "4 12 i32 i32 i32", "8 24 i64 i64 i32"),
    (Option(U8), "1 2 i32 i32", "1 2 i32 i32"),
    (Option(STRING), "4 12 i32 i32 i32", "8 24 i32 i64 i64"),
    (Result(None, None), "1 1 i32", "1 1 i32"),
    (Result(U64, F32), "8 16 i32 i64", "8 16 i32 i64"),
    (Result(F32, U32), "4 8 i32 i32", "4 8 i32 i32"),
    (Result(F32, F64), "8 16 i32 i64", "8 16 i32 i64"),
    (Result(None, STRING), "4 12 i32 i32 i32", "8 24 i32 i64 i64"),
    (variant(None, record(U8, F32), record(F32, F64, U8)).shape,
     "8 32 i32 i32 i64 i32", "8 32 i32 i32 i64 i32"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "narrow", "wide"), FACTS, ids=str)
def test_layout(given: Prim | Defined | Shape, narrow: str, wide: str) -> None:
    t = given if isinstance(given, Prim | Defined) else Defined(given)
    for ptr, fact in ((I32, narrow), (I64, wide)):
        found = flatten(t, ptr)
        assert found is not None
        words = [alignment(t, ptr), elem_size(t, ptr), *found]
        assert " ".join(map(str, words)) == fact


def test_more_than_sixteen_flat_values_go_through_memory() -> None:
    sixteen = Defined(Tuple((U32,) * 16))
    assert flatten(sixteen, I32) == (I32,) * 16
    assert flatten(Defined(Tuple((U32,) * 17)), I32) is None
    assert flatten(Defined(Option(sixteen)), I32) is None
    assert flatten(Defined(List(U8, 1 << 27)), I32) is None
    assert flatten_types([sixteen], I32) is not None
    assert flatten_types([sixteen, U8], I32) is None


def test_types_made_of_shared_parts_cost_no_more_than_their_parts() -> None:
    t: Prim | Defined = U8
    for _ in range(90):
        t = Defined(Tuple((t, t)))
    assert elem_size(t, I32) == 1 << 90
    assert flatten(t, I64) is None


def test_specialised_types_stand_for_fundamental_ones() -> None:
    assert despecialize(Tuple((U8, STRING))) == Record((("0", U8), ("1", STRING)))
    assert despecialize(Enum(("a", "b"))) == Variant((("a", None), ("b", None)))
    assert despecialize(Option(U8)) == Variant((("none", None), ("some", U8)))
    assert despecialize(Result(None, U8)) == Variant((("ok", None), ("error", U8)))
    assert despecialize(Flags(("a",))) == Flags(("a",))
    entries = despecialize(Map(U8, STRING))
    assert isinstance(entries, List)
    assert isinstance(entries.element, Defined)
    assert entries.element.shape == Record((("0", U8), ("1", STRING)))


def test_discriminants() -> None:
    assert [discriminant(n) for n in (1, 256, 257, 65_536, 65_537)] == [U8, U8, U16, U16, U32]


def test_pointers() -> None:
    assert has_pointers(STRING)
    assert has_pointers(Defined(List(U8)))
    assert has_pointers(Defined(Option(Defined(Map(U8, U8)))))
    assert has_pointers(Defined(List(STRING, 4)))
    assert not has_pointers(Defined(List(U8, 4)))
    assert not has_pointers(Defined(Stream(STRING)))
    assert not has_pointers(S64)


def func(params: int, result: Prim | Defined | None) -> FuncType:
    return FuncType(tuple([(f"p{i}", U32) for i in range(params)]), result)


#: parameters, result, context, async, callback → the core type
FUNCTIONS = [
    (2, U64, "lift", False, False, "[i32 i32] -> [i64]"),
    (2, U64, "lower", False, False, "[i32 i32] -> [i64]"),
    (2, STRING, "lift", False, False, "[i32 i32] -> [i32]"),
    (2, STRING, "lower", False, False, "[i32 i32 i32] -> []"),
    (17, None, "lift", False, False, "[i32] -> []"),
    (17, STRING, "lower", False, False, "[i32 i32] -> []"),
    (16, None, "lower", False, False, f"[{' '.join(['i32'] * 16)}] -> []"),
    (5, U8, "lift", True, True, "[i32 i32 i32 i32 i32] -> [i32]"),
    (5, U8, "lift", True, False, "[i32 i32 i32 i32 i32] -> []"),
    (17, U8, "lift", True, True, "[i32] -> [i32]"),
    (4, None, "lower", True, False, "[i32 i32 i32 i32] -> [i32]"),
    (5, None, "lower", True, False, "[i32] -> [i32]"),
    (5, U8, "lower", True, False, "[i32 i32] -> [i32]"),
]


@pytest.mark.parametrize(("params", "result", "context", "is_async", "callback", "fact"), FUNCTIONS)
def test_functions(
    params: int,
    result: Prim | None,
    context: "object",
    is_async: bool,
    callback: bool,
    fact: str,
) -> None:
    assert context in ("lift", "lower")
    made = flatten_functype(
        func(params, result),
        I32,
        "lift" if context == "lift" else "lower",
        is_async=is_async,
        callback=callback,
    )
    assert repr(made) == fact


def test_addresses_have_the_type_of_the_memory() -> None:
    made = flatten_functype(func(17, STRING), I64, "lower")
    assert repr(made) == "[i64 i64] -> []"
    assert repr(flatten_functype(func(0, STRING), I64, "lift")) == "[] -> [i64]"
    assert S16.code == 0x7C
