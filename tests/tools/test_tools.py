"""The static tools: every byte accounted for, and nothing run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.everything import everything
from tests.corpora import corpora, workloads
from wadjet.base.errors import Malformed
from wadjet.core.binary import decode, encode
from wadjet.core.features import ALL
from wadjet.core.text import parse
from wadjet.tools.hexdump import hexdump
from wadjet.tools.metadata import Dylink, dylink, metadata, producers, target_features
from wadjet.tools.objdump import Dump, describe
from wadjet.tools.outline import outline
from wadjet.tools.strip import strip

PRODUCERS = b"\1\x0cprocessed-by\1\5clang\x0621.1.0"
FEATURES = b"\2+\x0bbulk-memory-\7atomics"
DYLINK = b"\1\5\x80\1\2\0\2\2\6\1\4libc"


def binary(source: str) -> bytes:
    return encode(parse(source, ALL), names=True)


def dump(data: bytes) -> Dump:
    return Dump(decode(data, ALL, lazy=True), data)


def programs() -> list[Path]:
    paths = [
        *sorted(workloads().rglob("*.wasm")),
        *sorted(corpora("wasi-testsuite").rglob("*.wasm")),
    ]
    return [p for p in paths if p.read_bytes()[:8] == b"\0asm\1\0\0\0"]


# outline


def test_outline_covers_every_byte() -> None:
    for data in (path.read_bytes() for path in programs()):
        at = 8
        for entry in outline(data):
            assert entry.head == at
            assert entry.head < entry.start
            at = entry.end
        assert at == len(data)


def test_outline() -> None:
    data = binary('(module (func) (func) (@custom "x" (after type) "data"))')
    names = [(e.title, e.count) for e in outline(data)]
    assert names == [("type", 1), ('custom "x"', None), ("function", 2), ("code", 2)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0as",
        b"(module)",
        b"\0asm\r\0\1\0",
        b"\0asm\1\0\0\0\1",
        b"\0asm\1\0\0\0\1\0",
        b"\0asm\1\0\0\0\1\0\1\1\0",
        b"\0asm\1\0\0\0\0\1\5",
        b"\0asm\1\0\0\0\0\2\1\xff",
        b"\0asm\1\0\0\0\x0e\0",
        b"\0asm\1\0\0\0\1\xff\xff\xff\xff\x0f",
    ],
)
def test_outline_of_damage(data: bytes) -> None:
    with pytest.raises(Malformed):
        outline(data)
    with pytest.raises(Malformed):
        strip(data)


# strip

CUSTOMS = """
(module $m
  (@custom "producers" (before first) "")
  (@custom "component-type:world" (after type) "a")
  (@custom ".debug_info" (after func) "b")
  (@custom "dylink.0" (after func) "c")
  (func $f))
"""


def customs(data: bytes) -> list[str]:
    return [e.custom for e in outline(data) if e.custom is not None]


def test_strip() -> None:
    data = binary(CUSTOMS)
    assert customs(strip(data)) == ["component-type:world", "dylink.0", "name"]
    assert customs(strip(data, everything=True)) == []
    assert customs(strip(data, everything=True, keep=["name"])) == ["name"]
    assert customs(strip(data, delete=[r"^\.debug", "prod"])) == customs(strip(data))
    assert strip(data, delete=["nothing like it"]) == data


def test_what_is_not_stripped_stays_as_it_was() -> None:
    for data in (path.read_bytes() for path in programs()):
        kept = strip(data, everything=True)
        assert outline(kept) == [] or all(e.custom is None for e in outline(kept))
        sections = [data[e.head : e.end] for e in outline(data) if e.custom is None]
        assert kept == data[:8] + b"".join(sections)


# metadata


def test_metadata() -> None:
    assert producers(PRODUCERS) == {"processed-by": [("clang", "21.1.0")]}
    assert target_features(FEATURES) == ["+bulk-memory", "-atomics"]
    assert dylink(DYLINK) == Dylink(memory=(128, 2), table=(0, 2), needed=["libc"])


@pytest.mark.parametrize("read", [producers, target_features, dylink])
@pytest.mark.parametrize("data", [PRODUCERS, FEATURES, DYLINK])
def test_metadata_of_damage(read: object, data: bytes) -> None:
    assert callable(read)
    for size in range(len(data)):
        for damaged in (data[:size], data[:size] + b"\xff" + data[size + 1 :]):
            try:
                read(damaged)
            except Malformed:
                continue


def test_metadata_of_a_module() -> None:
    module = parse('(module $m (func $f (param $x i32)) (@custom "producers" "\\ff"))')
    found = metadata(module)
    assert (found.name, found.named) == ("m", {"functions": 1, "locals": 1})
    assert list(found.broken) == ["producers"]


# objdump


@pytest.mark.parametrize("part", ["headers", "details", "contents", "disassembly"])
def test_everything_is_shown(part: str) -> None:
    data = encode(everything())
    lines = list(getattr(dump(data), part)())
    assert len(lines) > 10
    assert all("\n" not in line for line in lines)


ROW = re.compile(r" ([0-9a-f]+): ((?:[0-9a-f]{2} )+) *\| ?(.*)")


def test_disassembly_shows_every_byte_of_code() -> None:
    paths = [path for path in programs() if path.stat().st_size < 100_000]
    assert len(paths) > 50
    for path in paths[::4]:
        data = path.read_bytes()
        shown = dump(data)
        rows = [ROW.match(line) for line in shown.disassembly()]
        found = {int(row[1], 16): bytes.fromhex(row[2]) for row in rows if row}
        for code in shown.module.codes:
            at = code.start
            while at < code.start + code.size:
                piece = found[at]
                assert data[at : at + len(piece)] == piece
                at += len(piece)
            assert at == code.start + code.size


def test_disassembly_of_one_function() -> None:
    data = binary('(module (func $a) (func $b (nop)) (func (export "c") (call $b)))')
    shown = dump(data)
    assert [line for line in shown.disassembly(["b"]) if "func" in line] == [
        "000022 func[1] <b> (type 0):"
    ]
    assert any("call 1 <b>" in line for line in shown.disassembly(["2"]))
    assert list(shown.disassembly(["2"])) == list(shown.disassembly(["c"]))
    assert list(shown.disassembly(["nothing"])) == []


def test_contents_show_every_byte() -> None:
    data = binary(CUSTOMS)
    rows = [line for line in dump(data).contents() if re.match(r"[0-9a-f]{8}: ", line)]
    shown = b"".join(bytes.fromhex(row[10:49]) for row in rows)
    assert shown == b"".join(data[e.start : e.end] for e in outline(data))


def test_describe_is_json() -> None:
    import json

    data = encode(everything())
    found = json.loads(json.dumps(describe(dump(data))))
    assert [s["id"] for s in found["sections"] if not s["custom"]] == [
        1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11,
    ]  # fmt: skip
    assert len(found["functions"]) == 3


def test_hexdump() -> None:
    assert list(hexdump(b"0123456789abcdef\0\xff", 16)) == [
        "00000010: 3031 3233 3435 3637 3839 6162 6364 6566  0123456789abcdef",
        "00000020: 00ff                                     ..",
    ]
    assert list(hexdump(bytes(40), most=16))[1:] == ["       …  24 more bytes"]
    assert list(hexdump(b"")) == []


def test_tools_need_no_engine() -> None:
    code = "import sys, wadjet.tools.objdump, wadjet.tools.strip, wadjet.tools.metadata; "
    code += (
        "print([m for m in sys.modules if m.startswith(('wadjet.engine', 'wadjet.api', 'llvm'))])"
    )
    path = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=path)
    assert run.stdout.strip() == b"[]"
