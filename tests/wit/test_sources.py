"""Where WIT is found: files, folders with `deps`, several of them, texts by name."""

from pathlib import Path

import pytest

from wadjet.base.errors import Invalid, Malformed
from wadjet.wit import Resolve, resolve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = {
        "wit/a.wit": "package a:b; interface i { use x:y/z.{t}; use f:f/f.{t as u}; }",
        "wit/b.wit": "world w { import i; }",
        "wit/notes.txt": "not WIT",
        "wit/inner/c.wit": "not WIT",
        "wit/deps/x/one.wit": "interface z { use other.{t}; }",
        "wit/deps/x/two.wit": "package x:y; interface other { type t = u8; }",
        "wit/deps/x/deps/never.wit": "not WIT",
        "wit/deps/f.wit": "package f:f; interface f { type t = u8; }",
        "wit/deps/README": "not WIT",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "wit" / "odd.wit").mkdir()
    return tmp_path / "wit"


def names(resolved: Resolve) -> list[str]:
    return [str(package.name) for package in resolved.packages]


def test_a_folder(folder: Path) -> None:
    found = resolve(folder)
    assert names(found) == ["x:y", "f:f", "a:b"]
    assert found.main == 2
    assert list(found.packages[2].worlds) == ["w"]
    assert resolve(str(folder)) == found


def test_the_same_as_texts(folder: Path) -> None:
    texts = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*.wit")
        if path.is_file() and "inner" not in path.parts and path.name != "never.wit"
    }
    assert resolve(texts) == resolve(folder)


def test_a_file_is_a_whole_package(folder: Path) -> None:
    assert names(resolve(folder / "deps" / "f.wit")) == ["f:f"]
    with pytest.raises(Invalid, match="package `x:y` is not there"):
        resolve(folder / "a.wit")
    (folder / "deps" / "x" / "deps" / "never.wit").unlink()
    assert names(resolve([folder / "deps" / "x", folder / "deps" / "f.wit", folder / "a.wit"])) == [
        "x:y",
        "f:f",
        "a:b",
    ]


def test_what_cannot_be_read(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        resolve(folder / "nothing.wit")
    with pytest.raises(Invalid, match="no `package` header in"):
        resolve(folder / "odd.wit")
    with pytest.raises(Invalid, match="no WIT file"):
        resolve([])
    (folder / "deps" / "g.wit").write_bytes(b"package \xff")
    with pytest.raises(Malformed, match=r"g\.wit is not in UTF-8"):
        resolve(folder)
    (folder / "deps" / "g.wit").unlink()
    (folder / "deps" / "g.wasm").write_bytes(b"\0asm\x0d\0\1\0")
    with pytest.raises(Invalid, match="binary form"):
        resolve(folder)
