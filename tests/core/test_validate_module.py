"""Rejections: what is said and where, which features count, what hostile modules may cost."""

import contextlib
import random
import time

import pytest

from wadjet.base.errors import Invalid, Malformed
from wadjet.core.binary import decode
from wadjet.core.binary.encode import encode
from wadjet.core.body import Body
from wadjet.core.features import ALL, DEFAULT, WASM1, WASM2, WASM3, Features, parse_features
from wadjet.core.module import Code, Elem, Export, Global, Module
from wadjet.core.opcodes import ROWS, Op
from wadjet.core.subtyping import canonical_types
from wadjet.core.text.parse import parse
from wadjet.core.types import (
    ANY,
    FUNC,
    FUNCREF,
    I32,
    I64,
    V128,
    ArrayType,
    FieldType,
    FuncType,
    GlobalType,
    Limits,
    MemoryType,
    RecType,
    StructType,
    SubType,
    ValType,
    ref,
)
from wadjet.core.validate import validate
from wadjet.core.validate.plans import plans
from wadjet.core.validate.rules import EFFECTS


def body(*instructions: tuple[int, object]) -> Body:
    made = Body()
    for place, (op, imm) in enumerate((*instructions, (Op.END, None))):
        made.add(op, imm, place)
    return made


def function(
    *instructions: tuple[int, object],
    params: tuple[ValType, ...] = (),
    results: tuple[ValType, ...] = (),
    runs: tuple[tuple[int, ValType], ...] = (),
    types: tuple[RecType, ...] = (),
) -> Module:
    """A module with one function, whose type has index 0."""
    own = RecType((SubType(FuncType(params, results)),))
    return Module(types=[own, *types], funcs=[0], codes=[Code(list(runs), body(*instructions))])


def reject(module: Module | str, words: str, features: Features = DEFAULT) -> Invalid:
    """The module must be rejected with these words."""
    with pytest.raises(Invalid) as caught:
        validate(parse(module, ALL) if isinstance(module, str) else module, features)
    assert words in caught.value.message
    return caught.value


# --- what a rejection says, and where


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "(func (i32.add (i32.const 1) (f64.const 2)) drop)",
            "type mismatch: instruction requires [i32 i32] but stack has [i32 f64]: "
            "expected i32, found f64 at operand 2 of i32.add",
        ),
        (
            "(func (i32.add (f64.const 1) (i32.const 2)) drop)",
            "type mismatch: instruction requires [i32 i32] but stack has [f64 i32]: "
            "expected i32, found f64 at operand 1 of i32.add",
        ),
        (
            "(func (drop (i32.add (i32.const 1))))",
            "type mismatch: instruction requires [i32 i32] but stack has [i32]: "
            "expected i32, found nothing at operand 1 of i32.add",
        ),
        ("(func drop)", "type mismatch: drop needs an operand, found nothing"),
        (
            "(func (i32.const 1))",
            "type mismatch: block requires [] but stack has [i32]: 1 too many at the end of "
            "the block",
        ),
        (
            "(func (result f32) (i32.const 1))",
            "type mismatch: instruction requires [f32] but stack has [i32]: "
            "expected f32, found i32 at operand 1 of the block",
        ),
        (
            "(func (block (i32.const 1) (block (drop) ) drop))",
            "type mismatch: drop needs an operand, found nothing",
        ),
        ("(func (local.get 1) drop)", "unknown local 1: there are 0"),
        ("(func br 2)", "unknown label 2: there are 1"),
        ("(func (drop (ref.as_non_null (i32.const 0))))", "type mismatch: expected a reference"),
        ("(func (drop (i32.load (i32.const 0))))", "unknown memory 0: there are 0"),
        (
            "(memory 1) (func (drop (i32.load align=8 (i32.const 0))))",
            "alignment must not be larger than natural: found 2**3, expected at most 2**2",
        ),
        (
            "(global i32 (i32.const 0)) (func (global.set 0 (i32.const 0)))",
            "immutable global 0: global is immutable, expected a mutable one",
        ),
        (
            "(func (local (ref func)) (drop (local.get 0)))",
            "uninitialized local 0: a local of type (ref func) has no default",
        ),
    ],
)
def test_messages(text: str, message: str) -> None:
    assert reject(f"(module {text})", message).message.startswith(message)


def test_long_stacks_are_shortened() -> None:
    text = f"(module (func {'(i32.const 0)' * 50}))"
    assert "[… i32 i32" in reject(text, "type mismatch").message


def test_places_in_text_and_binary() -> None:
    text = '(module\n  (import "m" "f" (func))\n  (func\n    nop\n    drop))'
    error = reject(text, "drop needs")
    assert error.place is not None
    assert (error.place.line, error.place.column, error.place.function) == (5, 5, 1)
    data = bytes(encode(parse(text)))
    error = reject(decode(data), "drop needs")
    assert error.place is not None
    assert error.place.function == 1
    assert error.place.offset == data.index(b"\x01\x1a\x0b") + 1


@pytest.mark.parametrize(
    "field",
    [
        "(type (sub 7 (func)))",
        '(import "m" "f" (func (type 9)))',
        "(memory 3 2)",
        "(table 3 2 funcref)",
        "(global i32 (i64.const 0))",
        '(export "f" (func 3))',
        "(start 4)",
        "(elem (i32.const 0) 3)",
        '(data (i32.const 0) "")',
        "(tag (type 8))",
        "(func (type 8))",
    ],
)
def test_module_level_rejections_have_places(field: str) -> None:
    with pytest.raises((Invalid, Malformed)) as caught:
        validate(parse(f"(module\n\n{field})"))
    assert caught.value.place is not None
    assert caught.value.place.line == 3


# --- modules


def test_duplicate_exports() -> None:
    reject('(module (func (export "a")) (memory 1) (export "a" (memory 0)))', "duplicate export")


def test_start() -> None:
    reject("(module (func (param i32)) (start 0))", "start function must not have")
    reject("(module (func (result i32) unreachable) (start 0))", "start function must not have")
    validate(parse("(module (func) (start 0))"))


def test_undeclared_references() -> None:
    reject("(module (func) (func (drop (ref.func 0))))", "undeclared function reference")
    for mention in (
        "(elem declare func 0)",
        '(export "f" (func 0))',
        "(global funcref (ref.func 0))",
        "(table 1 funcref (ref.func 0))",
        "(elem funcref (ref.func 0))",
    ):
        validate(parse(f"(module (func) {mention} (func (drop (ref.func 0))))"))


def test_constant_expressions() -> None:
    reject("(module (global i32 (i32.clz (i32.const 1))))", "constant expression required")
    reject("(module (global $a (mut i32) (i32.const 1)) (global i32 (global.get $a)))", "constant")
    reject("(module (global i32 (global.get 0)))", "unknown global 0")
    reject("(module (table 1 funcref (global.get 0)) (global funcref (ref.null func)))", "unknown")
    validate(parse("(module (global i32 (i32.const 1)) (global i32 (global.get 0)))"))
    older = DEFAULT - {"gc"}
    reject(
        "(module (global i32 (i32.const 1)) (global i32 (global.get 0)))", "unknown global", older
    )
    imported = '(module (import "m" "g" (global i32)) (global i32 (global.get 0)))'
    validate(parse(imported), older)
    grown = "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))"
    validate(parse(grown))
    reject(grown, "constant expression required", WASM2)


def test_types_refer_backwards_and_groups_to_themselves() -> None:
    reject("(module (type (func (param (ref 1)))) (type (func)))", "unknown type 1")
    validate(parse("(module (rec (type (func (param (ref 1)))) (type (func))))"))
    reject("(module (rec (type (sub 1 (func))) (type (sub (func)))))", "forward use of type 1")


def test_supertypes() -> None:
    reject("(module (type (func)) (type (sub 0 (func))))", "sub type 1 has final super type 0")
    mismatch = "(module (type (sub (func))) (type (sub 0 (func (param i32)))))"
    reject(mismatch, "sub type 1 does not match super type 0")
    several = Module(
        types=[
            RecType((SubType(FuncType((), ()), final=False),)),
            RecType((SubType(FuncType((), ()), supers=(0, 0)),)),
        ]
    )
    reject(several, "sub type 1 has several super types")


# --- features


def test_every_row_has_a_way_to_be_checked() -> None:
    for row in ROWS:
        params, results, rule = plans(ALL)[row.op]
        if row.params is None or any(t is None for t in (*row.params, *(row.results or ()))):
            assert rule is not None, row
        elif rule is None:
            assert (params, results) == (list(row.params), list(row.results or ())), row
        if row.params is not None:
            assert row.op in EFFECTS


@pytest.mark.parametrize("features", [WASM1, WASM2, WASM3, DEFAULT])
def test_instructions_of_features_that_are_off(features: Features) -> None:
    for row in ROWS:
        if row.feature not in features:
            module = function((row.op, None))
            reject(module, f"{row.mnemonic} needs the feature {row.feature}", features)


@pytest.mark.parametrize(
    ("text", "off", "words"),
    [
        ("(type (struct))", "gc", "a structure type needs the feature gc"),
        ("(type (array i32))", "gc", "an array type needs the feature gc"),
        ("(rec (type (func)) (type (func)))", "gc", "a recursion group needs the feature gc"),
        ("(type (sub (func)))", "gc", "a sub type needs the feature gc"),
        ("(type (func)) (type (cont 0))", "stack-switching", "a continuation type needs"),
        ("(type (func (result i32 i32)))", "multi-value", "several results needs"),
        ("(type (func (param v128)))", "simd", "type v128 needs the feature simd"),
        ("(type (func (param externref)))", "reference-types", "type externref needs"),
        ("(type (func (param anyref)))", "gc", "type anyref needs the feature gc"),
        ("(type (func (param exnref)))", "exceptions", "type exnref needs"),
        ("(type (func (param (ref func))))", "function-references", "type (ref func) needs"),
        ("(type (func)) (type (func (param (ref 0))))", "function-references", "(ref 0) needs"),
        (
            "(type (func)) (global (ref null (exact 0)) (ref.null (exact 0)))",
            "custom-descriptors",
            "needs",
        ),
        ("(tag)", "exceptions", "a tag needs the feature exceptions"),
        ("(memory i64 1)", "memory64", "a 64-bit address type needs the feature memory64"),
        ("(table i64 1 funcref)", "memory64", "a 64-bit address type needs the feature memory64"),
        ("(memory 1 1 shared)", "threads", "a shared memory needs the feature threads"),
        ("(memory 1 (pagesize 1))", "custom-page-sizes", "a page size needs"),
        ("(memory 1) (memory 1)", "multi-memory", "multiple memories"),
        ("(table 1 funcref) (table 1 funcref)", "reference-types", "multiple tables"),
        ('(import "m" "g" (global (mut i32)))', "mutable-globals", "an imported mutable global"),
        ('(global (export "g") (mut i32) (i32.const 0))', "mutable-globals", "exported mutable"),
        ('(data "")', "bulk-memory", "a passive data segment needs"),
        ("(elem func)", "bulk-memory", "a passive element segment needs"),
        ("(table 1 funcref (ref.null func))", "function-references", "an initialiser needs"),
        ("(type (shared (struct)))", "shared-everything-threads", "a shared type needs"),
        ("(func (block (type 1))) (type (func (param i32)))", "multi-value", "multi-value"),
        ("(tag (result i32))", "stack-switching", "non-empty tag result type"),
        (
            "(rec (type (descriptor 1) (struct)) (type (describes 0) (struct)))",
            "custom-descriptors",
            "a descriptor clause needs the feature custom-descriptors",
        ),
    ],
)
def test_features_of_modules(text: str, off: str, words: str) -> None:
    module = parse(f"(module {text})", ALL)
    reject(module, words, ALL - {off})
    if off not in ("multi-value", "stack-switching"):
        validate(module, ALL)


def test_older_editions_accept_their_own_modules() -> None:
    text = """(module (table 1 funcref) (memory 1) (elem (i32.const 0) func 0)
        (func (param i32) (result i32) (block (result i32) (local.get 0))))"""
    validate(parse(text, WASM1), WASM1)


DEAD = "(module (func unreachable {} i32.add drop))"


def test_relaxed_dead_code() -> None:
    relaxed = parse_features("relaxed-dead-code")
    for bad in ("(f32.const 1)", "block (result f32) (i32.const 1) end", "drop (ref.null func)"):
        reject(DEAD.format(bad), "type mismatch")
        validate(parse(DEAD.format(bad)), relaxed)
    reject("(module (func unreachable (local.get 3)))", "unknown local", relaxed)
    reject("(module (func br 0 (br 5)))", "unknown label", relaxed)
    reject("(module (func block unreachable end i32.add drop))", "type mismatch", relaxed)
    reject("(module (func (result i32) (i64.const 1)))", "type mismatch", relaxed)
    validate(
        parse("(module (func (result i32) unreachable (i64.const 1) block i32.add end))"), relaxed
    )


# --- what hostile modules may cost


def timed(module: Module, features: Features = DEFAULT) -> float:
    start = time.process_time()
    with contextlib.suppress(Invalid):
        validate(module, features)
    return time.process_time() - start


def test_deep_nesting() -> None:
    n = 100_000
    for op, before in ((Op.BLOCK, []), (Op.LOOP, []), (Op.IF, [(Op.I32_CONST, 0)])):
        opens = [*before, (op, None)] * n
        validate(function(*opens, *[(Op.END, None)] * n))


def test_wide_br_tables() -> None:
    n = 200
    results = [
        tuple([ref(True, ANY)] * 400 + [I32 if i >> k & 1 else I64 for k in range(8)])
        for i in range(n)
    ]
    types = tuple(RecType((SubType(FuncType((), r)),)) for r in results)
    blocks = [(Op.BLOCK, 1 + i) for i in range(n)]
    table = [(Op.UNREACHABLE, None), (Op.BR_TABLE, tuple(range(n)))]
    module = function(*blocks, *table * 500, *[(Op.END, None)] * n, types=types)
    assert timed(module) < 20


def test_array_new_fixed() -> None:
    array = RecType((SubType(ArrayType(FieldType(I32, True))),))
    huge = function((Op.ARRAY_NEW_FIXED, (1, 2**32 - 1)), types=(array,))
    reject(huge, "too many operands of array.new_fixed")
    few = function((Op.I32_CONST, 1), (Op.ARRAY_NEW_FIXED, (1, 10_000)), types=(array,))
    reject(few, "type mismatch")
    dead = [(Op.UNREACHABLE, None), *[(Op.ARRAY_NEW_FIXED, (1, 10_000)), (Op.DROP, None)] * 50_000]
    assert timed(function(*dead, types=(array,))) < 20


def test_counts_out_of_all_proportion() -> None:
    reject(function(runs=((2**32 - 1, I32), (2**32 - 1, I64))), "too many locals")
    reject(function(params=(I32,) * 1001), "too many parameters")
    reject(function(results=(I32,) * 1001), "too many results")
    struct = StructType((FieldType(I32, False),) * 10_001)
    reject(Module(types=[RecType((SubType(struct),))]), "too many fields")
    chain = [
        RecType((SubType(StructType(()), False, (i - 1,) if i else (), spelled=True),))
        for i in range(5000)
    ]
    reject(Module(types=chain), "sub type 64 is too deep")
    one = RecType(tuple(sub for group in chain for sub in group.subs), spelled=True)
    reject(Module(types=[one]), "sub type 64 is too deep")
    validate(Module(types=chain[:64]))


def test_locals_without_default_in_many_blocks() -> None:
    n = 20_000
    sets = [
        x for i in range(n) for x in ((Op.BLOCK, None), (Op.UNREACHABLE, None), (Op.LOCAL_SET, i))
    ]
    module = function(*sets, *[(Op.END, None)] * n, runs=((n, ref(False, ANY)),))
    validate(module)


def test_large_element_segments() -> None:
    module = function()
    module.elems = [Elem(ref(False, FUNC), "passive", [0] * 300_000)]
    validate(module)
    module.elems = [Elem(FUNCREF, "passive", [body((Op.REF_FUNC, 0)) for _ in range(20_000)])]
    validate(module)


def test_types_of_rejected_modules_do_not_stay() -> None:
    bad = Module(
        types=[RecType((SubType(FuncType((V128,) * 31, (V128,) * 7)),))],
        globals=[Global(GlobalType(I32, False), body())],
    )
    reject(bad, "type mismatch")
    assert len(canonical_types(bad.types)) == 1


def test_damaged_modules_are_malformed_or_invalid_and_nothing_else() -> None:
    text = """(module
        (type $s (sub (struct (field (mut i32) (ref null $s)))))
        (type $a (array (mut i8)))
        (type $f (func (param i32) (result (ref $s))))
        (memory 1) (table 2 funcref) (tag $t (param i32))
        (global $g (mut (ref null $s)) (ref.null $s))
        (elem declare func $h) (data $d "abc")
        (func $h (type $f)
          (local $x (ref $s)) (local $n i64)
          (local.set $x (struct.new $s (local.get 0) (global.get $g)))
          (block $l (result i32)
            (try_table (catch $t $l)
              (loop $again
                (i32.store (i32.const 8)
                  (array.len (array.new_data $a $d (i32.const 0) (i32.const 3))))
                (br_if $again (ref.is_null (struct.get $s 1 (local.get $x))))))
            (br_table $l $l (i32.const 1) (local.get 0)))
          (drop)
          (drop (i8x16.add (v128.const i64x2 1 2) (v128.const i64x2 3 4)))
          (return_call_ref $f (local.get 0) (ref.func $h))))"""
    good = bytes(encode(parse(text)))
    validate(decode(good))
    random_ = random.Random(11)
    outcomes = {"valid": 0, "Malformed": 0, "Invalid": 0}
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(random_.choice((1, 1, 2, 4))):
            data[random_.randrange(8, len(data))] = random_.choice(
                (random_.randrange(256), 0, 1, 2)
            )
        try:
            validate(decode(bytes(data)))
            outcomes["valid"] += 1
        except (Malformed, Invalid) as error:
            outcomes[type(error).__name__] += 1
    assert min(outcomes.values()) > 50, outcomes


# --- memories and limits that only numbers tell apart


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        (MemoryType(Limits(65536)), None),
        (MemoryType(Limits(65537)), "memory size must be at most 65536 pages (4GiB)"),
        (MemoryType(Limits(0, 65537)), "memory size must be at most 65536 pages (4GiB)"),
        (MemoryType(Limits(2, 1)), "size minimum must not be greater than maximum"),
        (MemoryType(Limits(1 << 48, None, I64)), None),
        (MemoryType(Limits((1 << 48) + 1, None, I64)), "memory size must be at most 2814749767106"),
        (MemoryType(Limits((1 << 32) - 1), page_log2=0), None),
        (MemoryType(Limits(1 << 32), page_log2=0), "memory size must be at most 4294967295 pages"),
        (MemoryType(Limits((1 << 64) - 1, None, I64), page_log2=0), None),
        (MemoryType(Limits(0), page_log2=3), "invalid custom page size: 2**3"),
        (MemoryType(Limits(0), shared=True), "shared memory must have maximum"),
        (MemoryType(Limits(0, 0), shared=True), None),
    ],
)
def test_memories(memory: MemoryType, words: str | None) -> None:
    module = Module(memories=[memory], exports=[Export("m", "memory", 0)])
    if words is None:
        validate(module, ALL)
    else:
        reject(module, words, ALL)
