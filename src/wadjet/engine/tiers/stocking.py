"""Making the stock: `python -m wadjet.engine.tiers.stocking FILE` does what building a wheel does.

FILE is `stock.PLACE` for a checkout that is run from where it lies. In stock are the glue, the
collector, the doors of common signatures, and the rows that any module may need. All of it is made
by the functions that would make it at a start, for the plainest processor that there is.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Final

from wadjet.core.features import DEFAULT
from wadjet.core.opcodes import ROWS, Row
from wadjet.core.text import parse
from wadjet.core.types import F32, F64, I32, I64, V128, FuncType, ValType
from wadjet.core.validate import validate
from wadjet.engine.contract.settings import Settings
from wadjet.engine.emit.processors import needs
from wadjet.engine.llvm.compile import FAIR, compile_text
from wadjet.engine.llvm.target import Target
from wadjet.engine.runtime.machine import unsupported
from wadjet.engine.tiers.native import build_collector, build_doors, build_glue
from wadjet.engine.tiers.processor import NAMED, architecture
from wadjet.engine.tiers.stock import packed

_NUMBERS: Final = {"i": I32, "l": I64, "f": F32, "d": F64}
#: Instructions with immediates that many programs share: the shuffles are those of a C library's
#: `printf`.
_SHARED: Final = """
  (memory 1)
  (func (result i32) memory.size)
  (func (param v128 v128) (result v128)
    (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 0 1 2 3 (local.get 0) (local.get 1)))
  (func (param v128 v128) (result v128)
    (i8x16.shuffle 4 5 6 7 0 1 2 3 0 1 2 3 0 1 2 3 (local.get 0) (local.get 1)))
  (func (param v128 v128) (result v128)
    (i8x16.shuffle 0 1 2 3 0 1 2 3 0 1 2 3 0 1 2 3 (local.get 0) (local.get 1)))
"""
#: What is thrown by C++, setjmp and Kotlin.
_THROWING: Final = """
  (tag (param i32))
  (tag (param i64))
  (tag (param externref))
  (func (param i32) (throw 0 (local.get 0)))
  (func (param i64) (throw 1 (local.get 0)))
  (func (param externref) (throw 2 (local.get 0)))
  (func (param exnref) (throw_ref (local.get 0)))
"""
_TYPES: Final = frozenset((*_NUMBERS.values(), V128))
#: Of the functions of WASI and of the Canonical ABI, and of whatever else is long and common:
#: letters of parameters and results, as `llvmtypes.signature` has them.
LONG: Final = (
    "iiiii_i iiiiii_i iiiiiii_i iiiiiiii_i iiiiiiiii_i iiiiiiiiii_i iiiiillii_i iiiilli_i iiili_i "
    "iiiil_i illii_i ilili_i iliii_i iiiii_ iiiiii_ iiiiiii_ iiiiiiii_ iiiiiiiii_ iiiiiiiiii_ "
    "iiiiiiiiiiiiii_ iiiiiiiiiiiiiii_ iiiiiiiiiiiiiiii_ iilii_ ililil_ dddd_ dddd_d ddddd_ "
    "dddddd_ idddd_ ffff_ ffff_f fffff_ ffffff_ iffff_ _ii _il _ll _dd i_ii ii_ii iii_ii "
    "iiii_ii ll_ll"
).split()
#: The processor that every machine of an architecture can stand in for.
_PLAINEST: Final = {"x86_64": "x86-64", "aarch64": "generic"}


def signatures() -> Iterator[FuncType]:
    """Those with doors in stock: up to three parameters of any numbers, four integers, at most one
    result; and the long ones."""
    numbers = tuple(_NUMBERS.values())
    wanted = [params for n in range(4) for params in product(numbers, repeat=n)]
    wanted += product((I32, I64), repeat=4)
    for params in wanted:
        for results in ((), *((t,) for t in numbers)):
            yield FuncType(params, results)
    for letters in LONG:
        before, _, after = letters.partition("_")
        yield FuncType(_types(before), _types(after))


def _types(letters: str) -> tuple[ValType, ...]:
    return tuple(_NUMBERS[letter] for letter in letters)


def _functions(arch: str) -> Iterator[str]:
    """Functions of one instruction each, in frames of both kinds. Left out is what looks different
    for some processors; and relaxed instructions, which must do what they do in optimised code."""
    particular = needs(arch)
    for r in ROWS:
        if r.params is None or r.results is None or r.immediates or r.feature not in DEFAULT:
            continue
        types = {*r.params, *r.results}
        if not types <= _TYPES or r.feature == "relaxed-simd" or r.mnemonic in particular:
            continue
        yield _function(r, "")
        if V128 not in types:
            yield _function(r, "(local v128)")


def _function(r: Row, local: str) -> str:
    takes = " ".join(map(str, r.params or ()))
    gets = "".join(f" local.get {k}" for k in range(len(r.params or ())))
    gives = " ".join(map(str, r.results or ()))
    return f"(func (param {takes}) (result {gives}) {local}{gets} {r.mnemonic})"


def make(wanted: Iterable[FuncType]) -> dict[str, bytes]:
    """The objects of the stock of this platform, with doors for these signatures. Error, as
    everywhere, where there is no native tier."""
    arch = architecture()
    target = Target(f"{arch}-unknown-linux-gnu", _PLAINEST[arch], "")
    found: dict[str, bytes] = {}

    def keep(name: str, text: Callable[[], str], level: int = FAIR) -> bytes:
        if name not in found:
            found[name] = compile_text(text(), target, level)
        return found[name]

    build_glue(keep, arch)
    build_collector(keep)
    for type_ in wanted:
        for into in (False, True):
            build_doors(keep, type_, into)
    _build_rows(keep, arch)
    return found


def _build_rows(keep: Callable[[str, Callable[[], str]], bytes], arch: str) -> None:
    """What the baseline compiler would ask for."""
    from wadjet.engine.baseline.module import ARCH, Baseline

    if arch != ARCH:
        return
    for text in (_SHARED + " ".join(_functions(arch)), _THROWING):
        valid = validate(parse(f"(module {text})"))
        settings = Settings(
            arch=arch, features=tuple(NAMED[arch]), exceptions=bool(valid.module.tags)
        )
        compiler = Baseline(valid, settings, keep)
        for slot in range(len(valid.module.codes)):
            compiler.compile(slot)


def main(words: Sequence[str]) -> None:
    """Write the stock to the file that is named. Ends the process where there can be none."""
    (name,) = words
    obstacle = unsupported() or ("" if architecture() in _PLAINEST else "for this processor")
    if obstacle:
        sys.exit(f"there is no native code {obstacle}")
    Path(name).write_bytes(packed(make(signatures())))


if __name__ == "__main__":
    main(sys.argv[1:])
