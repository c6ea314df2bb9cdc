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
