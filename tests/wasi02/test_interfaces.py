"""Every function of every interface of WASI 0.2 has its counterpart in Python."""

import pytest

from tests.corpora import corpora, workloads
from tests.interfaces import interfaces, problems
from wadjet.cli import main
from wadjet.wasi import Wasi
from wadjet.wasi.world import World

#: What components export: the host calls these.
EXPORTED = {"wasi:cli/run", "wasi:http/incoming-handler"}


def test_all_interfaces() -> None:
    found = dict(interfaces(corpora("wasi-wit") / "wasi-0.2.12"))
    assert len(found) == 32
    world = World(Wasi(stdin=None, stdout=None, stderr=None))
    wrong, functions = [], 0
    for name, each in found.items():
        if name not in EXPORTED:
            provider = world.interfaces([f"{name}@0.2.12"]).get(f"{name}@0.2.12")
            assert provider is not None, name
            wrong += problems(provider, name, each)
        functions += len(each)
    assert not wrong, "\n".join(wrong)
    assert functions == 181


def test_any_version_of_the_track() -> None:
    world = World(Wasi(stdin=None, stdout=None, stderr=None))
    names = [f"wasi:io/streams@0.2.{patch}" for patch in (0, 3, 12, 99)]
    found = world.interfaces(names)
    assert len({id(found[name]) for name in names}) == 1
    assert not world.interfaces(["wasi:io/streams@0.3.0", "wasi:io/streams@0.1.0", "a:b/c@0.2.0"])
    assert not world.interfaces(["wasi:io/streams", "wasi:keyvalue/store@0.2.0"])


def test_functions_are_called_in_wave(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(workloads() / "components" / "mini.wasm")
    for words, printed in (
        (["--invoke", "add(1, 2)", file], "3"),
        (["--invoke", "add", file, "3", "4"], "7"),
        (["--invoke", "ops.sum([1, 2, 3])", file], "6"),
        (["--invoke", 'greet("x")', file], '"hello x"'),
    ):
        assert main(["run", *words]) == 0
        assert capsys.readouterr().out == f"{printed}\n"
    assert main(["run", "--invoke", "nothing", file]) == 2
