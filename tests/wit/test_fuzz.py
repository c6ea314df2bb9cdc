"""Damaged and hostile WIT is Malformed or Invalid: nothing else, and soon."""

import contextlib
import random
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.corpora import corpora
from tests.damage import damage, spoil
from wadjet.base.errors import Invalid, Malformed
from wadjet.wit import dependencies, print_package, resolve, to_json
from wadjet.wit.lexer import Source, tokenize

_MANY = 4_000
_WORDS = (
    "package interface world use include with as import export %x x a:b a:b/c a:b/c@1.0.0 { } ( ) "
    "< > -> , ; : . @ / * % _ 1 0.1.0 @1.0.0-rc.1 func async static constructor resource record "
    "variant enum flags type option<u8> list<u8,4> list< map<string, result tuple<> future stream "
    'own<x> borrow<x> error-context u8 float32 // /* */ /** /// " "a" "\\u{1}" "\\ff" é \0 '
    "@since(version=1.0.0) @unstable(feature=active) @unstable(feature=x) @deprecated "
    '@external-id("a") \ufeff \ud800 r t i w v foo bar'
)
_ODD = [f" {word}" for word in _WORDS.split(" ")]


def texts() -> list[list[str]]:
    """The tokens, each with what stands before it, of files of some suites that mean something
    without other files."""
    found = []
    for suite in ("wit-parser-ui", "wit-bindgen-codegen", "wit-component-encoding"):
        for path in sorted(corpora(suite).rglob("*.wit")):
            source = Source(path.name, path.read_text())
            if 50 < len(source.text) < 5_000:
                with contextlib.suppress(Malformed, Invalid):
                    resolve(path, {"active"})
                    ends = tokenize(source).ends[:-2]
                    found.append([source.text[i:j] for i, j in pairwise([0, *ends])])
    return found


def disturb(rng: random.Random, tokens: list[str]) -> str:
    """Put names and types in each other's place, or leave out whole lines: often it still means
    something, though something else."""
    tokens = list(tokens)
    alike = [at for at, token in enumerate(tokens) if token.strip().strip("%-").isidentifier()]
    for _ in range(rng.choice((1, 1, 2, 3))):
        if alike and rng.random() < 0.7:
            at, other = rng.choice(alike), rng.choice(alike)
            word = rng.choice((tokens[other].strip(), "u8", "list<u8>", "string", "x", "own<r>"))
            tokens[at] = f" {word}"
            continue
        lines = "".join(tokens).split("\n")
        at = rng.randrange(len(lines))
        other = rng.randrange(len(lines))
        if rng.random() < 0.5:
            del lines[at]
        else:
            lines[at], lines[other] = lines[other], lines[at]
        return "\n".join(lines)
    return "".join(tokens)


def test_damaged_packages() -> None:
    rng = random.Random(20261120)
    originals = texts()
    assert len(originals) > 200
    meant = 0
    for _ in range(_MANY):
        tokens = rng.choice(originals)
        text = disturb(rng, tokens)
        if rng.random() < 0.5:
            damaged = damage(rng, tokens, rng.choice(originals), _ODD)
            text = spoil(rng, "".join(damaged), '{}<>"\\;:@. \n0azA_-%/*\0\x7f\ud800é')
        try:
            found = resolve({"x.wit": text}, {"active"})
        except (Malformed, Invalid):
            continue
        meant += 1
        to_json(found)
        printed = print_package(found, found.main, dependencies(found, found.main))
        again = resolve({"x.wit": printed}, {"active"})
        assert print_package(again, again.main, dependencies(again, again.main)) == printed, text
    assert meant > _MANY // 20


def test_any_characters() -> None:
    rng = random.Random(1)
    alphabet = 'package a:b;{}()<>@"%\\/*- \n\0é☃'
    for _ in range(2_000):
        text = "".join(rng.choices(alphabet, k=rng.randrange(40)))
        with contextlib.suppress(Malformed, Invalid):
            resolve({"x.wit": text})
        with contextlib.suppress(Malformed, Invalid):
            resolve({"x.wit": text.encode("utf-8", "replace")[::-1]})


def chain(n: int, first: str, link: str, last: str = "") -> str:
    """`link` n times, with the numbers i and j = i + 1."""
    links = (link.replace("$i", str(i)).replace("$j", str(i + 1)) for i in range(n))
    return f"package a:b;{first}{''.join(links)}{last.replace('$n', str(n))}"


#: names of what grows → a text of size n
HOSTILE: dict[str, Callable[[int], str]] = {
    "open comments": lambda n: "/*" * 50 * n,
    "nested comments": lambda n: f"package a:b;{'/*' * 20 * n}{'*/' * 20 * n}",
    "nested types": lambda n: "package a:b; interface i { type t = " + "list<" * 20 * n,
    "nested tuples": lambda n: "package a:b; interface i { type t = " + "tuple<" * 20 * n,
    "nested packages": lambda n: "package a:b {" * 10 * n,
    "names": lambda n: f"package {'a-' * 50 * n}a:b;",
    "versions": lambda n: f"package a:b@1.0.0-{'0' * 50 * n};",
    "strings": lambda n: 'package a:b; world w { @external-id("' + "\\u{41}" * 20 * n + '") use',
    "quotes": lambda n: '"' * 50 * n,
    "docs": lambda n: "/// x\n" * 20 * n + "package a:b;",
    "aliases": lambda n: chain(n, "interface i { ", "type t$i = t$j;", "type t$n = u8; }"),
    "cycle": lambda n: chain(n, "interface i { ", "type t$i = t$j;", "type t$n = t0; }"),
    "handles": lambda n: chain(
        n, "interface i { resource r0; ", "type r$j = r$i; g$i: func(a: r$i) -> list<r$i>;", "}"
    ),
    "fields": lambda n: chain(5 * n, "interface i { record r { ", "a$i: u8,", "} }"),
    "interfaces": lambda n: chain(
        n,
        "interface i0 { type t = u8; }",
        "interface i$j { use i$i.{t}; }",
        "world w { import i$n; } world v { export i$n; }",
    ),
    "packages": lambda n: chain(
        n,
        "package a:p0 { interface i { type t = u8; } }",
        "package a:p$j { interface i { use a:p$i/i.{t}; } }",
    ),
    "includes": lambda n: (
        chain(n, "", "world w$i { import g$i: func(); }", "")
        + "world w {"
        + "".join(f"include w{i};" for i in range(n))
        + "}"
    ),
    "included types": lambda n: chain(
        n, "world v { type t0 = u8; ", "type t$j = list<t$i>;", "} world w { include v; }"
    ),
    "renames": lambda n: (
        "package a:b; world v {"
        + "".join(f"import g{i}: func();" for i in range(n))
        + "} world w { include v with {"
        + "".join(f"g{i} as h{i}," for i in range(n))
        + "} }"
    ),
}


def seconds(text: str) -> float:
    start = time.process_time()
    with contextlib.suppress(Malformed, Invalid):
        resolve({"x.wit": text})
    return time.process_time() - start


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_in_proportion(name: str) -> None:
    text = HOSTILE[name]
    small = min(seconds(text(500)) for _ in range(2))
    large = min(seconds(text(2_000)) for _ in range(2))
    assert large < 10 * small + 0.1, f"four times the text took {large / small:.0f} times as long"


@pytest.mark.parametrize(
    "link",
    [
        "world w$j { include w$i; import g$j: func(); }",
        "interface i$j { use i$i.{t}; } world w$j { import i$j; }",
    ],
)
def test_what_multiplies_is_limited(link: str) -> None:
    text = chain(2_000, "interface i0 { type t = u8; } world w0 {}", link)
    with pytest.raises(Invalid, match="too large"):
        resolve({"x.wit": text})
