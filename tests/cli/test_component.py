"""The commands about components: what they write, what they say, how they end."""

import json
import shutil
from pathlib import Path

import pytest

from wadjet.cli import main

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples" / "parts"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the examples, where commands are run."""
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(words)
    said = capfd.readouterr()
    return status, said.out, said.err


def counter(capfd: pytest.CaptureFixture[str]) -> None:
    """Make counter.wasm."""
    embed = ("component", "embed", "numbers.wit", "numbers.wat", "-w", "counter", "-o", "core.wasm")
    assert run(capfd, *embed)[0] == 0
    assert run(capfd, "component", "new", "core.wasm", "-o", "counter.wasm")[0] == 0


def test_wit_in_all_its_forms(capfd: pytest.CaptureFixture[str]) -> None:
    status, text, _ = run(capfd, "component", "wit", "numbers.wit")
    assert status == 0
    assert text.startswith("package demo:parts@1.0.0;")
    assert run(capfd, "component", "wit", "numbers.wit", "-w", "-o", "n.wasm")[0] == 0
    assert run(capfd, "component", "wit", "n.wasm")[1] == text
    _, wat, _ = run(capfd, "component", "wit", "n.wasm", "-t")
    Path("n.wat").write_text(wat)
    assert run(capfd, "component", "wit", "n.wat")[1] == text
    _, said, _ = run(capfd, "component", "wit", "n.wasm", "--json")
    assert [world["name"] for world in json.loads(said)["worlds"]] == ["counter", "counter2"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("component",), 2, "required: COMMAND"),
        (("component", "new"), 2, "required: FILE"),
        (("component", "wit", "none.wit"), 1, "none.wit: No such file"),
        (("component", "new", "numbers.wat"), 1, "does not say what world"),
        (("component", "embed", "numbers.wit", "numbers.wat"), 1, "which world"),
        (("component", "targets", "numbers.wit", "numbers.wat", "-w", "counter"), 1, "numbers.wat"),
        (("component", "unbundle", "user.wat", "--module-dir", "none"), 1, "none"),
        (("compose", "whole.wac"), 1, "package `demo:parts@1.0.0` is not there (whole.wac:3:13)"),
        (("compose", "whole.wac", "--dep", "x"), 2, "takes PACKAGE=PATH"),
        (("plug", "user.wat"), 2, "required: --plug"),
        (("plug", "user.wat", "--plug", "user.wat"), 1, "plug 1 exports nothing"),
        (("virt", "user.wat", "--env", "x"), 2, "takes NAME=VALUE"),
        (("virt", "user.wat", "--mount", "/x"), 2, "takes GUEST=HOST"),
        (("virt", "user.wat", "--mount", "/x=none"), 1, "none: No such file"),
        (("virt", "user.wat", "--mount", "/x=numbers.wit"), 1, "import `wasi:filesystem/types`"),
        (("virt", "user.wat", "--set", "demo:parts/numbers#none=1"), 1, "has no function `none`"),
        (("virt", "user.wat", "--set", "demo:parts/numbers#next=x"), 1, "expected number"),
    ],
)
def test_what_is_wrong(
    words: tuple[str, ...], status: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found, _, err = run(capfd, *words)
    assert found == status, err
    assert err.startswith("wadjet: error: ")
    assert said in err


def test_a_component_of_parts(capfd: pytest.CaptureFixture[str]) -> None:
    counter(capfd)
    deps = ("--dep", "demo:parts=numbers.wit", "--dep", "demo:user=user.wat")
    assert run(capfd, "compose", "whole.wac", *deps, "--dep", "demo:counter=counter.wasm",
               "-o", "whole.wasm") == (0, "", "")  # fmt: skip
    assert "export skip: func(n: u32) -> u32;" in run(capfd, "component", "wit", "whole.wasm")[1]
    assert run(capfd, "plug", "user.wat", "--plug", "counter.wasm", "-o", "plugged.wasm")[0] == 0
    assert run(capfd, "virt", "plugged.wasm", "--stub", "demo:parts/log", "-o", "bare.wasm")[0] == 0
    text = run(capfd, "component", "wit", "bare.wasm")[1]
    assert "import" not in text
    Path("modules").mkdir()
    assert run(capfd, "component", "unbundle", "counter.wasm", "--module-dir", "modules",
               "-o", "rest.wasm")[0] == 0  # fmt: skip
    assert (Path("modules") / "unbundled-module0.wasm").exists()


def test_packages_in_folders(capfd: pytest.CaptureFixture[str]) -> None:
    counter(capfd)
    deps = Path("deps/demo")
    deps.mkdir(parents=True)
    shutil.move("counter.wasm", deps)
    shutil.copy("user.wat", deps)
    shutil.copy("numbers.wit", deps / "parts.wit")
    assert run(capfd, "compose", "whole.wac", "-o", "whole.wasm") == (0, "", "")


def test_components_and_the_commands_for_modules(capfd: pytest.CaptureFixture[str]) -> None:
    """validate, print and parse take both."""
    counter(capfd)
    assert run(capfd, "validate", "counter.wasm", "user.wat") == (0, "", "")
    assert run(capfd, "print", "counter.wasm", "-o", "counter.wat") == (0, "", "")
    assert run(capfd, "parse", "counter.wat", "-o", "again.wasm") == (0, "", "")
    assert run(capfd, "validate", "again.wasm") == (0, "", "")
    Path("bad.wat").write_text(';; first\n (; then ;) (component (import "a" (func (type 7))))')
    status, _, said = run(capfd, "validate", "bad.wat")
    assert (status, "unknown type 7" in said, "(2:" in said) == (1, True, True)
    status, _, said = run(capfd, "validate", "--features=-cm-map,cm-nothing", "user.wat")
    assert (status, "cm-nothing" in said) == (2, True)


WAVES = """package a:b@1.0.0;
interface forms {
  record point { x: u8, y: option<string> }
  variant shape { none, dot(point) }
  turn: func(p: point) -> shape;
  check: func(n: s8) -> result<s8, string>;
}
world w { export forms; export only: func(n: list<u8>) -> u32; }"""
GUEST = """(module
  (memory (export "memory") 1)
  (data (i32.const 64) "no")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "only") (param i32 i32) (result i32) (local.get 1))
  (func (export "a:b/forms@1.0.0#turn") (param i32 i32 i32 i32) (result i32)
    (i32.store8 (i32.const 128) (i32.const 1))
    (i32.store8 (i32.const 132) (local.get 0))
    (i32.store8 (i32.const 136) (local.get 1))
    (i32.store (i32.const 140) (local.get 2))
    (i32.store (i32.const 144) (local.get 3))
    (i32.const 128))
  (func (export "a:b/forms@1.0.0#check") (param i32) (result i32)
    (i32.store8 (i32.const 128) (i32.lt_s (local.get 0) (i32.const 0)))
    (i32.store (i32.const 132) (select (i32.const 64) (local.get 0)
      (i32.lt_s (local.get 0) (i32.const 0))))
    (i32.store (i32.const 136) (i32.const 2))
    (i32.const 128)))"""


@pytest.mark.parametrize(
    ("words", "status", "out", "err"),
    [
        (("--invoke", 'turn({x: 1, y: some("☃")})'), 0, 'dot({x: 1, y: some("☃")})', ""),
        (("--invoke", "forms.turn({x: 255})"), 0, "dot({x: 255})", ""),
        (("--invoke", "a:b/forms.check(5)"), 0, "ok(5)", ""),
        (("--invoke", "a:b/forms@1.0.0.check(-5)"), 1, 'err("no")', ""),
        (("--invoke", "only([1, 2, 3])"), 0, "3", ""),
        (("--invoke", "only(1)"), 2, "", "expected ["),
        (("--invoke", "all()"), 2, "", "functions are a:b/forms@1.0.0.turn"),
        (("--invoke", "check"), 2, "", "`check` takes n; 0 words are given"),
    ],
)
def test_calls_in_wave(
    words: tuple[str, ...], status: int, out: str, err: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("w.wit").write_text(WAVES)
    Path("w.wat").write_text(GUEST)
    assert run(capfd, "component", "embed", "w.wit", "w.wat", "-o", "core.wasm")[0] == 0
    assert run(capfd, "component", "new", "core.wasm", "-o", "w.wasm")[0] == 0
    found = run(capfd, "run", *words, "w.wasm")
    assert (found[0], found[1].strip()) == (status, out)
    assert err in found[2]
    if "check(5)" in words[1]:
        assert run(capfd, "run", "--invoke", "check", "w.wasm", "5")[:2] == (0, "ok(5)\n")


LIBRARY = """(module (@custom "dylink.0" (before first) "\\01\\04\\00\\00\\00\\00")
  (import "env" "{0}" (func ${0} (param {1}) (result i32)))
  (func (export "next") (param i32) (result i32) (call ${0} {2})))"""
LINKED = "package demo:linked; world linked { export next: func(n: u32) -> u32; }"


def test_dynamic_libraries(capfd: pytest.CaptureFixture[str]) -> None:
    link = ("component", "link", "main.wasm")
    Path("linked.wit").write_text(LINKED)
    opens = LIBRARY.format("dlopen", "i32 i32", "(local.get 0) (i32.const 4)")
    for name, text in (("gone", LIBRARY.format("gone", "i32", "(local.get 0)")), ("main", opens)):
        Path(f"{name}.wat").write_text(text)
        embed = ("component", "embed", "linked.wit", f"{name}.wat", "-o", f"{name}.wasm")
        assert run(capfd, *embed) == (0, "", "")
    status, _, said = run(capfd, *link, "-o", "whole.wasm")
    assert status == 1
    assert "no library exports `dlopen`, which main.wasm imports" in said
    openable = ("--use-built-in-libdl", "--dl-openable", "other=gone.wasm")
    status, _, said = run(capfd, *link, *openable, "-o", "whole.wasm")
    assert status == 1
    assert "no library exports `gone`, which other imports" in said
    stubs = ("--stub-missing-functions", "-o", "whole.wasm")
    assert run(capfd, *link, *openable, *stubs) == (0, "", "")
    assert run(capfd, "run", "--invoke", "next(7)", "whole.wasm") == (0, "0\n", "")
