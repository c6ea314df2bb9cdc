"""Ten thousand damaged modules: refused, or run within limits, and nothing else."""

import random
from collections import Counter
from pathlib import Path

import pytest

import wadjet
from tests.corpora import corpora, workloads
from wadjet.core.types import GlobalType, MemoryType, TableType

_COUNT = 10_000
#: how many of the mutants that are still valid are run in each tier
_RUN = 150
_LIMITS = wadjet.Limits(seconds=0.2, memory=32 << 20, stack=256 << 10)


def _sources() -> list[bytes]:
    """Modules small enough that thousands of mutants of them are soon looked at."""
    folders = (workloads(), corpora("wasi-testsuite"))
    files = sorted(p for folder in folders for p in folder.rglob("*.wasm"))
    small = [p for p in files if p.stat().st_size < 60_000 and _is_module(p)]
    return [p.read_bytes() for p in small]


def _is_module(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"\0asm\1\0\0\0"


def _mutate(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(8, len(changed))
        kind = rng.randrange(4)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.randrange(256)
        elif kind == 2:
            del changed[at : at + rng.randrange(1, 9)]
        else:
            changed[at:at] = rng.randbytes(rng.randrange(1, 9))
    return bytes(changed)


def _imports(module: wadjet.Module) -> dict[str, dict[str, object]]:
    """Something of the right type for every import."""
    found: dict[str, dict[str, object]] = {}
    for i in module.imports:
        found.setdefault(i.module, {})[i.name] = _dummy(i.type)
    return found


def _dummy(type_: object) -> object:
    if isinstance(type_, GlobalType):
        return wadjet.Global(type_.value, 0, mutable=type_.mutable)
    if isinstance(type_, MemoryType):
        return wadjet.Memory(type_.limits.min, type_.limits.max, shared=type_.shared)
    if isinstance(type_, TableType):
        return wadjet.Table(type_.limits.min, type_.limits.max)
    return _zero


def _zero(*_: object) -> int:
    return 0


def _exercise(module: wadjet.Module, tier: str) -> str:
    """Instantiate and call every export; the kind of end."""
    try:
        instance = wadjet.Instance(module, _imports(module), limits=_LIMITS, tier=tier)
        for export in list(instance.exports.keys())[:8]:
            item = instance.exports[export]
            if callable(item):
                function = wadjet.Function.of(item)
                function.call_raw([0] * len(function.type.params))
    except wadjet.Error as error:
        return type(error).__name__
    except (TypeError, ValueError, OverflowError) as error:
        # a dummy does not fit what the mutant wants of it
        return type(error).__name__
    return "fine"


@pytest.mark.slow
def test_ten_thousand_mutants() -> None:
    rng = random.Random(20261120)
    sources = _sources()
    ends: Counter[str] = Counter()
    left = {"auto": _RUN, "interpreter": _RUN}
    for k in range(_COUNT):
        data = _mutate(rng.choice(sources), rng)
        try:
            module = wadjet.Module(data)
        except (wadjet.Malformed, wadjet.Invalid) as error:
            ends[type(error).__name__] += 1
            continue
        tier = ("auto", "interpreter")[k % 2]
        if left[tier]:
            left[tier] -= 1
            ends[_exercise(module, tier)] += 1
        else:
            ends["valid, not run"] += 1
    print(f"{_COUNT} mutants of {len(sources)} modules: {dict(ends)}")  # noqa: T201 - the count
    assert ends["Malformed"] > _COUNT // 10
    assert ends["fine"] > 0
