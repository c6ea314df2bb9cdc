"""Canonical types and matching (spec 3.1 and 3.3)."""

import gc
import itertools
import threading

import pytest

from wadjet.core import subtyping
from wadjet.core.subtyping import (
    BOT_HEAP,
    ClosedFunc,
    ClosedTag,
    canonical_types,
    close,
    close_extern,
    defaultable,
    diff,
    is_shared,
    match_comp,
    match_def,
    match_extern,
    match_func,
    match_limits,
    match_memory,
    match_ref,
    match_results,
    match_table,
    match_val,
    top,
)
from wadjet.core.types import (
    ABS_HEAPS,
    ANY,
    ARRAY,
    BOT,
    CONT,
    EQ,
    EXN,
    EXTERN,
    FUNC,
    FUNCREF,
    I8,
    I16,
    I31,
    I32,
    I64,
    NOCONT,
    NOEXN,
    NOEXTERN,
    NOFUNC,
    NONE,
    STRUCT,
    V128,
    ArrayType,
    CompType,
    ContType,
    FieldType,
    FuncType,
    FuncUse,
    GlobalType,
    Limits,
    MemoryType,
    RecType,
    StructType,
    SubType,
    TableType,
    TagType,
    ValType,
    ref,
)


def field(t: ValType, mutable: bool = False) -> FieldType:
    return FieldType(t, mutable)


def struct(*fields: ValType) -> StructType:
    return StructType(tuple(field(t) for t in fields))


def func(params: tuple[ValType, ...] = (), results: tuple[ValType, ...] = ()) -> FuncType:
    return FuncType(params, results)


def lone(comp: CompType, *supers: int, final: bool = True) -> RecType:
    return RecType((SubType(comp, final, supers),))


def rec(*subs: SubType | CompType) -> RecType:
    return RecType(tuple(s if isinstance(s, SubType) else SubType(s) for s in subs))


# --- canonical types


def test_equal_definitions_are_one_object_within_and_across_modules() -> None:
    a = canonical_types([lone(func((I32,))), lone(func((I64,))), lone(func((I32,)))])
    b = canonical_types([lone(func((I32,)))])
    assert a[0] is a[2] is b[0]
    assert a[0] is not a[1]
    assert a[0].id != a[1].id


def test_what_makes_definitions_differ() -> None:
    plain = SubType(struct(I32))
    variants = [
        plain,
        SubType(struct(I64)),
        SubType(struct(I32, I32)),
        SubType(StructType((field(I32, True),))),
        SubType(struct(I32), final=False),
        SubType(struct(I32), shared=True),
        SubType(ArrayType(field(I32))),
        SubType(func((I32,))),
        SubType(func((), (I32,))),
        SubType(struct(I8)),
        SubType(struct(ref(True, ANY))),
        SubType(struct(ref(False, ANY))),
        SubType(struct(ref(True, ANY, False, True))),
    ]
    types = canonical_types([RecType((v,)) for v in variants])
    assert len(set(types)) == len(variants)


def test_iso_recursive_equality() -> None:
    # (rec (type (struct (ref 0)))) twice: equal although the indices differ
    one = canonical_types(
        [
            lone(struct(ref(True, 0))),
            lone(struct(ref(True, 1))),
            lone(struct(ref(True, 0))),  # not recursive: refers to the first
        ]
    )
    assert one[0] is one[1]
    assert one[2] is not one[0]
    # a group is not its unrolling, and order within a group counts
    pair = canonical_types([rec(struct(ref(True, 1)), struct(ref(True, 0)))])
    assert pair[0] is not pair[1]
    assert pair[0].group == (pair[0], pair[1])
    again = canonical_types([lone(func()), rec(struct(ref(True, 2)), struct(ref(True, 1)))])
    assert again[1] is pair[0]
    assert again[2] is pair[1]
    longer = canonical_types([rec(struct(ref(True, 1)), struct(ref(True, 0)), func())])
    assert longer[0] is not pair[0]


def test_closed_definitions_name_defined_types() -> None:
    types = canonical_types([rec(struct(ref(False, 1), I8), ArrayType(field(ref(True, 0))))])
    comp = types[0].comp
    assert isinstance(comp, StructType)
    assert comp.fields[0].storage is ref(False, types[1])
    assert comp.fields[1].storage is I8
    assert types[1].comp == ArrayType(field(ref(True, types[0])))


def test_pickling_a_closed_type_is_refused() -> None:
    with pytest.raises(TypeError, match="identity"):
        canonical_types([lone(func())])[0].__reduce__()


def test_types_die_with_their_users_and_come_back_equal() -> None:
    unusual = lone(func((V128,) * 7, (I64,) * 3))
    gc.collect()
    before = len(subtyping._GROUPS)
    types = canonical_types([unusual, rec(struct(ref(True, 2), ref(True, 0)), func((V128,)))])
    held = types[1]
    assert canonical_types([unusual])[0] is types[0]
    del types
    gc.collect()
    assert len(subtyping._GROUPS) == before + 2  # held keeps its group and what that refers to
    again = canonical_types([unusual, rec(struct(ref(True, 2), ref(True, 0)), func((V128,)))])
    assert again[1] is held
    del again, held
    gc.collect()
    assert len(subtyping._GROUPS) == before


def test_threads_that_roll_the_same_group_agree() -> None:
    groups = [lone(func((I32,) * n, (V128,) * 5)) for n in range(300)]
    results: list[list[object]] = [[] for _ in range(4)]
    start = threading.Barrier(4)

    def work(k: int) -> None:
        start.wait()
        results[k].extend(canonical_types(groups))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for other in results[1:]:
        assert all(a is b for a, b in zip(results[0], other, strict=True))


def test_many_types_that_build_on_each_other() -> None:
    n = 8_000
    groups = [lone(struct(I32), final=False)]
    groups += [lone(struct(I32, *[I64] * (i % 40), ref(True, i)), final=False) for i in range(n)]
    types = canonical_types(groups)
    assert len(types) == n + 1


# --- defined types and their supertypes


def test_supertypes() -> None:
    groups = [lone(struct(), final=False)]
    groups += [lone(struct(*[I32] * i), i - 1, final=False) for i in range(1, 64)]
    groups += [lone(struct(I32), 0)]
    types = canonical_types(groups)
    assert types[63].depth == 63
    assert types[63].supertypes == tuple(types[:64])
    for i, j in itertools.product(range(0, 64, 7), repeat=2):
        assert match_def(types[i], types[j]) == (j <= i)
    assert match_def(types[64], types[0])
    assert not match_def(types[64], types[1])
    assert not match_def(types[1], types[64])


# --- heap and reference types


HIERARCHY = {
    (EQ, ANY), (I31, EQ), (STRUCT, EQ), (ARRAY, EQ), (NONE, I31), (NONE, STRUCT), (NONE, ARRAY),
    (NOFUNC, FUNC), (NOEXTERN, EXTERN), (NOEXN, EXN), (NOCONT, CONT),
}  # fmt: skip


def test_abstract_heap_types_match_along_the_hierarchy_and_nowhere_else() -> None:
    closure = {(h, h) for h in ABS_HEAPS} | HIERARCHY
    for _ in range(3):
        closure |= {(a, d) for a, b in closure for c, d in closure if b is c}
    for a, b in itertools.product(ABS_HEAPS, repeat=2):
        assert match_ref(ref(False, a), ref(False, b)) == ((a, b) in closure), (a, b)


def test_nullability() -> None:
    for n1, n2 in itertools.product((True, False), repeat=2):
        assert match_ref(ref(n1, NONE), ref(n2, STRUCT)) == (n2 or not n1)


COMPS: list[tuple[CompType, object, object]] = [
    (struct(I32), STRUCT, NONE),
    (ArrayType(field(I8)), ARRAY, NONE),
    (func(), FUNC, NOFUNC),
    (ContType(2), CONT, NOCONT),
]


def test_defined_against_abstract_heap_types() -> None:
    types = canonical_types([lone(comp) for comp, _, _ in COMPS])
    for i, (_, above, bottom) in enumerate(COMPS):
        for h in ABS_HEAPS:
            up = match_ref(ref(False, i), ref(False, h), types)
            assert up == match_ref(ref(False, above), ref(False, h)), (i, h)  # type: ignore[arg-type]
            assert match_ref(ref(False, h), ref(False, i), types) == (h is bottom), (i, h)
        assert match_ref(ref(False, BOT_HEAP), ref(False, i), types)
        assert top(ref(False, i), types) is top(ref(True, above))  # type: ignore[arg-type]


def test_indices_and_closed_types_mix() -> None:
    types = canonical_types([lone(struct(), final=False), lone(struct(I32), 0)])
    sub, closed = ref(False, 1), close(ref(False, 1), types)
    assert closed is ref(False, types[1])
    for t in (sub, closed):
        assert match_val(t, ref(True, 0), types)
        assert match_val(t, ref(True, types[0]), types)
        assert not match_val(ref(True, 0), t, types)


def test_exact_references() -> None:
    types = canonical_types([lone(struct(), final=False), lone(struct(I32), 0)])
    sup, sub = ref(False, 0), ref(False, 1)
    exact_sup, exact_sub = ref(False, 0, True), ref(False, 1, True)
    assert match_ref(exact_sup, sup, types)
    assert match_ref(exact_sub, sup, types)
    assert not match_ref(sup, exact_sup, types)
    assert not match_ref(sub, exact_sup, types)
    assert not match_ref(exact_sub, exact_sup, types)
    assert match_ref(ref(False, NONE), exact_sup, types)
    assert match_ref(exact_sup, ref(True, 0, True), types)
    assert match_ref(exact_sup, ref(False, STRUCT), types)


def test_shared_and_unshared_never_mix() -> None:
    shared = RecType((SubType(struct(), shared=True),))
    types = canonical_types([shared, lone(struct())])
    for plain, other in itertools.product((False, True), repeat=2):
        assert match_ref(ref(True, I31, shared=plain), ref(True, ANY, shared=other)) == (
            plain == other
        )
    assert match_ref(ref(True, 0), ref(True, ANY, shared=True), types)
    assert not match_ref(ref(True, 0), ref(True, ANY), types)
    assert not match_ref(ref(True, 1), ref(True, ANY, shared=True), types)
    assert match_ref(ref(True, NONE, shared=True), ref(True, 0), types)
    assert not match_ref(ref(True, NONE), ref(True, 0), types)
    assert is_shared(ref(True, 0), types)
    assert not is_shared(ref(True, 1), types)
    assert is_shared(I32)
    assert top(ref(False, 0), types) is ref(True, ANY, shared=True)


# --- values, results, definitions


def test_values() -> None:
    assert match_val(BOT, I32)
    assert match_val(BOT, FUNCREF)
    assert match_val(I32, I32)
    assert not match_val(I32, I64)
    assert not match_val(I32, FUNCREF)
    assert not match_val(FUNCREF, I32)
    assert not match_val(I8, I16)
    assert match_results((I32, ref(False, I31)), (I32, ref(True, ANY)))
    assert not match_results((I32,), (I32, I32))


def test_functions_are_contravariant_in_parameters() -> None:
    wide, narrow = ref(True, ANY), ref(False, I31)
    assert match_func(func((wide,), (narrow,)), func((narrow,), (wide,)))
    assert not match_func(func((narrow,)), func((wide,)))
    assert not match_func(func((), (wide,)), func((), (narrow,)))
    assert not match_comp(func(), struct())


def test_structs_and_arrays() -> None:
    assert match_comp(struct(I32, I64), struct(I32))
    assert not match_comp(struct(I32), struct(I32, I64))
    assert match_comp(struct(ref(False, I31)), struct(ref(True, ANY)))
    mutable = StructType((field(ref(False, I31), True),))
    assert not match_comp(mutable, StructType((field(ref(True, ANY), True),)))
    assert not match_comp(mutable, struct(ref(False, I31)))
    assert match_comp(mutable, mutable)
    assert match_comp(ArrayType(field(I8)), ArrayType(field(I8)))
    assert not match_comp(ArrayType(field(I8)), ArrayType(field(I16)))
    assert not match_comp(ArrayType(field(I8)), struct(I8))


def test_continuations_follow_their_functions() -> None:
    types = canonical_types([lone(func(), final=False), lone(func(), 0)])
    assert match_comp(ContType(1), ContType(0), types)
    assert not match_comp(ContType(0), ContType(1), types)
    assert not match_comp(ContType(0), func(), types)


# --- external types


def test_limits() -> None:
    assert match_limits(Limits(2, 3), Limits(1, 4))
    assert match_limits(Limits(2, 3), Limits(1))
    assert not match_limits(Limits(2), Limits(1, 4))
    assert not match_limits(Limits(0, 3), Limits(1, 4))
    assert not match_limits(Limits(2, 5), Limits(1, 4))
    assert not match_limits(Limits(2, 3, I64), Limits(1, 4))


def test_memories_and_tables() -> None:
    plain = MemoryType(Limits(1, 2))
    assert match_memory(plain, MemoryType(Limits(0)))
    assert not match_memory(plain, MemoryType(Limits(0, 9), shared=True))
    assert not match_memory(plain, MemoryType(Limits(0), page_log2=0))
    table = TableType(FUNCREF, Limits(1, 2))
    assert match_table(table, TableType(FUNCREF, Limits(0)))
    assert not match_table(table, TableType(ref(False, FUNC), Limits(0)))
    assert not match_table(TableType(ref(False, FUNC), Limits(1, 2)), TableType(FUNCREF, Limits(0)))
    assert not match_table(table, TableType(FUNCREF, Limits(0), shared=True))


def test_external_types() -> None:
    types = canonical_types([lone(func(), final=False), lone(func(), 0)])
    f0, f1 = (close_extern(FuncUse(i), types) for i in (0, 1))
    assert f1 == ClosedFunc(types[1])
    assert match_extern(f1, f0)
    assert not match_extern(f0, f1)
    assert not match_extern(ClosedFunc(types[1], True), ClosedFunc(types[0], True))
    assert match_extern(ClosedFunc(types[1], True), ClosedFunc(types[1], True))
    assert not match_extern(ClosedFunc(types[1]), ClosedFunc(types[1], True))
    t0, t1 = (close_extern(TagType(i), types) for i in (0, 1))
    assert t0 == ClosedTag(types[0])
    assert match_extern(t0, t0)
    assert not match_extern(t1, t0)
    assert not match_extern(f0, t0)
    assert not match_extern(t0, f0)
    constant = close_extern(GlobalType(ref(False, 1), False), types)
    assert match_extern(constant, GlobalType(FUNCREF, False))
    assert not match_extern(constant, GlobalType(FUNCREF, True))
    variable = GlobalType(ref(False, types[1]), True)
    assert match_extern(variable, variable)
    assert not match_extern(variable, GlobalType(FUNCREF, True))
    table = close_extern(TableType(ref(True, 1), Limits(0)), types)
    assert match_extern(table, TableType(ref(True, types[1]), Limits(0)))
    assert not match_extern(table, MemoryType(Limits(0)))
    assert not match_extern(MemoryType(Limits(0)), GlobalType(I32, False))
    assert not match_extern(GlobalType(I32, False), MemoryType(Limits(0)))


def test_around_a_type() -> None:
    assert diff(ref(True, ANY), ref(True, I31)) is ref(False, ANY)
    assert diff(ref(True, ANY), ref(False, I31)) is ref(True, ANY)
    assert defaultable(I32)
    assert defaultable(ref(True, ANY))
    assert not defaultable(ref(False, ANY))
