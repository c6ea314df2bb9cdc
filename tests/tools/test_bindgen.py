"""`wadjet bindgen`: what it makes is good Python, type checkers agree with it, and it says the same
names as instances do."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpora import corpora
from wadjet.cli import main
from wadjet.tools.bindgen import generate
from wadjet.wit import Resolve, resolve, select_world
from wadjet.wit.model import WorldId

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"
WIT = """
package demo:shop@1.2.0;

interface types {
  /// What is sold.
  record item { name: string, price: f64, tags: list<string>, %import: option<u8> }
  variant payment { cash, card(string), voucher(item) }
  enum size { small, extra-large }
  flags rights { read, write }
}

interface log {
  use types.{size};
  resource file {
    constructor(name: string);
    write: func(data: list<u8>) -> result<u32, string>;
    temporary: static func() -> file;
  }
  note: func(text: string, size: size);
  fetch: async func(url: string) -> list<u8>;
}

interface shop {
  use types.{item, payment as way-to-pay};
  resource basket {
    constructor(owner: string);
    add: func(item: item) -> result<_, string>;
    total: func() -> f64;
    both: static func(a: borrow<basket>, b: basket) -> basket;
  }
  sell: func(item: item, by: way-to-pay) -> result<u32, string>;
  prices: func(items: list<item>) -> list<f64>;
  maybe: func(x: option<option<u8>>) -> option<result<u8>>;
  download: async func(source: stream<u8>) -> future<string>;
}

world shopping {
  import log;
  import beep: func(times: u32);
  export shop;
  export run: func() -> result;
}
"""
USE = """
from typing import assert_type
from array import array
import wadjet
from shopping import exports, imports, instantiate, Shopping

class File:
    def __init__(self, name: str) -> None: ...
    def write(self, data: bytes) -> int:
        raise wadjet.ResultError("full")
    @staticmethod
    def temporary() -> "File":
        return File("tmp")

class Log:
    File = File
    def note(self, text: str, size: imports.types.Size) -> None:
        assert size is imports.types.Size.EXTRA_LARGE
    async def fetch(self, url: str) -> bytes:
        return b""

class Host:
    log = Log()
    def beep(self, times: int) -> None: ...

def use(component: wadjet.Component) -> None:
    with instantiate(component, Host()) as shopping:
        assert_type(shopping, Shopping)
        shop = shopping.shop
        item = shop.Item("tea", 2.5, ["hot"], None)
        assert_type(shop.sell(item, shop.WayToPay.Card("1234")), int)
        assert_type(shop.prices([item]), array[float])
        assert_type(shop.maybe(wadjet.Some(None)), wadjet.Ok[int] | wadjet.Err[None] | None)
        assert_type(shopping.run(), None)
        with shop.Basket("me") as basket:
            basket.add(item)
            assert_type(basket.total(), float)
            assert_type(shop.Basket.both(basket, basket), exports.shop.Basket)

async def wait(shopping: Shopping) -> None:
    assert_type(await (await shopping.shop.download(b"abc")), str)

def match(way: imports.types.Payment) -> str:
    match way:
        case imports.types.Payment.Card(number):
            return number
        case imports.types.Payment.Voucher(item):
            return item.name
    return "cash"
"""
#: what a checker must reject, after the beginning of `USE`
WRONG = {
    "an argument": "def f(s: Shopping) -> None: s.shop.prices(['tea'])",
    "a field": "imports.types.Item(name='tea', price='much', tags=[], import_=None)",
    "a frozen field": "def f(i: imports.types.Item) -> None: i.price = 3.0",
    "a missing function": (
        "class Bad:\n    log = Log()\n"
        "def f(c: wadjet.Component) -> None: instantiate(c, Bad())"
    ),
    "a function of other arguments": (
        "class BadLog(Log):\n    def note(self, text: str) -> None: ...  # type: ignore[override]\n"
        "x: imports.Log = BadLog()"
    ),
    "no such case": "imports.types.Payment.Cheque()",
}  # fmt: skip


def _checked(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    command += ["--cache-dir", str(folder / ".cache"), *words]
    environment = {"MYPYPATH": str(SOURCES), "PATH": ""}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def _write(folder: Path, resolved: Resolve, world: WorldId) -> str:
    made = generate(resolved, world)
    (folder / f"{made.name}.py").write_text(made.module)
    (folder / f"{made.name}.pyi").write_text(made.stub)
    return made.name


@pytest.fixture(scope="module")
def shopping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shopping")
    resolved = resolve({"shop.wit": WIT})
    assert _write(folder, resolved, select_world(resolved)) == "shopping"
    return folder


def test_checkers_agree(shopping: Path) -> None:
    (shopping / "use.py").write_text(USE)
    done = _checked(shopping, "use.py", "shopping.pyi")
    assert done.returncode == 0, done.stdout


def test_the_example_of_the_documents(tmp_path: Path) -> None:
    """It is right to a type checker, and runs."""
    example = re.findall(r"```py\n(.*?)```", (ROOT / "docs" / "components.md").read_text(), re.S)
    (tmp_path / "use.py").write_text(example[-1])
    resolved = resolve(ROOT / "examples" / "shapes.wit")
    assert _write(tmp_path, resolved, select_world(resolved)) == "drawing"
    done = _checked(tmp_path, "use.py")
    assert done.returncode == 0, done.stdout
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    subprocess.run([sys.executable, "use.py"], cwd=tmp_path, env=environment, check=True)


def test_checkers_find_mistakes(shopping: Path) -> None:
    head = USE[: USE.index("def use(")]
    for name, line in WRONG.items():
        (shopping / f"{name.replace(' ', '_')}.py").write_text(f"{head}\n{line}\n")
    names = [f"{name.replace(' ', '_')}.py" for name in WRONG]
    done = _checked(shopping, *names)
    found = {line.partition(":")[0] for line in done.stdout.splitlines() if ": error: " in line}
    assert found == set(names), done.stdout
    assert done.stdout.count(": error: ") == len(WRONG), done.stdout


def test_classes_are_those_of_values(shopping: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(shopping)
    import shopping as made  # type: ignore[import-not-found]

    types = made.imports.types
    item = types.Item("tea", 2.5, [], import_=3)
    assert repr(item) == "imports.types.Item(name='tea', price=2.5, tags=[], import_=3)"
    assert made.exports.shop.Item is types.Item
    assert made.exports.shop.WayToPay is types.Payment
    assert types.Payment.Card("1").value == "1"
    assert types.Size.EXTRA_LARGE.value == 1
    assert types.Rights.READ | types.Rights.WRITE == types.Rights(3)  # noqa: SIM300
    assert made._TYPES["imports", "demo:shop/types@1.2.0", "Item"] is types.Item
    assert not hasattr(made.imports.Log(), "note")


def _suite() -> Iterator[Path]:
    for path in sorted(corpora("wit-bindgen-codegen").iterdir()):
        if path.suffix == ".wit":
            yield path
        elif path.is_dir():
            yield path / "wit"


def test_every_world_of_the_suite(tmp_path: Path) -> None:
    """They are all made, and all are right to a type checker."""
    count = 0
    for path in _suite():
        resolved = resolve(path, all_features=True)
        for world in resolved.packages[resolved.main].worlds.values():
            label = (path.parent.name if path.name == "wit" else path.stem).replace("-", "_")
            folder = tmp_path / f"{label.replace('.', '_')}_{count}"
            folder.mkdir()
            (folder / "__init__.py").touch()
            module = _write(folder, resolved, world)
            compile((folder / f"{module}.py").read_text(), module, "exec")
            count += 1
    assert count > 90
    done = _checked(tmp_path, ".")
    assert done.returncode == 0, done.stdout


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wit = tmp_path / "shop.wit"
    wit.write_text(WIT)
    assert main(["bindgen", str(wit), "-o", str(tmp_path / "made"), "--name", "bought"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'made' / 'bought.py'}\n"
    stub = (tmp_path / "made" / "bought.pyi").read_text()
    assert "class Shopping:" in stub
    assert '"""What is sold."""' in stub
    assert main(["bindgen", str(wit), "--world", "nothing"]) == 1
    assert "has no world `nothing`" in capsys.readouterr().err
    assert main(["bindgen", str(tmp_path / "missing.wit")]) == 1
    assert "No such file" in capsys.readouterr().err
