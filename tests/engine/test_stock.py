"""Objects that are made before the first start: what is among them, when they are used."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from wadjet.core.types import FuncType, F64, I32
from wadjet.engine.baseline.selection import NEEDS
from wadjet.engine.baseline.vectors import NEED
from wadjet.engine.emit.llvmtypes import signature
from wadjet.engine.emit.processors import needs
from wadjet.engine.llvm.target import host_target
from wadjet.engine.runtime.loader import Object
from wadjet.engine.runtime.machine import unsupported
from wadjet.engine.tiers import stock, stocking
from wadjet.engine.tiers.processor import NAMED, architecture, host_settings
from wadjet.engine.tiers.stock import Stock, packed
from wadjet.wasi.p1.abi import SIGNATURES

pytestmark = pytest.mark.skipif(bool(unsupported()), reason="has no native tier")

WANTED = [FuncType((I32,), (I32,)), FuncType((F64, F64), (F64,)), FuncType((), ())]

#: Doors in and out, a row, a trap, a throw of a tag that is not the first; what is not in stock is
#: nowhere.
PROGRAM = """
import sys, wadjet
from pathlib import Path
from wadjet.engine.tiers import stock
stock.PLACE = Path(sys.argv[1])
module = wadjet.Module.from_text('''(module
  (import "host" "twice" (func $twice (param i32) (result i32)))
  (func (export "f") (param i32) (result i32)
    (call $twice (i32.trunc_sat_f64_u (f64.convert_i32_s (local.get 0)))))
  (func (export "g") unreachable)
  (memory 1)
  (tag)
  (tag $error (param i32))
  (func $throw (param i32)
    (i32.store (i32.const 0) (local.get 0)) (throw $error (i32.load (i32.const 0))))
  (func (export "h") (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $error $caught) (call $throw (local.get 0)))
      unreachable)))''')
exports = wadjet.Instance(module, {"host": {"twice": lambda x: 2 * x}}).exports
assert exports.f(21) == 42
assert exports.h(7) == 7
try:
    exports.g()
except wadjet.Trap as trap:
    assert trap.message == "unreachable"
loaded = "wadjet.engine.tiers.apart" in sys.modules
sys.exit(7 if loaded else 0)
"""
WAITED = 7


@pytest.fixture(scope="module")
def objects() -> dict[str, bytes]:
    return stocking.make(WANTED)


@pytest.fixture
def file(objects: dict[str, bytes], tmp_path: Path) -> Path:
    path = tmp_path / "stock.bin"
    path.write_bytes(packed(objects))
    return path


def _start(file: Path, cache: str) -> int:
    env = {**os.environ, "WADJET_CACHE": cache, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, str(file)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode


# --- what is in stock ----------------------------------------------------------------------------


def test_everything_is_found_again(objects: dict[str, bytes], file: Path) -> None:
    found = Stock(file)
    assert {name: found.get(name) for name in objects} == objects
    assert found.get("glu") is found.get("doors") is found.get("") is None
    assert {"glue", "collector", "doors in plain i_i", "doors out plain dd_d"} < set(objects)
    assert sum(name.startswith("row ") for name in objects) > 50


def test_objects_are_whole(objects: dict[str, bytes]) -> None:
    for name, image in objects.items():
        assert Object(image).size > 0, name


def test_the_functions_of_wasi_have_doors() -> None:
    made = {signature(type_) for type_ in stocking.signatures()}
    assert set(map(signature, SIGNATURES.values())) <= made
    assert all(letters in made for letters in stocking.LONG)


# --- when it is used -----------------------------------------------------------------------------


def test_a_first_start_waits_for_nobody(file: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert _start(file, str(cache)) == 0
    assert _start(file, "off") == 0
    assert _start(tmp_path / "none", "off") == WAITED


def test_a_stock_for_other_sources_is_not_used(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:20] + bytes([data[20] ^ 1]) + data[21:])
    assert Stock(file).get("glue") is None
    assert _start(file, "off") == WAITED


def test_each_source_counts(tmp_path: Path) -> None:
    package = Path(stock.__file__).parents[2]
    copy = tmp_path / "wadjet"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    whole = stock.fingerprint(copy)
    assert whole == stock.fingerprint(package)
    for name in ("engine/emit/entry.py", "engine/contract/layout.py", "engine/gc/collector.py"):
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content.replace(b"e", b"E", 1))
        assert stock.fingerprint(copy) != whole
        (copy / name).write_bytes(content)
    (copy / "engine/emit/more.py").touch()
    assert stock.fingerprint(copy) != whole


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_a_stock_for_another_platform_is_not_used(
    file: Path, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Stock(file).get("glue")
    monkeypatch.setattr(sys, "platform", platform)
    assert Stock(file).get("glue") is None


def test_what_is_damaged_is_not_used(objects: dict[str, bytes], file: Path) -> None:
    data = file.read_bytes()
    for length in (0, 1, 55, 56, 1000, len(data) - 1):
        file.write_bytes(data[:length])
        found = Stock(file)
        assert all(found.get(name) in (None, objects[name]) for name in objects)
    for at in range(len(data) - 5000, len(data), 97):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
        found = Stock(file)
        assert all(found.get(name) in (None, objects[name]) for name in sorted(objects)[-10:])


def test_an_installation_has_one() -> None:
    package = Path(sysconfig.get_path("purelib")) / "wadjet"
    if not (package / "engine").is_dir() or stock.fingerprint(package) != stock.fingerprint():
        pytest.skip("these sources are not installed")
    assert Stock(package / "engine" / "tiers" / "stock.bin").get("glue")


# --- the processor -------------------------------------------------------------------------------


def test_features_are_found_as_llvm_finds_them() -> None:
    said = host_target().features.split(",")
    here = host_settings()
    assert here.arch == host_target().arch == architecture()
    assert list(here.features) == sorted(name for name in NAMED[here.arch] if f"+{name}" in said)


def test_all_features_that_are_asked_for_are_looked_for() -> None:
    for arch, named in NAMED.items():
        assert set(needs(arch).values()) <= set(named)
    assert {*NEEDS.values(), NEED} <= set(NAMED["x86_64"])
