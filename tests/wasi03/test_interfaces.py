"""Every function of every interface of WASI 0.3 has its counterpart in Python."""

from tests.corpora import corpora
from tests.interfaces import interfaces, problems
from wadjet.wasi import Wasi
from wadjet.wasi.world import World

#: What components export: the host calls these.
EXPORTED = {"wasi:cli/run"}


def test_all_interfaces() -> None:
    found = dict(interfaces(corpora("wasi-wit") / "wasi-0.3.0"))
    assert len(found) == 26
    world = World(Wasi(stdin=None, stdout=None, stderr=None))
    wrong: list[str] = []
    for name, each in found.items():
        if name not in EXPORTED:
            provider = world.interfaces([f"{name}@0.3.1"]).get(f"{name}@0.3.1")
            assert provider is not None, name
            wrong += problems(provider, name, each)
    assert not wrong, "\n".join(wrong)
