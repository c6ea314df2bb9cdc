"""What validation leaves behind: the facts, and the ways to ask for them."""

import pytest

from wadjet.base.errors import Invalid, Malformed
from wadjet.core.binary import decode
from wadjet.core.binary.encode import encode
from wadjet.core.features import ALL
from wadjet.core.module import Module
from wadjet.core.opcodes import row
from wadjet.core.text.parse import parse
from wadjet.core.types import (
    ANY,
    ANYREF,
    EXTERNREF,
    F32,
    F64,
    I31REF,
    I32,
    I64,
    DefType,
    FuncType,
    ref,
)
from wadjet.core.validate.context import Context
from wadjet.core.validate import Facts, ValidModule, validate
from wadjet.core.validate import module as validation


def facts(text: str) -> tuple[list[str], Facts]:
    """The mnemonics and the facts of the only function."""
    module = parse(f"(module {text})", ALL)
    found = validate(module, ALL).facts(0)
    return [row(op).mnemonic for op in module.codes[0].body.ops], found


def test_blocks_and_their_ends() -> None:
    names, f = facts("(func block loop end i32.const 0 if else end end)")
    assert names == "block loop end i32.const if else end end end".split()
    assert f.ends == {0: 7, 1: 2, 4: 6}
    assert f.elses == {4: 5}
    _, f = facts("(func (if (i32.const 1) (then nop)))")
    assert f.ends == {1: 3}
    assert f.elses == {}
    _, f = facts("(tag $t) (func (block $l (try_table (catch $t $l) nop)))")
    assert f.ends == {0: 4, 1: 3}


def test_legacy_exceptions() -> None:
    text = "(tag $a) (tag $b (param i32)) (func try nop catch $a catch $b drop catch_all end)"
    names, f = facts(text)
    assert names == "try nop catch catch drop catch_all end end".split()
    assert f.catches == {0: [2, 3, 5]}
    assert f.ends == {0: 6}
    names, f = facts("(func try nop delegate 0)")
    assert f.ends == {0: 2}
    assert f.catches == {}


def test_dead_stretches() -> None:
    names, f = facts("(func block unreachable nop nop end)")
    assert f.dead == {2: 4}
    # nothing in between: still noted, since control does not fall through
    _, f = facts("(func block br 0 end)")
    assert f.dead == {2: 2}
    names, f = facts("(func (if (i32.const 1) (then return nop) (else unreachable)))")
    assert names == "i32.const if return nop else unreachable end end".split()
    assert f.dead == {3: 4, 6: 6}
    # blocks in dead code lie within the stretch; the first jump counts
    _, f = facts("(func block unreachable block br 0 end return end)")
    assert f.dead[2] == 6
    # a conditional branch falls through
    _, f = facts("(func block (br_if 0 (i32.const 1)) nop end)")
    assert f.dead == {}


@pytest.mark.parametrize(
    "jump",
    [
        "return",
        "unreachable",
        "br 0",
        "(br_table 0 0 (i32.const 1))",
        "(throw $t)",
        "(throw_ref (ref.null exn))",
        "(return_call $f)",
        "(return_call_indirect (i32.const 0))",
        "(return_call_ref $v (ref.null $v))",
    ],
)
def test_what_ends_control(jump: str) -> None:
    types = "(type $v (func)) (tag $t) (table 1 funcref)"
    names, f = facts(f"{types} (func $f block {jump} nop end)")
    assert f.dead == {names.index("nop"): names.index("nop") + 1}


def test_operand_types_that_the_row_does_not_tell() -> None:
    names, f = facts("(func (param f32) (drop (select (local.get 0) (local.get 0) (i32.const 1))))")
    assert f.types == {3: F32, 4: F32}
    names, f = facts("(func unreachable drop select drop)")
    assert f.types == {}
    text = """(func (param anyref externref (ref null i31)) (result i32)
        (drop (ref.is_null (local.get 0)))
        (drop (any.convert_extern (local.get 1)))
        (drop (extern.convert_any (local.get 2)))
        (drop (ref.test i31ref (local.get 0)))
        (drop (ref.cast (ref i31) (local.get 2)))
        (drop (ref.as_non_null (local.get 0)))
        (block $l (drop (br_on_null $l (local.get 2))))
        (ref.eq (local.get 2) (ref.null none)))"""
    names, f = facts(text)
    told = {names[i]: t for i, t in f.types.items() if names[i] != "drop"}
    assert told == {
        "ref.is_null": ANYREF,
        "any.convert_extern": EXTERNREF,
        "extern.convert_any": I31REF,
        "ref.test": ANYREF,
        "ref.cast": I31REF,
        "ref.as_non_null": ANYREF,
        "br_on_null": I31REF,
        "ref.eq": I31REF,
    }
    drops = [f.types[i] for i, name in enumerate(names) if name == "drop"]
    assert drops[1] is ANYREF
    assert drops[5] is ref(False, ANY)


def test_locals() -> None:
    _, f = facts("(func (param i32 i64) (local f32 f32) (local f64))")
    assert f.locals == [I32, I64, F32, F32, F64]


def test_locals_that_loops_assign() -> None:
    text = """(func (local i32 i32 i32 i32)
        (local.set 3 (i32.const 0))
        loop
          (local.set 0 (i32.const 0))
          loop
            (drop (local.tee 1 (i32.const 0)))
          end
          block
            (local.set 2 (i32.const 0))
          end
        end
        loop
        end)"""
    names, f = facts(text)
    loops = [i for i, name in enumerate(names) if name == "loop"]
    assert [f.assigned[i] for i in loops] == [{0, 1, 2}, {1}, set()]


def test_loops_that_nest_too_deeply_for_exact_sets() -> None:
    depth = 3000
    opens = "".join(f"loop (local.set {i} (i32.const 0))" for i in range(depth))
    text = f"(func (local{' i32' * depth}) {opens} {'end ' * depth})"
    names, f = facts(text)
    loops = [i for i, name in enumerate(names) if name == "loop"]
    assert f.assigned[loops[-1]] == {depth - 1}
    assert f.assigned[loops[0]] == set(range(depth))
    exact = {id(s): len(s) for s in f.assigned.values()}
    assert sum(exact.values()) < 4 * len(names) + 1000
    for k, i in enumerate(loops):
        assert f.assigned[i] >= {k, depth - 1}


def test_greatest_height() -> None:
    assert facts("(func)")[1].height == 0
    assert facts("(func (drop (i32.const 1)))")[1].height == 1
    deep = "(func (drop (i32.add (i32.const 1) (block (result i32) (i32.const 2)))))"
    assert facts(deep)[1].height == 2
    many = "(type $t (func (result i32 i32 i32))) (func (param i32) {} return)"
    call = "(call_indirect (type $t) (i32.const 0)) drop drop drop"
    assert facts(f"(table 1 funcref) {many.format(call)}")[1].height == 3
    pair = "(func (param i64) (i64.mul_wide_u (local.get 0) (local.get 0)) drop drop)"
    assert facts(pair)[1].height == 2
    dead = "(func unreachable block (result i32 i32 i32) unreachable end drop drop drop)"
    assert facts(dead)[1].height == 3


# --- the valid module


BAD_BODY = '(module (func) (func (export "f") (result i32)) (func (drop (i32.const 1))))'


def test_lazy_bodies_are_checked_when_asked_for() -> None:
    with pytest.raises(Invalid, match="function 1"):
        validate(parse(BAD_BODY))
    valid = validate(parse(BAD_BODY), lazy=True)
    assert valid.facts(0).height == 0
    assert valid.facts(2).height == 1
    for _ in range(2):
        with pytest.raises(Invalid, match="type mismatch"):
            valid.facts(1)


def test_lazily_read_bodies_may_be_malformed() -> None:
    good = bytes(encode(parse("(module (func (drop (i32.const 1))))")))
    at = good.index(b"\x41\x01\x1a")
    bad = good[:at] + b"\x41\x01\xff" + good[at + 3 :]
    with pytest.raises(Malformed):
        decode(bad)
    valid = validate(decode(bad, lazy=True), lazy=True)
    with pytest.raises(Malformed, match="illegal opcode"):
        valid.facts(0)
    with pytest.raises(Malformed, match="illegal opcode"):
        validate(decode(bad, lazy=True))


def test_facts_are_the_same_object_while_there_is_room() -> None:
    valid = validate(parse("(module (func) (func))"))
    assert valid.facts(0) is valid.facts(0)
    valid._room = 0
    small = validate(parse("(module (func))"), lazy=True)
    small._room = 0
    assert small.facts(0) is not small.facts(0)


#: whether mypyc compiled what is tested: then its constants are built in
COMPILED = not str(validation.__file__).endswith(".py")


@pytest.mark.skipif(COMPILED, reason="replaces a constant")
def test_large_modules_do_not_keep_their_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(encode(parse("(module (func nop nop) (func nop nop nop))")))
    module = decode(data, lazy=True)
    monkeypatch.setattr("wadjet.core.validate.module._KEPT", 3)
    valid = validate(module)
    assert module.codes[0]._body is not None
    assert module.codes[1]._body is None
    assert len(module.codes[1].body) == 4
    assert valid.facts(1).height == 0


def test_only_validation_makes_valid_modules() -> None:
    with pytest.raises(AssertionError):
        ValidModule(Context(Module(), ALL))


def test_types_of_a_valid_module() -> None:
    text = """(module
        (type $s (struct (field i32)))
        (type $f (func (param (ref $s))))
        (import "m" "f" (func (type $f)))
        (func (param i64)))"""
    valid = validate(parse(text))
    assert len(valid.types) == 3
    assert valid.func_types == [valid.types[1], valid.types[2]]
    comp = valid.types[1].comp
    assert isinstance(comp, FuncType)
    assert comp.params == (ref(False, valid.types[0]),)
    assert all(isinstance(t, DefType) for t in valid.types)
    assert valid.func_types[1].comp == FuncType((I64,), ())
