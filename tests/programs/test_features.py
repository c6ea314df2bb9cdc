"""Real programs for one feature each, and what they print; in both tiers where that is quick."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

import wadjet
from tests.cli.process import ENV, WADJET
from tests.corpora import workloads
from tests.switching import SWITCHING

TIERS = ("interpreter", "baseline", "optimizing", *SWITCHING)
#: program → what it prints
PRINTS = {
    "z_strip": "hello 1\n",
    "z_mv": "hello 1\n",
    "z_simd": "16.000000\n",
    "z_relaxed": "20.000000\n",
    "z_tail": "15000002\n",
    "z_noeh": "499500\n",
    "z_eh_new": "caught boom 1\n",
    "z_eh_legacy": "caught boom 1\n",
    "z_sjlj": "r=5\n",
    "z_sjlj_new": "r=5\n",
}
#: what they need beyond the default
FEATURES = {"z_eh_legacy": "legacy-exceptions", "z_sjlj": "legacy-exceptions"}
#: interpreted, this makes ten million calls
LONG = {"z_tail"}


def _cases() -> list[Any]:
    return [
        pytest.param(name, tier, id=f"{name}-{tier}")
        for name in PRINTS
        for tier in TIERS
        if name not in LONG or tier != "interpreter"
    ]


def _program(name: str) -> Path:
    return workloads() / "features" / f"{name}.wasm"


@pytest.mark.suite("programs by feature")
@pytest.mark.parametrize(("name", "tier"), _cases())
def test_program(name: str, tier: str) -> None:
    result = wadjet.run(_program(name), tier=tier, features=FEATURES.get(name))
    assert result.stdout.decode() == PRINTS[name]
    assert result.returncode == 0


def _command(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*WADJET, *words], env=ENV, capture_output=True, text=True, check=False)


def test_from_the_command_line() -> None:
    path = str(_program("z_eh_legacy"))
    done = _command("run", "--features", "legacy-exceptions", path)
    assert (done.returncode, done.stdout) == (0, "caught boom 1\n")
    refused = _command("run", path)
    assert refused.returncode == 1
    assert "legacy-exceptions" in refused.stderr


def test_features_are_those_of_the_module() -> None:
    module = wadjet.Module.from_text('(module (func (export "_start")))')
    assert wadjet.run(module).returncode == 0
    with pytest.raises(TypeError, match="features"):
        wadjet.run(module, features="simd")


@pytest.mark.parametrize("tier", TIERS)
def test_memory64(tier: str) -> None:
    """Above four gigabytes, if the machine lends so much address space."""
    module = wadjet.Module.from_file(_program("m64"))
    exports = wadjet.Instance(module, tier=tier).exports
    assert exports.ptrsize() == 8
    top = 1 << 33
    if exports.grow(top >> 16) < 0:
        pytest.skip("the machine has no room for a memory of eight gigabytes")
    exports.poke(top, 0x0102030405060708)
    assert exports.peek(top) == 0x0102030405060708
    assert exports.sum(top - 1, 9) == sum(range(9))
    with pytest.raises(wadjet.Trap, match="out of bounds memory"):
        exports.peek(top + (1 << 16))
    with pytest.raises(wadjet.Trap, match="out of bounds memory"):
        exports.peek(-1)


@pytest.mark.parametrize("tier", TIERS)
def test_assemblyscript(tier: str) -> None:
    def abort(*_: int) -> None:
        raise AssertionError("the program aborts")

    module = wadjet.Module.from_file(_program("as_mix"))
    exports = wadjet.Instance(module, {"env": {"abort": abort}}, tier=tier).exports
    assert exports.fib(15) == 610
    lengths = sum((i * i + (i + 1) ** 2) ** 0.5 for i in range(100))
    assert exports.run(100) == pytest.approx(lengths, rel=1e-12)
    assert exports.sum(100) == sum(i for i in range(100) if i % 17 == 3)
    assert exports.simd(7) == 28


@pytest.mark.parametrize("tier", TIERS)
def test_javascript(tier: str) -> None:
    """Through porffor: numbers as f64 with their type, exceptions by a tag."""
    out: list[str] = []
    imports = {"": {"a": lambda x: out.append(f"{x:g}"), "b": lambda x: out.append(chr(int(x)))}}
    features = wadjet.Module("(module)").features | {"legacy-exceptions"}
    module = wadjet.Module.from_file(_program("porffor"), features=features)
    exports = wadjet.Instance(module, imports, tier=tier).exports
    assert exports.m() == (0.0, 0)
    assert "".join(out) == "\x1b[33m75025\x1b[0m\n\x1b[33m270\x1b[0m\ncaught x\n"
