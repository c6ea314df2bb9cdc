"""Every function of every interface of WASI 0.2 has its counterpart in Python."""

from tests.corpora import corpora
from tests.interfaces import interfaces, problems
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
