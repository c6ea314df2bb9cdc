"""Every numeric function against what wasmtime computes: corner operands and seeded random ones.

One module holds one function per row; it walks over tuples of operands in memory, so that one
call checks thousands of them. Operands that trap are run one by one.
"""

import pytest

from wadjet.base.errors import Trap
from wadjet.core.numerics import NUMERICS, PAIRS
from wadjet.core.opcodes import Row, row

from tests.diff.operands import SLOT, function, immediates, operands

try:
    import wasmtime
except ImportError:
    pytest.skip("NO ORACLE: wasmtime is absent; pip install wasmtime", allow_module_level=True)

ROWS = [row(op) for op in sorted(NUMERICS | PAIRS)]
TESTED = [r for r in ROWS if r.feature != "rounding-variants"]


class Oracle:
    """One wasmtime instance that holds every instruction."""

    def __init__(self) -> None:
        config = wasmtime.Config()
        config.cranelift_nan_canonicalization = True
        config.wasm_relaxed_simd = True
        config.wasm_relaxed_simd_deterministic = True
        config.wasm_wide_arithmetic = True
        engine = wasmtime.Engine(config)
        parts = [
            function(f"{r.op} {i}", r, imm) for r in TESTED for i, imm in enumerate(immediates(r))
        ]
        text = f'(module (memory (export "m") 64) {" ".join(parts)})'
        self.store = wasmtime.Store(engine)
        module = wasmtime.Module(engine, wasmtime.wat2wasm(text))
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)
        self.memory = self.exports["m"]

    def run(self, name: str, r: Row, tuples: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Results for each tuple of operands. Raises wasmtime.Trap."""
        packed = b"".join(v.to_bytes(SLOT, "little") for t in tuples for v in t)
        start = (len(packed) + SLOT) // SLOT * SLOT
        self.memory.write(self.store, packed, 0)
        self.exports[name](self.store, 0, start, len(tuples))
        width = SLOT * len(r.results)
        data = self.memory.read(self.store, start, start + width * len(tuples))
        sizes = [t.size for t in r.results]
        return [
            tuple(
                int.from_bytes(data[at + i * SLOT : at + i * SLOT + size], "little")
                for i, size in enumerate(sizes)
            )
            for at in range(0, len(data), width)
        ]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle()


def ours(r: Row, args: tuple[int, ...], imm: tuple[object, ...]) -> tuple[int, ...] | str:
    """What the definition says: results, or the words of the trap."""
    try:
        if r.op in PAIRS:
            return PAIRS[r.op](*args)
        return (NUMERICS[r.op](*args, *imm),)
    except Trap as trap:
        return trap.message


@pytest.mark.parametrize("r", TESTED, ids=lambda r: r.mnemonic)
def test_agrees_with_wasmtime(oracle: Oracle, r: Row) -> None:
    for i, imm in enumerate(immediates(r)):
        name = f"{r.op} {i}"
        tuples = operands(r)
        expected = [ours(r, args, imm) for args in tuples]
        calm = [(a, e) for a, e in zip(tuples, expected) if not isinstance(e, str)]
        theirs = oracle.run(name, r, [a for a, _ in calm])
        wrong = [(a, e, t) for (a, e), t in zip(calm, theirs) if e != t]
        assert not wrong, f"{r.mnemonic} {imm}: {[[hex(v) for v in p] for p in wrong[0]]}"
        traps = [(a, e) for a, e in zip(tuples, expected) if isinstance(e, str)]
        for args, words in traps[:60]:
            with pytest.raises(wasmtime.Trap) as info:
                oracle.run(name, r, [args])
            assert words in info.value.message
