"""The tables of WASI 0.1 against the standard's own text."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import corpora
from wadjet.wasi.p1 import abi
from wadjet.wasi.p1.functions import P1, Unstable

Tree = list[Any]


def _parse(text: str) -> Tree:
    """S-expressions as nested lists."""
    tokens = re.findall(r"\(|\)|\"[^\"]*\"|[^\s()]+", re.sub(r";;.*", "", text))
    stack: list[Tree] = [[]]
    for token in tokens:
        if token == "(":
            stack.append([])
        elif token == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    return stack[0]


def _witx(edition: str) -> tuple[dict[str, Tree], dict[str, Tree]]:
    """The types and the functions of one edition."""
    folder = corpora("wasi-wit") / "wasi-0.1" / edition / "witx"
    main = next(p for p in folder.glob("wasi_*.witx"))
    types = {t[1]: t[2] for t in _parse(_text(folder / "typenames.witx")) if t[0] == "typename"}
    module = next(t for t in _parse(_text(main)) if t[0] == "module")
    functions = {}
    for item in module:
        if item[:1] == ["@interface"]:
            functions[item[2][1].strip('"')] = item[3:]
    return types, functions


def _text(path: Path) -> str:
    return path.read_text()


class _Layout:
    """Sizes, alignments and offsets, as the standard's ABI has them."""

    def __init__(self, types: dict[str, Tree]) -> None:
        self.types = types

    def of(self, t: Any) -> tuple[int, int]:
        """Size and alignment of a type."""
        if isinstance(t, str) and t.startswith("$"):
            return self.of(self.types[t])
        if isinstance(t, str):
            size = int(t[1:]) // 8
            return size, size
        if t[0] == "enum":
            return self.of(t[1][2])
        if t[0] == "flags":
            return self.of(t[1][2])
        if t[0] == "record":
            *_, (_, end, alignment) = [("", 0, 1), *self.fields(t)]
            return end, alignment
        if t[0] == "union":
            cases = [self.of(case) for case in t[2:]]
            alignment = max([a for _, a in cases])
            return _round(alignment + max(s for s, _ in cases), alignment), alignment
        return 4, 4  # handles and pointers

    def fields(self, t: Tree) -> Iterator[tuple[str, int, int]]:
        """Name, offset and alignment so far of each field; lastly the end of the record."""
        at, most = 0, 1
        for _, name, kind in t[1:]:
            size, alignment = self.of(kind)
            at, most = _round(at, alignment), max(most, alignment)
            yield name, at, most
            at += size
        yield "end", _round(at, most), most

    def core(self, t: Any) -> str:
        """The core type of a parameter."""
        if t == "string" or (isinstance(t, list) and t[0] == "list"):
            return "ii"
        if isinstance(t, str) and t.startswith("$"):
            return self.core(self.types[t])
        return "I" if self.of(t)[0] == 8 else "i"


def _round(at: int, alignment: int) -> int:
    return -(-at // alignment) * alignment


@pytest.mark.parametrize(("edition", "kind"), [("preview1", P1), ("preview0", Unstable)])
def test_every_function_has_the_standards_signature(edition: str, kind: type[P1]) -> None:
    types, functions = _witx(edition)
    layout = _Layout(types)
    expected = {}
    for name, parts in functions.items():
        params = "".join(layout.core(p[2]) for p in parts if p[0] == "param")
        result = next((p[2] for p in parts if p[0] == "result"), None)
        if result is not None:
            outs = [r for r in result[1:] if r[0] != "error"]
            for out in outs:
                params += "i" * (len(out) - 1 if out[0] == "tuple" else 1)
        expected[name] = (params, "" if result is None else "i")
    letters = {"i32": "i", "i64": "I"}
    made = object.__new__(kind).functions()
    got = {
        name: ("".join(letters[repr(t)] for t in ft.params), "i" * len(ft.results))
        for name, (ft, _) in made.items()
    }
    assert got == expected
    assert len(got) == (46 if kind is P1 else 45)


@pytest.mark.parametrize("edition", ["preview1", "preview0"])
def test_numbers_and_bits(edition: str) -> None:
    types, _ = _witx(edition)
    assert [n[1:] for n in types["$errno"][2:]] == abi.ERRNO_NAMES
    rights = [n[1:] for n in types["$rights"][2:]]
    assert rights == abi.RIGHTS_NAMES[: len(rights)]
    assert [n.upper() for n in abi.RIGHTS_NAMES] == [
        n for n in vars(abi.Right) if n.isupper() and n != "ALL"
    ]
    for i, name in enumerate(abi.RIGHTS_NAMES):
        assert getattr(abi.Right, name.upper()) == 1 << i
    signals = [n[1:] for n in types["$signal"][2:]]
    assert len(signals) == abi.LAST_SIGNAL + 1
    assert {signals[i] for i in abi.IGNORED_SIGNALS} == {
        "none", "pipe", "chld", "cont", "urg", "winch",
    }  # fmt: skip
    assert {signals[i] for i in abi.STOPPING_SIGNALS} == {"stop", "tstp", "ttin", "ttou"}
    advice = [n[1:].replace("_", "") for n in types["$advice"][2:]]
    assert [a.name.replace("_", "").lower() for a in abi.ADVICE] == advice
    names = {name: i for i, name in enumerate(n[1:] for n in types["$filetype"][2:])}
    swapped = {"socket_datagram": "socket_dgram", "fifo": "unknown"}
    for kind, number in abi.FILETYPE.items():
        name = kind.name.lower()
        assert names[swapped.get(name, name)] == number
    whence = [n[1:] for n in types["$whence"][2:]]
    table = abi.WHENCE if edition == "preview1" else abi.UNSTABLE_WHENCE
    assert [{"set": 0, "cur": 1, "end": 2}[n] for n in whence] == list(table)


@pytest.mark.parametrize("edition", ["preview1", "preview0"])
def test_layouts(edition: str) -> None:
    types, _ = _witx(edition)
    layout = _Layout(types)
    first = edition == "preview1"
    filestat = abi.FILESTAT if first else abi.UNSTABLE_FILESTAT
    for name, record in (
        ("$fdstat", abi.FDSTAT), ("$filestat", filestat), ("$event", abi.EVENT),
        ("$prestat", abi.PRESTAT), ("$size", abi.SIZE), ("$timestamp", abi.WORD),
        ("$roflags", abi.HALF),
    ):  # fmt: skip
        assert layout.of(name) == (record.size, record.alignment), name
    assert layout.of("$dirent") == (abi.DIRENT.size, 8)
    assert layout.of("$iovec")[0] == abi.IOVEC.size
    size = abi.SUBSCRIPTION_SIZE if first else abi.UNSTABLE_SUBSCRIPTION_SIZE
    assert layout.of("$subscription") == (size, 8)
    offsets = {n: at for n, at, _ in layout.fields(types["$subscription_clock"])}
    # the clock's fields come after userdata (8) and the tag, padded to 8
    assert offsets["$id"] + 16 == (abi.CLOCK_AT if first else abi.UNSTABLE_CLOCK_AT)
    assert [offsets[n] - offsets["$id"] for n in ("$timeout", "$precision", "$flags")] == [
        8,
        16,
        24,
    ]


def _offsets(record: abi.Record, count: int) -> list[int]:
    """Where a record's fields begin: set one at a time to all ones."""
    starts = []
    for i in range(count):
        data = bytearray(record.size)
        record.pack_into(data, 0, *(1 if j == i else 0 for j in range(count)))
        starts.append(data.index(1))
    return starts


@pytest.mark.parametrize("edition", ["preview1", "preview0"])
def test_fields(edition: str) -> None:
    types, _ = _witx(edition)
    layout = _Layout(types)
    filestat = abi.FILESTAT if edition == "preview1" else abi.UNSTABLE_FILESTAT
    for name, record, count in (("$fdstat", abi.FDSTAT, 4), ("$filestat", filestat, 8)):
        expected = [at for n, at, _ in layout.fields(types[name]) if n != "end"]
        assert _offsets(record, count) == expected, name
    assert _offsets(abi.EVENT, 5) == [0, 8, 10, 16, 24]
