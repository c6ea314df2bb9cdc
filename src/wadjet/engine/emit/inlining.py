"""Which callees are compiled once more inside of their callers, and how backtraces still show them.

A copy of a function belongs to a chain of calls: it is inlined wherever the last function of the
chain is called by the one before it, down from a function that others can call. Every instruction
carries its chain as a place in debug information, whose line table says in the end which machine
code came from where: the names of "files" in it are the chains, outermost callee first. (A load
that LLVM makes part of another instruction goes by that one's place.)
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, cast, final

from wadjet.base.errors import Invalid, Malformed
from wadjet.core.opcodes import Op
from wadjet.core.validate.module import ValidModule
from wadjet.engine.contract.frames import TAIL_CALLS

#: Functions on the way from one that others can call to a copy.
Chain = tuple[int, ...]

#: Instructions of a copy: anywhere, and where calls are many, that is in loops and recursions.
_SMALL: Final = 24
_LARGE: Final = 220
#: Instructions of all copies in a function, and how deep they may be in each other.
_ALL: Final = 400
_DEPTH: Final = 3
#: Functions that an indirect call may reach, for it to be worth asking which it is.
_CANDIDATES: Final = 3
#: What has more bytes than this for each instruction is not looked at.
_BYTES: Final = 4
_NEVER: Final = TAIL_CALLS | {Op.LOOP}
_CALLS: Final = {Op.CALL, Op.CALL_INDIRECT}


class _Site(NamedTuple):
    """The calls of one function in another: how many, whether they are likely to be many."""

    callee: int
    times: int
    hot: bool


def plan(valid: ValidModule, index: int) -> list[Chain]:
    """The copies that are worth their while in a function, callers before callees."""
    found: list[Chain] = []
    room = _ALL
    waiting: list[tuple[Chain, bool]] = [((), False)]
    while waiting:
        chain, hot = waiting.pop(0)
        for site in _sites(valid, chain[-1] if chain else index, hot):
            if site.callee == index or site.callee in chain:
                continue
            most = min(_LARGE if site.hot else _SMALL, room)
            cost = _size(valid, site.callee, most) * site.times
            if cost and cost <= room:
                room -= cost
                found.append((*chain, site.callee))
                if len(chain) + 1 < _DEPTH:
                    waiting.append((found[-1], site.hot))
    return found


def _sites(valid: ValidModule, index: int, hot: bool) -> list[_Site]:
    """The calls in a function, of functions of the module; those through tables count for all that
    they are likely to reach, if these are few."""
    first = len(valid.func_types) - len(valid.module.funcs)
    body, facts = valid.module.codes[index - first].body, valid.facts(index - first)
    counts: Counter[int] = Counter()
    many: set[int] = set()
    loops = [(start, facts.ends[start]) for start in facts.assigned if start in facts.ends]
    if not _CALLS.isdisjoint(body.ops):
        for i, op in enumerate(body.ops):
            if op in _CALLS:
                callees = _callees(valid, op, body.imms[i])
                counts.update(callees)
                if any(start < i < end for start, end in loops):
                    many.update(callees)
    hot = hot or index in counts
    return [_Site(f, n, hot or f in many) for f, n in counts.items() if f >= first]


def _callees(valid: ValidModule, op: int, imm: object) -> Sequence[int]:
    """What a call may reach."""
    if op == Op.CALL:
        return (cast(int, imm),)
    found = valid.referred(valid.types[cast(tuple[int, int], imm)[0]])
    return found if len(found) <= _CANDIDATES else ()


def _size(valid: ValidModule, index: int, most: int) -> int:
    """Instructions of a function that can be copied; 0 if it is too large or cannot."""
    slot = index - len(valid.func_types) + len(valid.module.funcs)
    code = valid.module.codes[slot]
    if code.size > _BYTES * most:
        return 0
    try:
        valid.facts(slot)
    except (Invalid, Malformed):
        return 0  # whoever calls it will be told
    ops = code.body.ops
    return len(ops) if len(ops) <= most and _NEVER.isdisjoint(ops) else 0


@final
class Places:
    """Debug information that says which chain an instruction belongs to."""

    def __init__(self, chains: Sequence[Chain]) -> None:
        self._numbers = {chain: 40 + 3 * k for k, chain in enumerate([(), *chains])}

    def mark(self, text: str, chain: Chain) -> str:
        """A function with the place of each of its instructions; its other entry, if it has two,
        is a function to LLVM, too."""
        first, end, other = text.partition("\n}\n")
        marked = _mark(first, self._numbers[chain] + 1)
        return marked + end + _mark(other, _OTHER_ENTRY)

    def metadata(self) -> str:
        """What the places refer to."""
        rows = [_UNIT]
        for chain, k in self._numbers.items():
            name = " ".join(map(str, chain))
            rows.append(f'!{k} = !DIFile(filename: "{name or "-"}", directory: "")')
            rows += _function(k + 1, k)
        rows += _function(_OTHER_ENTRY, self._numbers[()])
        return "\n".join(rows)


def _mark(text: str, function: int) -> str:
    """Say of a function that it is this one, and of its instructions that they are in it."""
    lines = []
    for line in text.split("\n"):
        if line.startswith("define "):
            line = f"{line[:-1]}!dbg !{function} {{"
        elif line and line != "}" and not _LABEL.fullmatch(line):
            line += f", !dbg !{function + 1}"
        lines.append(line)
    return "\n".join(lines)


def _function(k: int, file: int) -> list[str]:
    """Metadata of a function, and of a place in it."""
    return [
        f'!{k} = distinct !DISubprogram(name: "-", scope: !{file}, file: !{file}, line: 1, '
        "type: !33, unit: !30, spFlags: DISPFlagDefinition)",
        f"!{k + 1} = !DILocation(line: 1, scope: !{k})",
    ]


#: Metadata of the other entry of a function.
_OTHER_ENTRY: Final = 34
_LABEL: Final = re.compile(r"[\w.]+:")
_UNIT: Final = """
!llvm.dbg.cu = !{!30}
!llvm.module.flags = !{!31, !32}
!30 = distinct !DICompileUnit(language: DW_LANG_C99, file: !40, emissionKind: LineTablesOnly)
!31 = !{i32 2, !"Debug Info Version", i32 3}
!32 = !{i32 2, !"Dwarf Version", i32 4}
!33 = !DISubroutineType(types: !0)
"""


def symbols(chains: Iterable[Chain]) -> dict[Chain, str]:
    """What the copies are called."""
    return {chain: f"@c{k}" for k, chain in enumerate(chains)}
