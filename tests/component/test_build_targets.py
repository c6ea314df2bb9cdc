"""What fits a world, what fits a later world, and components without their modules."""

from pathlib import Path

import pytest

from tests.corpora import corpora, workloads
from tests.scoreboard import Score
from wadjet.base.errors import Invalid
from wadjet.component import text
from wadjet.component.binary import decode, encode
from wadjet.component.build.targets import check_semver, check_targets
from wadjet.component.build.unbundle import unbundle
from wadjet.component.component import CoreModule
from wadjet.component.features import ALL
from wadjet.component.types import Import
from wadjet.component.validate import validate
from wadjet.component.wit_bridge import read
from wadjet.wit import select_world


def verdict(folder: Path) -> str:
    """What is wrong with a component; nothing if it fits."""
    resolve = read(folder / "test.wit")
    component = text.parse((folder / "test.wat").read_bytes(), ALL)
    try:
        check_targets(component, resolve, select_world(resolve, "foobar"))
    except Invalid as error:
        return error.message
    return ""


def test_the_official_cases(score: Score) -> None:
    folders = sorted((corpora("wit-component-encoding") / "targets").iterdir())
    found = {folder.name: verdict(folder) for folder in folders}
    score("wit-component-encoding", "targets", len(found), 0)
    assert "missing expected import `test:foo/foo`" in found.pop("error-missing-import")
    assert "missing expected export `test:foo/bar`" in found.pop("error-missing-export")
    assert found == {"success": "", "success-empty": ""}


WORLDS = {
    "w.wit": """package a:b@1.0.0;
    interface t { record r { x: u8 } f: func(r: r); }
    world base { import t; export run: func(); }
    world more-imports { import t; import g: func(); export run: func(); }
    world more-exports { import t; export run: func(); export stop: func(); }
    world other-type { import t; export run: func(x: u8); }
    world fewer-exports { import t; }
    """
}


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ("base", None),
        ("more-imports", None),
        ("fewer-exports", None),
        ("more-exports", "missing expected export `stop`"),
        ("other-type", "expected 1 parameters, found 0"),
    ],
)
def test_later_worlds(later: str, words: str | None) -> None:
    resolve = read(WORLDS)
    before, after = select_world(resolve, "base"), select_world(resolve, later)
    if words is None:
        check_semver(resolve, before, after)
    else:
        with pytest.raises(Invalid, match=words):
            check_semver(resolve, before, after)


def test_modules_taken_out() -> None:
    data = (workloads() / "components" / "hello_p2.wasm").read_bytes()
    before = decode(data, ALL)
    sizes = [len(d.source or b"") for d in before.definitions if isinstance(d, CoreModule)]
    after, modules = unbundle(before, sorted(sizes)[-2])
    again = decode(encode(after), ALL)
    validate(again, ALL)
    assert [len(module) for module in modules.values()] == [max(sizes)]
    names = [d.name.name for d in again.definitions if isinstance(d, Import)]
    assert "unbundled-module0" in names
    everything, modules = unbundle(before)
    assert len(modules) == len(sizes)
    assert not any(isinstance(d, CoreModule) for d in everything.definitions)
    validate(everything, ALL)
