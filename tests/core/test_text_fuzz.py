"""Damaged and hostile text is Malformed (or Invalid, for hints): nothing else, and soon."""

import contextlib
import random
import time

import pytest

from tests.corpora import corpora
from tests.damage import damage, spoil
from wadjet.base.errors import Invalid, Malformed
from wadjet.core.features import ALL, DEFAULT, Features
from wadjet.core.text import parse
from wadjet.core.text.lexer import tokenize
from wadjet.script.parse import parse_script

_MANY = 30_000
_ODD = (
    '( ) (@custom "x" (@name "x") (@metadata.code.branch_hint "\\01") $"a" " (; ;) $ 0x nan:0x1 '
    "-1 99999999999999999999 1e99999 end else (then (else (rec (type (sub (item (offset declare "
    '0 1 $x "\\ff" "\\u{d800}" ;; (@ \0 é offset=1 align=3 v128.const i32x4 (catch (do (try try '
    "delegate catch_all br_table select (result (param (local (memory (table (elem (data (export "
    "(import (start ref.null (ref (exact (shared (cont (descriptor (describes (pagesize i64 shared"
).split()


def modules() -> list[list[str]]:
    """The tokens of the smaller modules of a few scripts."""
    found = []
    folder = corpora("spec-core") / "core"
    names = (
        "block elem gc/struct gc/type-subtyping exceptions/try_table data annotations "
        "simd/simd_load8_lane memory64/table64 imports id if"
    ).split()
    for name in names:
        found += _modules_of((folder / f"{name}.wast").read_bytes())
    return found


def _modules_of(source: bytes) -> list[list[str]]:
    texts = tokenize(source).texts
    found, at = [], 0
    while texts[at]:
        start, depth = at, 0
        while texts[at]:
            depth += {"(": 1, ")": -1}.get(texts[at], 0)
            at += 1
            if depth == 0:
                break
        if texts[start + 1] == "module" and at - start < 1000:
            found.append(texts[start:at])
    return found


def verdict(source: str | bytes, features: Features) -> str:
    """Parse as a module and as a script: the message that rejects the module, if it is."""
    said = ""
    try:
        parse(source, features)
    except (Malformed, Invalid) as error:
        said = str(error)
    with contextlib.suppress(Malformed):
        parse_script(source)
    return said


def test_damaged_modules() -> None:
    rng = random.Random(20)
    sources = modules()
    assert len(sources) > 200
    pool = [token for tokens in sources for token in tokens]
    rejected, tried, end = 0, 0, time.monotonic() + 8
    while tried < 12_000 and time.monotonic() < end:
        damaged = " ".join(damage(rng, rng.choice(sources), pool, _ODD))
        text = spoil(rng, damaged, '()"\\$;@ \n0azx_-+.{}\0\x7f\ud800é=')
        given = text if rng.random() < 0.5 else text.encode("utf-8", "surrogatepass")
        tried += 1
        rejected += bool(verdict(given, rng.choice((ALL, DEFAULT))))
    assert tried > 1000
    assert rejected > tried // 2


@pytest.mark.parametrize(
    "source",
    [
        "(module (func " + "(block " * _MANY + ")" * _MANY + "))",
        "(module (func " + "(block " * _MANY,
        "(func block $o " + "block $l " * _MANY + "br $o " * _MANY + "end " * _MANY + "end)",
        "(module (func " + "(i32.add " * _MANY + ")" * _MANY + "))",
        "(module (func " + "(if (then " * _MANY + "))" * _MANY + "))",
        "(" * _MANY,
        "(module (func " + "(" * _MANY,
        "(;" * _MANY + ";)" * _MANY,
        "(@a " * _MANY + ")" * _MANY,
        "(@a " + "(" * _MANY + ")" * _MANY + ")",
        "(module " + "(@x) (func (@y) nop)" * _MANY + ")",
        "(func " + '(@metadata.code.branch_hint "\\00") (if (i32.const 0) (then))' * _MANY + ")",
        "(module " + "(type (func))" * _MANY + ")",
        "(module (func " + "(local i32)" * _MANY + "))",
        "(module (func (br_table " + "0 " * _MANY + ")))",
        "(module (func (i32.const " + "1" * _MANY * 10 + ")))",
        "(module (func (f32.const 1.00000005960464477539062500" + "0" * _MANY * 10 + "1)))",
        "(module (func (f64.const 1e" + "9" * _MANY * 10 + ")))",
        "(module (func $" + "a" * _MANY * 10 + "))",
        '(module (data "' + "\\00" * _MANY + '\\z"))',
        "\n" * _MANY * 10 + "(",
        ";" * _MANY,
        'a"b"' * _MANY,
        '(module (data "\\u{' + "0" * _MANY + '41}"))',
    ],
    ids=range(24),
)  # fmt: skip
def test_hostile_text(source: str) -> None:
    start = time.process_time()
    assert len(verdict(source, ALL)) < 1000
    assert time.process_time() - start < 5
