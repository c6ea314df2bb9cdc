"""Atomic accesses to globals, tables, structs and arrays, in both tiers."""

from typing import Any

import pytest

import wadjet
from wadjet.core.features import ALL

TIERS = ("interpreter", "optimizing")
FEATURES = ALL - {"relaxed-dead-code"}
OPERATIONS = {
    "add": lambda old, value, _: old + value,
    "sub": lambda old, value, _: old - value,
    "and": lambda old, value, _: old & value,
    "or": lambda old, value, _: old | value,
    "xor": lambda old, value, _: old ^ value,
    "xchg": lambda _old, value, _: value,
    "cmpxchg": lambda old, value, expected: value if old == expected else old,
}
#: place → fields of a module, what names the place, operands that say where
PLACES = {
    "global": ("(global $p (mut {0}) ({0}.const 0))", "$p", ""),
    "struct": ("", "$struct ${0}", "(global.get $s)"),
    "array": ("", "${0}s", "(global.get $a{0}) (i32.const 2)"),
}
TYPES = """
  (type $struct (struct (field $i32 (mut i32)) (field $i64 (mut i64)) (field $i8 (mut i8))))
  (type $i32s (array (mut i32)))
  (type $i64s (array (mut i64)))
  (global $s (ref $struct) (struct.new_default $struct))
  (global $ai32 (ref $i32s) (array.new_default $i32s (i32.const 4)))
  (global $ai64 (ref $i64s) (array.new_default $i64s (i32.const 4)))
"""


def _instance(text: str, tier: str) -> wadjet.Exports:
    module = wadjet.Module(f"(module {text})", features=FEATURES)
    return wadjet.Instance(module, tier=tier).exports


def _accesses(place: str, type_: str, order: str) -> str:
    """A module with get, set and all operations on one place."""
    fields, name, where = (part.format(type_) for part in PLACES[place])
    head = f"{place}.atomic"
    functions = [
        f"""(func (export "get") (result {type_}) {where} ({head}.get {order} {name}))
        (func (export "set") (param {type_}) ({head}.set {order} {name} {where} (local.get 0)))
        (func (export "cmpxchg") (param {type_} {type_}) (result {type_})
          ({head}.rmw.cmpxchg {order} {name} {where} (local.get 1) (local.get 0)))"""
    ]
    functions += [
        f"""(func (export "{op}") (param {type_} {type_}) (result {type_})
          ({head}.rmw.{op} {order} {name} {where} (local.get 0)))"""
        for op in OPERATIONS
        if op != "cmpxchg"
    ]
    # folded accesses without operands that say where still read well
    text = " ".join(functions).replace(f"{where} ({head}.get", f"({head}.get")
    if where:
        text = text.replace(f"({head}.get {order} {name})", f"({head}.get {order} {name} {where})")
    return TYPES + fields + text


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("order", ["seq_cst", "acq_rel"])
@pytest.mark.parametrize("type_", ["i32", "i64"])
@pytest.mark.parametrize("place", PLACES)
def test_operations(place: str, type_: str, order: str, tier: str) -> None:
    exports = _instance(_accesses(place, type_, order), tier)
    bits = int(type_[1:])
    pairs = [(0, 1), (-1, 1), ((1 << bits - 1) - 1, 2), (0b1100, 0b1010), (5, 5)]
    for name, meaning in OPERATIONS.items():
        for old, value in pairs:
            for expected in (old, old + 1):
                exports.set(old)
                expected &= (1 << bits) - 1
                wanted = meaning(old, value, expected) & (1 << bits) - 1
                if name == "cmpxchg":
                    wanted = value if old & (1 << bits) - 1 == expected else old
                    wanted &= (1 << bits) - 1
                assert exports[name](value, expected) == old
                assert exports.get() & (1 << bits) - 1 == wanted, (name, old, value)


TABLE = """
  (type $box (struct (field i32)))
  (table $t 4 (ref null eq))
  (func (export "put") (param i32 i32)
    (table.atomic.set seq_cst $t (local.get 0) (struct.new $box (local.get 1))))
  (func (export "get") (param i32) (result eqref)
    (table.atomic.get acq_rel $t (local.get 0)))
  (func (export "swap") (param i32 eqref) (result eqref)
    (table.atomic.rmw.xchg seq_cst $t (local.get 0) (local.get 1)))
  (func (export "compare") (param i32 eqref eqref) (result eqref)
    (table.atomic.rmw.cmpxchg acq_rel $t (local.get 0) (local.get 1) (local.get 2)))
"""


@pytest.mark.parametrize("tier", TIERS)
def test_tables_of_references(tier: str) -> None:
    exports = _instance(TABLE, tier)
    exports.put(1, 11)
    first = exports.get(1)
    assert list(first) == [11]
    assert exports.swap(1, 5) is first
    assert exports.get(1) == 5
    assert exports.compare(1, 6, first) == 5, "not the expected one"
    assert exports.get(1) == 5
    assert exports.compare(1, 5, first) == 5
    assert exports.get(1) is first
    assert exports.compare(1, first, None) is first
    assert exports.get(1) is None
    for call in (lambda: exports.get(4), lambda: exports.swap(4, None), lambda: exports.put(-1, 0)):
        with pytest.raises(wadjet.Trap, match="out of bounds table"):
            call()


@pytest.mark.parametrize("tier", TIERS)
def test_packed_fields_and_elements(tier: str) -> None:
    text = """
      (type $s (struct (field (mut i8))))
      (type $a (array (mut i16)))
      (func (export "field") (param i32) (result i32 i32) (local $s (ref null $s))
        (local.set $s (struct.new_default $s))
        (struct.atomic.set seq_cst $s 0 (local.get $s) (local.get 0))
        (struct.atomic.get_s acq_rel $s 0 (local.get $s))
        (struct.atomic.get_u seq_cst $s 0 (local.get $s)))
      (func (export "element") (param i32) (result i32 i32) (local $a (ref null $a))
        (local.set $a (array.new_default $a (i32.const 3)))
        (array.atomic.set acq_rel $a (local.get $a) (i32.const 2) (local.get 0))
        (array.atomic.get_s seq_cst $a (local.get $a) (i32.const 2))
        (array.atomic.get_u acq_rel $a (local.get $a) (i32.const 2)))
      (func (export "null") (struct.atomic.set seq_cst $s 0 (ref.null $s) (i32.const 0)))
      (func (export "outside") (param i32)
        (array.atomic.set seq_cst $a
          (array.new_default $a (i32.const 3)) (local.get 0) (i32.const 0)))"""
    exports = _instance(text, tier)
    assert exports.field(0x1FF) == (-1, 255)
    assert exports.field(0x17F) == (127, 127)
    assert exports.element(0x18000) == (-32768, 32768)
    with pytest.raises(wadjet.Trap, match="null structure"):
        exports.null()
    with pytest.raises(wadjet.Trap, match="out of bounds array"):
        exports.outside(3)


@pytest.mark.parametrize("tier", TIERS)
def test_shared_small_integers(tier: str) -> None:
    text = """
      (global $g (mut (ref (shared i31))) (ref.i31_shared (i32.const 7)))
      (func (export "next") (param i32) (result i32 i32)
        (i31.get_s (global.atomic.rmw.xchg seq_cst $g (ref.i31_shared (local.get 0))))
        (i31.get_u (global.get $g)))"""
    exports = _instance(text, tier)
    assert exports.next(-1) == (7, 0x7FFF_FFFF)
    assert exports.next(0) == (-1, 0)


# --- as text and as bytes --------------------------------------------------------------------


def _code(text: str) -> bytes:
    from wadjet.core.binary import encode
    from wadjet.core.text import parse

    return encode(parse(f"(module {text})", FEATURES))


GLOBAL = "(global $g (mut i32) (i32.const 0)) (func {0})"
ENCODED: list[tuple[str, bytes]] = [
    ("(drop (global.atomic.get seq_cst $g))", b"\xfe\x4f\x00\x00"),
    ("(global.atomic.set acq_rel $g (i32.const 1))", b"\xfe\x50\x01\x00"),
    ("(drop (global.atomic.rmw.add seq_cst $g (i32.const 1)))", b"\xfe\x51\x00\x00"),
    ("(drop (global.atomic.rmw.xor acq_rel $g (i32.const 1)))", b"\xfe\x55\x11\x00"),
]


@pytest.mark.parametrize(("text", "code"), ENCODED)
def test_orderings_are_bytes(text: str, code: bytes) -> None:
    from wadjet.core.binary import decode
    from wadjet.core.text import parse
    from wadjet.core.text.printer import print_module

    data = _code(GLOBAL.format(text))
    assert code in data
    module = decode(data, FEATURES)
    printed = print_module(module)
    assert ("acq_rel" if code[2] else "seq_cst") in printed
    assert parse(printed, FEATURES).codes[0].body == module.codes[0].body


@pytest.mark.parametrize(
    ("text", "code", "wrong"),
    [(*ENCODED[0], 2), (*ENCODED[0], 0x11), (*ENCODED[3], 0x01), (*ENCODED[3], 0x10)],
)
def test_other_bytes_are_malformed(text: str, code: bytes, wrong: int) -> None:
    data = bytearray(_code(GLOBAL.format(text)))
    data[data.index(code) + 2] = wrong
    with pytest.raises(wadjet.Malformed, match="invalid atomic consistency ordering"):
        wadjet.Module(bytes(data), features=FEATURES)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("(drop (global.atomic.get $g))", "seq_cst or acq_rel"),
        ("(drop (global.atomic.get i32 $g))", "seq_cst or acq_rel"),
    ],
)
def test_text_without_ordering_is_malformed(text: str, problem: str) -> None:
    with pytest.raises(wadjet.Malformed, match=problem):
        _code(GLOBAL.format(text))


def test_the_feature_is_off_by_default() -> None:
    found: Any = None
    try:
        wadjet.Module(f"(module {GLOBAL.format(ENCODED[0][0])})")
    except wadjet.Malformed as error:
        found = error
    assert found is not None
    assert "global.atomic.get" in found.message
