"""The grammar of the text format: what each form and abbreviation means."""

import pytest

from wadjet.base.errors import Invalid, Malformed
from wadjet.core.body import Catch, Handler, MemArg
from wadjet.core.features import ALL, DEFAULT, WASM1
from wadjet.core.module import Module
from wadjet.core.opcodes import BY_NAME, BY_OP
from wadjet.core.text import parse
from wadjet.core.types import (
    ANYREF, EXTERNREF, F32, FUNC, FUNCREF, I8, I32, I64, V128, FieldType, FuncType, FuncUse,
    GlobalType, Limits, MemoryType, StructType, TableType, ref,
)  # fmt: skip


def code(text: str, before: str = "") -> list[tuple[str, object]]:
    """The instructions of a function body, the last `end` left out."""
    module = parse(f"(module {before} (func {text}))", ALL)
    body = module.codes[-1].body
    rows = [BY_OP[op] for op in body.ops]
    mnemonics = [row.mnemonic for row in rows if row is not None]
    assert mnemonics[-1] == "end"
    return list(zip(mnemonics, body.imms, strict=True))[:-1]


def imm(text: str, before: str = "") -> object:
    """The immediates of a lone instruction."""
    ((_, value),) = code(text, before)
    return value


def rejected(source: str, message: str, features: frozenset[str] = DEFAULT) -> None:
    """The source must be rejected with these words first."""
    with pytest.raises(Malformed) as caught:
        parse(source, features)
    assert caught.value.message.startswith(message)
    assert caught.value.place is not None
    assert caught.value.place.line is not None


# modules


def test_bare_fields_are_a_module() -> None:
    assert parse("(memory 1) (func)") == parse("(module (memory 1) (func))")
    assert parse("") == Module() == parse("(module)")
    assert parse("(module $m)").names.module == "m"


def test_definitions_come_in_any_order() -> None:
    module = parse(
        '(module (func (call $g)) (export "g" (func $g)) (func $g (type $t)) (type $t (func)))'
    )
    assert module.funcs == [0, 0]
    assert module.codes[0].body.imms[0] == 1
    assert (module.exports[0].kind, module.exports[0].index) == ("func", 1)


def test_imports_and_exports_inline() -> None:
    short = parse(
        """(func $f (export "a") (export "b") (import "m" "f") (param i32))
           (global (export "g") (import "m" "g") (mut i64))
           (memory (import "m" "m") 1 2) (table (import "m" "t") 3 externref)
           (tag (import "m" "e") (param f32))"""
    )
    long = parse(
        """(import "m" "f" (func (param i32))) (export "a" (func 0)) (export "b" (func 0))
           (import "m" "g" (global (mut i64))) (export "g" (global 0))
           (import "m" "m" (memory 1 2)) (import "m" "t" (table 3 externref))
           (import "m" "e" (tag (param f32)))"""
    )
    assert short == long
    assert short.imports[3].type == TableType(EXTERNREF, Limits(3))


def test_imports_come_first() -> None:
    rejected('(func) (import "" "" (func))', "import after function")
    rejected('(memory 1) (global (import "" "") i32)', "import after memory")
    parse('(type (func)) (export "a" (func 0)) (import "" "" (func))')


def test_groups_of_imports() -> None:
    module = parse(
        """(import "m" (item "a" (func $a)) (item "b" (global $b i32)))
           (import "n" (item "c") (item "d") (func (result i32)))
           (func $x (call $a) (call 1) (call $x))"""
    )
    assert [(i.module, i.name, i.group, i.form) for i in module.imports] == [
        ("m", "a", 0, 0x7F), ("m", "b", 0, 0x7F), ("n", "c", 1, 0x7E), ("n", "d", 1, 0x7E),
    ]  # fmt: skip
    assert module.imports[2].type == FuncUse(1)
    assert module.codes[0].body.imms[:3] == [0, 1, 3]
    rejected('(import "m" (item "c") (func $c))', "identifier not allowed")
    rejected('(import "m" (item "c") (func))', "unexpected token", DEFAULT - {"compact-imports"})


def test_memories_and_tables() -> None:
    module = parse(
        "(memory i64 1 0x1_0000) (memory 2 3 shared) (table i64 1 funcref) (table 0 9 externref)"
    )
    assert module.memories[0] == MemoryType(Limits(1, 0x10000, I64))
    assert module.memories[1] == MemoryType(Limits(2, 3), shared=True)
    assert [t.type.limits for t in module.tables] == [Limits(1, None, I64), Limits(0, 9)]
    assert module.tables[0].init is None
    custom = parse("(memory 5 (pagesize 1))", ALL).memories[0]
    assert (custom.page_log2, custom.page_spelled) == (0, True)
    rejected("(memory 0x1_0000_0000_0000_0000)", "i64 constant out of range")
    rejected("(memory 0x1_0000_0000)", "i32 constant out of range", WASM1)
    rejected("(memory 0 (pagesize 3))", "invalid custom page size", ALL)


def test_inline_segments() -> None:
    module = parse(
        """(memory $m (data "ab" "\\00")) (data $d "x") (memory i64 (data))
           (table $t funcref (elem $f $f)) (table externref (elem (ref.null extern)))
           (func $f (data.drop $d))"""
    )
    assert module.memories == [MemoryType(Limits(1, 1)), MemoryType(Limits(0, 0, I64))]
    assert [(d.mode, d.memory, bytes(d.data)) for d in module.datas] == [
        ("active", 0, b"ab\0"), ("passive", 0, b"x"), ("active", 1, b""),
    ]  # fmt: skip
    assert module.codes[0].body.imms[0] == 1
    assert module.tables[0].type == TableType(FUNCREF, Limits(2, 2))
    assert module.elems[0].items == [0, 0]
    assert (module.elems[1].table, module.elems[1].type) == (1, EXTERNREF)
    assert module.data_count == 3
    assert parse("(data)").data_count is None


def test_segments() -> None:
    before = "(func $f) (table $t 1 funcref) (table $u 1 externref) (memory $m 1)"
    elems = parse(
        f"""{before} (elem (i32.const 1) $f 0) (elem (table $u) (offset i32.const 2) externref
            (ref.null extern) (item ref.null extern)) (elem declare func $f) (elem $e func)
            (elem (ref null $f') (ref.null $f')) (type $f' (func))"""
    ).elems
    assert [e.mode for e in elems] == ["active", "active", "declarative", "passive", "passive"]
    assert [e.table for e in elems] == [0, 1, 0, 0, 0]
    assert [len(e.items) for e in elems] == [2, 2, 1, 0, 1]
    assert [e.type for e in elems[2:]] == [ref(False, FUNC), ref(False, FUNC), ref(True, 0)]
    datas = parse(
        f'{before} (data (memory $m) (offset (i32.const 1)) "a") (data (i32.const 2))'
    ).datas
    assert [(d.mode, len(d.offset or [])) for d in datas] == [("active", 2), ("active", 2)]


def test_numbers_in_data() -> None:
    text = """(data "a" (i8 1 -1) (i16 0x102 -2) (i32 1) "b" (i64 -1) (f32 1.0) (f64)
              (v128 i32x4 1 2 3 4) "c")"""
    wanted = b"a\x01\xff\x02\x01\xfe\xff\x01\0\0\0b" + b"\xff" * 8 + b"\0\0\x80\x3f"
    assert parse(text).datas[0].data == wanted + b"\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0c"
    rejected("(data (i8 256))", "constant out of range")


def test_start() -> None:
    assert parse("(func) (func $s) (start $s)").start == 1
    rejected("(func $s) (start $s) (start $s)", "multiple start sections")


# types


def test_type_definitions() -> None:
    module = parse(
        """(rec (type $a (struct (field $x i8) (field (mut i64) (ref null $b))))
                (type $b (sub $a (array (mut f32)))))
           (type (sub final $a $b (func (param $p i32) (param i64 f32) (result (ref $a)))))""",
    )
    first, second = module.types
    assert (first.spelled, second.spelled) == (True, False)
    assert first.subs[0].comp == StructType(
        (FieldType(I8, False), FieldType(I64, True), FieldType(ref(True, 1), False))
    )
    assert (first.subs[1].final, first.subs[1].supers) == (False, (0,))
    assert second.subs[0].comp == FuncType((I32, I64, F32), (ref(False, 0),))
    assert (second.subs[0].final, second.subs[0].supers) == (True, (0, 1))
    assert module.names.fields == {0: {0: "x"}}


def test_types_of_proposals() -> None:
    module = parse(
        """(rec (type $a (descriptor $b) (struct)) (type $b (sub (describes $a) (struct))))
           (type $f (func)) (type (cont $f)) (type (shared (struct)))
           (import "" "" (func (exact (type $f))))
           (global (shared mut (shared anyref)) (ref.null (shared any)))
           (func (param (ref null (exact $a)) contref))""",
        ALL,
    )
    subs = module.subtypes()
    assert (subs[0].descriptor, subs[1].describes) == (1, 0)
    assert subs[4].shared
    assert module.imports[0].type == FuncUse(2, exact=True)
    assert module.globals[0].type.shared
    rejected("(type (cont 0))", "unexpected token")
    rejected("(func (param contref))", "unexpected token")


def test_inline_function_types() -> None:
    module = parse(
        """(func (param i32)) (type $t (func (param i32) (result i32))) (func (param i64))
           (func (param i32) (result i32)) (func (param i32))"""
    )
    assert module.funcs == [1, 2, 0, 1]
    assert len(module.types) == 3
    only_final = parse("(type (sub (func))) (rec (type (func)) (type (func))) (func)")
    assert only_final.funcs == [3]


def test_explicit_and_inline_types_agree() -> None:
    parse("(type $t (func (param i32))) (func (type $t) (param $x i32) (drop (local.get $x)))")
    message = "inline function type does not match explicit type"
    rejected("(type $t (func)) (func (type $t) (param i32))", message)
    rejected("(func (type 7) (param i32))", "unknown type")
    rejected("(func (type $t))", "unknown type")


def test_locals_follow_the_parameters_of_an_explicit_type() -> None:
    module = parse(
        "(type $t (func (param i32 i64))) (func (type $t) (local $x i32) (drop (local.get $x)))"
    )
    assert module.codes[0].body.imms[0] == 2
    assert module.names.locals == {0: {2: "x"}}


def test_runs_of_locals() -> None:
    module = parse("(func (local i32 i32) (local $x i32) (local) (local i64 i32))")
    assert module.codes[0].locals == [(3, I32), (1, I64), (1, I32)]


# instructions


@pytest.mark.parametrize(
    ("folded", "flat"),
    [
        ("(i32.add (i32.const 1) (i32.const 2))", "i32.const 1 i32.const 2 i32.add"),
        ("(drop (i32.const 1)) nop", "i32.const 1 drop nop"),
        ("(block (nop) nop)", "block nop nop end"),
        ("(loop $l (br $l))", "loop $l br 0 end"),
        ("(if (i32.const 1) (then nop) (else (nop)))", "i32.const 1 if nop else nop end"),
        ("(if (result i32) (i32.const 1) (then i32.const 2) (else i32.const 3)) drop",
         "i32.const 1 if (result i32) i32.const 2 else i32.const 3 end drop"),
        ("(if (then))", "if end"),
        ("(if $x (br_if 0 (i32.const 0)) (then (br $x)))",
         "i32.const 0 br_if 0 if $x br $x end $x"),
        ("(try_table (catch_all 0) nop)", "try_table (catch_all 0) nop end"),
        ("(try (do nop) (catch_all nop))", "try nop catch_all nop end"),
        ("(block $b (try (do nop) (delegate $b)))", "block $b try nop delegate 0 end"),
        ("(select (i32.const 1) (i32.const 2) (i32.const 3)) drop",
         "i32.const 1 i32.const 2 i32.const 3 select drop"),
    ],
)  # fmt: skip
def test_folding(folded: str, flat: str) -> None:
    assert code(folded) == code(flat)


def test_labels() -> None:
    body = code("(block $a (block $b (block $a (br_table $a $b 7 $a)) (br $a)))")
    assert body[3] == ("br_table", (0, 1, 7, 0))
    assert body[5] == ("br", 1)
    module = parse("(func block $x loop if $y end end end)")
    assert module.names.labels == {0: {0: "x", 2: "y"}}
    rejected("(func (block $a) (br $a))", "unknown label")
    rejected("(func block $a end $b)", "mismatching label")
    rejected("(func block end $b)", "mismatching label")
    rejected("(func if $a else $b end)", "mismatching label")


def test_labels_of_handlers_are_outside() -> None:
    body = code("(block $l (try_table $l (catch 0 $l) (catch_all_ref 1) (br $l)))", "(tag)")
    assert body[1][1] == (None, (Catch(0, 0, 0), Catch(3, None, 1)))
    assert body[2] == ("br", 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("block", None),
        ("block (result i64)", I64),
        ("block (param i32)", 2),
        ("block (result i32 i32)", 2),
        ("block (type $t)", 0),
        ("block (type $t) (param i64)", 0),
    ],
)
def test_block_types(text: str, expected: object) -> None:
    before = "(type $t (func (param i64)))"
    assert code(f"{text} end", before)[0] == ("block", expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i32.const -0x8000_0000", -(1 << 31)),
        ("i64.const 0xffffffffffffffff", -1),
        ("f32.const -0.0", 1 << 31),
        ("f64.const nan:0x1", 0x7FF0000000000001),
        ("v128.const i8x16 1 -1 0xff 0 0 0 0 0 0 0 0 0 0 0 0 -128", (128 << 120) + 0xFFFF01),
        ("v128.const f64x2 1 -0", (1 << 127) + 0x3FF0000000000000),
        ("i32.load", MemArg(2, 0, 0)),
        ("i32.load offset=0x10 align=1", MemArg(0, 16, 0)),
        ("i64.load8_s $m offset=1", MemArg(0, 1, 1)),
        ("v128.load32_lane 3", (MemArg(2, 0, 0), 3)),
        ("v128.load32_lane 1 3", (MemArg(2, 0, 1), 3)),
        ("v128.load32_lane $m align=2 3", (MemArg(1, 0, 1), 3)),
        ("v128.store8_lane offset=4 15", (MemArg(0, 4, 0), 15)),
        ("i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31", bytes([*range(15), 31])),
        ("memory.size", 0),
        ("memory.grow $m", 1),
        ("memory.copy", (0, 0)),
        ("memory.copy $m 0", (1, 0)),
        ("memory.init 2", (2, 0)),
        ("memory.init $m 2", (2, 1)),
        ("memory.atomic.wait64 offset=8", MemArg(3, 8, 0)),
        ("atomic.fence", 0),
        ("table.get", 0),
        ("table.copy $u 0", (1, 0)),
        ("table.init 3", (3, 0)),
        ("table.init $u 3", (3, 1)),
        ("call_indirect", (1, 0)),
        ("call_indirect $u (type $t)", (0, 1)),
        ("call_indirect 1 (param i64)", (0, 1)),
        ("return_call_indirect (result i32)", (2, 0)),
        ("ref.null extern", EXTERNREF),
        ("ref.null $t", ref(True, 0)),
        ("br_on_cast 0 anyref (ref $t)", (0, ANYREF, ref(False, 0))),
        ("array.new_fixed $t 7", (0, 7)),
        ("select (result i32) (result v128)", (I32, V128)),
        ("select (result)", ()),
        ("select", None),
        ("throw $e", 0),
        ("resume $t (on $e 0) (on 1 switch)", (0, (Handler(0, 0), Handler(1, None)))),
        ("resume_throw $t $e", (0, 0, ())),
        ("switch $t $e", (0, 0)),
        ("cont.bind $t 5", (0, 5)),
    ],
)
def test_immediates(text: str, expected: object) -> None:
    before = """(type $t (func (param i64))) (memory 1) (memory $m 1) (table 1 funcref)
                (table $u 1 funcref) (tag $e)"""
    assert imm(text, before) == expected


def test_mnemonics_with_two_rows() -> None:
    module = parse(
        """(func ref.test (ref eq) ref.test eqref ref.cast (ref null eq) ref.cast (ref eq)
           select select (result i32))"""
    )
    assert module.codes[0].body.ops[:-1] == [
        BY_NAME[name][which].op
        for name, which in (
            ("ref.test", 0), ("ref.test", 1), ("ref.cast", 1), ("ref.cast", 0),
            ("select", 0), ("select", 1),
        )
    ]  # fmt: skip


def test_fields_by_name() -> None:
    before = "(type $a (struct (field $x i32) (field $y i32))) (type $b (struct (field $y i32)))"
    assert code("struct.get $a $y struct.set $b $y struct.get_s 0 $x", before) == [
        ("struct.get", (0, 1)), ("struct.set", (1, 0)), ("struct.get_s", (0, 0)),
    ]  # fmt: skip
    rejected(f"{before} (func struct.get $b $x)", "unknown field")
    rejected("(type (struct (field $x i32) (field $x i32)))", "duplicate field")


def test_every_instruction_has_a_text_form() -> None:
    """Each row without immediates is read by its mnemonic; rows with some have a reader."""
    for name, rows in BY_NAME.items():
        if len(rows) == 1 and not rows[0].immediates and name not in ("else", "end", "catch_all"):
            module = parse(f"(func {name})", ALL)
            assert module.codes[0].body.ops[0] == rows[0].op


# what is wrong


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(module", "unexpected token"),
        ("(module))", "unexpected token"),
        ("(modul)", "unknown operator"),
        ("(func (nope))", "unknown operator nope"),
        ("(func nop nop2)", "unknown operator nop2"),
        ("(func (then))", "unexpected token"),
        ("(func end)", "unexpected token"),
        ("(func block)", "unexpected token"),
        ("(func (block end))", "unexpected token"),
        ("(func (i32.add nop))", "unexpected token"),
        ("(func (if (i32.const 0) (else)))", "unexpected token"),
        ("(func (if (then) nop))", "unexpected token"),
        ("(func if else else end)", "unexpected token"),
        ("(func (i32.const))", "unexpected token"),
        ("(func (i32.const x))", "unknown operator"),
        ("(func (i32.const 0x1_0000_0000))", "constant out of range"),
        ("(func (f32.const 1e39))", "constant out of range"),
        ("(func (i32.load align=3))", "alignment must be a power of two"),
        ("(func (i8x16.extract_lane_s 256))", "i8 constant out of range"),
        ("(func (v128.const i32x4 1 2 3))", "wrong number of lane literals"),
        ("(func (i8x16.shuffle 1 2 3))", "invalid lane length"),
        ("(func (local.get $x))", "unknown local $x"),
        ("(func (call $x))", "unknown function $x"),
        ("(func $x) (func $x)", "duplicate func"),
        ("(func (param $x i32) (local $x i32))", "duplicate local"),
        ("(type $x (func)) (type $x (func))", "duplicate type"),
        ('(export "\\ff" (func 0))', "malformed UTF-8 encoding"),
        ("(func (result i32) (param i32))", "unexpected token"),
        ("(func (block (param $x i32)))", "unexpected token"),
        ("(func (try (do)))", "unknown operator try"),
        ("(elem 0 (i32.const 0))", "unexpected token"),
    ],
)
def test_rejections(source: str, message: str) -> None:
    rejected(source, message)


def test_errors_point_at_the_token() -> None:
    with pytest.raises(Malformed) as caught:
        parse("(module\n  (func\n    (i32.add (nope) nop)))")
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (3, 15)
    assert str(caught.value).endswith("    (i32.add (nope) nop)))\n              ^")


def test_features_gate_instructions() -> None:
    message = "unknown operator memory.copy: the feature bulk-memory is off"
    rejected("(memory 1) (func (memory.copy))", message, WASM1)
    parse("(func (try (do)))", DEFAULT | {"legacy-exceptions"})


def test_first_edition_segments() -> None:
    module = parse(
        "(table 1 funcref) (memory 1) (elem 0 (i32.const 1)) (data 0 (i32.const 1))", WASM1
    )
    assert module.elems[0].mode == module.datas[0].mode == "active"


# annotations


def test_custom_sections() -> None:
    module = parse(
        """(@custom "a" "x" "y") (type (func)) (@custom "b" (before first) "z") (func)
           (@custom "c" (after func)) (@custom "d" (before global)) (@other (custom))"""
    )
    assert [(c.name, c.data, c.after) for c in module.customs] == [
        ("b", b"z", 0), ("c", b"", 3), ("d", b"", 13), ("a", b"xy", 11),
    ]  # fmt: skip
    rejected('(func (@custom "a"))', "misplaced @custom annotation")


def test_names() -> None:
    module = parse(
        """(module $m (@name "M") (type $t (func)) (func $f (@name "F") (param $p i32))
           (func $g) (global $v i32 (i32.const 0)) (tag (@name "E")))"""
    )
    assert module.names.module == "M"
    assert module.names.types == {0: "t"}
    assert module.names.funcs == {0: "F", 1: "g"}
    assert module.names.locals == {0: {0: "p"}}
    assert (module.names.globals, module.names.tags) == ({0: "v"}, {0: "E"})
    rejected('(func) (@name "M")', "misplaced @name annotation")
    rejected('(module (@name "M") (@name "N"))', "@name annotation: multiple module")


def test_branch_hints() -> None:
    module = parse(
        """(func) (func i32.const 0 (@metadata.code.branch_hint "\\01") if end
           (@metadata.code.branch_hint "\\00") (if (i32.const 1) (then)))"""
    )
    assert module.hints == {1: {1: True, 4: False}}
    with pytest.raises(Invalid, match="invalid target"):
        parse('(func (@metadata.code.branch_hint "\\00") nop)')
    rejected(
        '(@metadata.code.branch_hint "\\00") (func)',
        "@metadata.code.branch_hint annotation: not in",
    )


def test_global_types() -> None:
    module = parse('(import "" "" (global $i (mut i32))) (global $j f32 (f32.const 1))')
    assert module.imports[0].type == GlobalType(I32, True)
    assert module.globals[0].type == GlobalType(F32, False)
    assert module.names.globals == {0: "i", 1: "j"}
