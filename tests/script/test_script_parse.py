"""What `.wast` text says."""

import pytest

from wadjet.base.errors import Malformed
from wadjet.core.types import F32, I32, I64, V128
from wadjet.script.ast import (
    AssertFails, AssertRejects, AssertReturn, Command, Const, Define, Either, FloatPattern, Get,
    Instantiate, Invoke, Perform, RefConst, Register, Thread, Unknown, VectorPattern, Wait,
)  # fmt: skip
from wadjet.script.parse import parse_script


def command(text: str) -> Command:
    """The only command of a script."""
    (made,) = parse_script(text).commands
    return made


def patterns(text: str) -> object:
    """The expected results of an assertion."""
    made = command(f'(assert_return (invoke "f") {text})')
    assert isinstance(made, AssertReturn)
    return made.expected


def test_modules() -> None:
    made = command("\n (module $m (func))")
    assert isinstance(made, Define)
    assert (made.line, made.definition) == (2, False)
    assert (made.source.form, made.source.name) == ("text", "m")
    made = command('(module definition $m binary "\\00asm" "\\01")')
    assert isinstance(made, Define)
    assert (made.definition, made.source.form, made.source.data) == (True, "binary", b"\0asm\1")
    made = command('(module quote "(func" ")")')
    assert isinstance(made, Define)
    assert (made.source.form, made.source.name, made.source.data) == ("quote", None, b"(func )")
    made = command("(func) (memory 1)")
    assert isinstance(made, Define)
    assert made.source.form == "fields"


def test_instances() -> None:
    assert command("(module instance $i $m)") == Instantiate("i", "m", line=1)
    assert command("(module instance $m)") == Instantiate(None, "m", line=1)
    assert command('(register "a")') == Register("a", None, line=1)
    assert command('(register "a" $i)') == Register("a", "i", line=1)


def test_actions() -> None:
    assert command('(get $i "g")') == Perform(Get("i", "g"), line=1)
    made = command('(invoke "f" (i32.const -1) (f32.const nan) (ref.null any) (ref.extern 7))')
    args: list[Const | RefConst] = [
        Const(I32, 0xFFFFFFFF),
        Const(F32, 0x7FC00000),
        RefConst("null", heap="any"),
    ]
    assert made == Perform(Invoke(None, "f", [*args, RefConst("extern", 7)]), line=1)
    with pytest.raises(Malformed, match="expected a constant"):
        parse_script('(invoke "f" (ref.func))')


def test_patterns() -> None:
    assert patterns("(i64.const 1) (v128.const i32x4 1 0 0 0)") == [Const(I64, 1), Const(V128, 1)]
    assert patterns("(f32.const nan:canonical)") == [FloatPattern(32, "nan:canonical")]
    assert patterns("(v128.const f64x2 nan:arithmetic 0)") == [
        VectorPattern(64, ["nan:arithmetic", 0])
    ]
    assert patterns("(ref) (ref.struct) (ref.null) (ref.host 3) (ref.func)") == [
        RefConst("any"),
        RefConst("struct"),
        RefConst("null"),
        RefConst("host", 3),
        RefConst("func"),
    ]
    assert patterns("(either (i32.const 1) (i32.const 2))") == [
        Either([Const(I32, 1), Const(I32, 2)])
    ]
    with pytest.raises(Malformed, match="wrong number of lane literals"):
        patterns("(v128.const f64x2 nan:canonical)")


@pytest.mark.parametrize("word", ["trap", "exhaustion", "exception", "suspension"])
def test_failures(word: str) -> None:
    made = command(f'(assert_{word} (invoke "f") "why")')
    assert made == AssertFails(Invoke(None, "f", []), word, "why", line=1)


@pytest.mark.parametrize(
    ("word", "how", "custom"),
    [
        ("malformed", "malformed", False),
        ("invalid", "invalid", False),
        ("unlinkable", "unlinkable", False),
        ("trap", "trap", False),
        ("malformed_custom", "malformed", True),
        ("invalid_custom", "invalid", True),
    ],
)
def test_rejections(word: str, how: str, custom: bool) -> None:
    made = command(f'(assert_{word} (module (nonsense)) "why")')
    assert isinstance(made, AssertRejects)
    assert (made.how, made.custom, made.message) == (how, custom, "why")


def test_threads() -> None:
    made = command('(thread $t (shared (module $m)) (register "m" $m) (invoke "f"))')
    assert isinstance(made, Thread)
    assert (made.name, made.shared, len(made.commands)) == ("t", ["m"], 2)
    assert command("(wait $t)") == Wait("t", line=1)


def test_unknown_commands_are_kept() -> None:
    first, second = parse_script('(spell (x))\n(register "a")').commands
    assert first == Unknown("spell", line=1)
    assert second.line == 2


@pytest.mark.parametrize("text", ["(", "(module", ")", "(assert_return)", "(thread)", "x"])
def test_no_script(text: str) -> None:
    with pytest.raises(Malformed):
        parse_script(text)
