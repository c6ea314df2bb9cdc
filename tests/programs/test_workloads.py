"""Programs that real compilers made, run for their output: C, C++, Rust, Go, Zig, Kotlin."""

import lzma
import shutil
from pathlib import Path
from typing import Any

import pytest

import wadjet
from bench.workloads import folder, programs
from tests.corpora import workloads
from tests.switching import SWITCHING_LONG
from wadjet.core.features import DEFAULT

_TIERS = ("baseline", "optimizing", "auto", *SWITCHING_LONG)
#: Kotlin and the programs of `bench` say what they must print in the manifest.
_KINDS = ("bench", "gc") if folder().is_dir() else ()
_PRINTING = [(kind, program) for kind in _KINDS for program in programs(kind)]
_SODIUM = sorted((folder() / "sodium").glob("*.wasm"))


def _run(wasm: bytes, tier: str, *args: str, **kwargs: Any) -> wadjet.Result:
    return wadjet.run(wasm, list(args), tier=tier, limits=wadjet.Limits(seconds=600), **kwargs)


@pytest.mark.slow
@pytest.mark.suite("workloads: bench and gc")
@pytest.mark.parametrize("tier", _TIERS)
@pytest.mark.parametrize(("kind", "program"), _PRINTING, ids=[p.name for _, p in _PRINTING])
def test_a_program_prints_what_it_should(kind: str, program: Any, tier: str) -> None:
    result = _run(program.wasm.read_bytes(), tier, *program.args, dirs=program.dirs)
    program.check(_Outcome(result.returncode, result.stdout))


class _Outcome:
    """What `Program.check` looks at."""

    def __init__(self, code: int, stdout: bytes) -> None:
        self.code = code
        self.stdout = stdout


@pytest.mark.slow
@pytest.mark.suite("workloads: sodium")
@pytest.mark.parametrize("tier", _TIERS)
@pytest.mark.parametrize("wasm", _SODIUM, ids=[p.stem for p in _SODIUM])
def test_a_program_of_libsodium(wasm: Path, tier: str, tmp_path: Path) -> None:
    expected = wasm.with_suffix(".exp")
    shutil.copy(expected, tmp_path)
    result = _run(wasm.read_bytes(), tier, dirs={".": tmp_path})
    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / f"{wasm.stem}.res").read_bytes() == expected.read_bytes()


@pytest.mark.parametrize("tier", _TIERS)
def test_rust(tier: str, tmp_path: Path) -> None:
    base = workloads()
    wasm = (base / "lang/rs_mix.wasm").read_bytes()
    (tmp_path / "w").mkdir()
    result = _run(wasm, tier, "/w", dirs={"/": tmp_path}, stdin=b"hello world")
    assert result.returncode == 0, result.stderr
    assert result.stdout == (base / "expect/rs_mix.out").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("tier", _TIERS)
def test_go(tier: str, tmp_path: Path) -> None:
    base = workloads()
    wasm = lzma.decompress((base / "lang/go_mix.wasm.xz").read_bytes())
    (tmp_path / "w").mkdir()
    result = _run(wasm, tier, "/w", dirs={"/": tmp_path})
    assert result.returncode == 0, result.stderr
    assert result.stdout == (base / "expect/go_mix.out").read_bytes()


@pytest.mark.parametrize("tier", _TIERS)
def test_zig_with_and_without_vectors(tier: str) -> None:
    base = workloads() / "lang"
    plain, simd = (
        _run((base / f"{name}.wasm").read_bytes(), tier) for name in ("zig_mix", "zig_mix_simd")
    )
    assert plain.returncode == simd.returncode == 0
    assert plain.stderr
    assert plain.stderr == simd.stderr


@pytest.mark.parametrize("tier", _TIERS)
def test_programs_published_with_exceptions(tier: str) -> None:
    """icepll computes clock settings; icepack refuses an empty description with an exception."""
    base = workloads() / "prebuilt"
    pll = _run((base / "icepll.wasm").read_bytes(), tier, "-i", "12", "-o", "60")
    assert pll.returncode == 0, pll.stderr
    assert b"F_PLLOUT:   60.000 MHz (achieved)" in pll.stdout
    pack = _run((base / "icepack.wasm").read_bytes(), tier, stdin=b"")
    assert pack.returncode == 1
    assert pack.stderr.startswith(b"Error: ")


_FEATURES = ("z_simd", "z_relaxed", "z_tail", "z_mv", "z_noeh", "z_strip", "z_eh_new", "z_sjlj_new")
_LEGACY = ("z_eh_legacy", "z_sjlj")


@pytest.mark.parametrize("tier", _TIERS)
@pytest.mark.parametrize("name", _FEATURES + _LEGACY)
def test_a_feature_works_as_the_compiler_uses_it(name: str, tier: str) -> None:
    """These check themselves, and print what they found."""
    features = DEFAULT | {"legacy-exceptions"} if name in _LEGACY else DEFAULT
    module = wadjet.Module.from_file(workloads() / f"features/{name}.wasm", features=features)
    result = wadjet.run(module, tier=tier)
    assert result.returncode == 0, result.stderr
    assert result.stdout
