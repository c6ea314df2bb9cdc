"""Innermost loops in two versions: one that keeps every access in its place, and one for when all
of them are known to lie in bounds.

Accesses that can trap are effects, which LLVM may neither drop nor move nor vectorise (see
`memory`). Most loops walk through memory in steps, though, and what they will touch can be told
before they start: an address that grows by S bytes from a on stays below a + (n-1)·S + offset +
size, where n is how often the loop runs at most. Where that is within the memory, which never
shrinks, nothing in the loop can trap, and its accesses are plain ones.

Addresses are i32 and may wrap. So they are taken as linear combinations (`Form`) of what changes by
a constant in each round and of what the loop leaves alone; the check adds up in 64 bits, hence what
passes does not wrap either, and the plain version says so to LLVM.

The plain version stands between two fences that cost no instruction: no plain store leaves its loop
for a place from where a trap elsewhere could be seen without it, or before it.
"""

import re
from collections.abc import Iterator
from typing import Final, final

from wadjet.engine.contract.layout import VM_MEMORY
from wadjet.engine.emit.function import Edge, Frame, FunctionEmitter, Watch
from wadjet.engine.emit.memory import memory_pointer

#: What a name adds up to, modulo 2^32: name → factor, "" for the constant part.
Form = dict[str, int]

#: A loop with fewer rounds is not worth looking at.
_ROUNDS: Final = 8
#: Lines of a loop, and different addresses in it, that are still looked at.
_LINES: Final = 250
_ADDRESSES: Final = 8
#: Terms of a form.
_TERMS: Final = 6
_WORD: Final = (1 << 32) - 1

_DEFINITION: Final = re.compile(r"(%[\w.]+) = (add|sub|mul|shl|and) i32 (\S+), (\S+)$")
_TEST: Final = re.compile(r"(%[\w.]+) = icmp (\w+) i32 (\S+), (\S+)$")
_WIDENED: Final = re.compile(r"(%[\w.]+) = zext i32 (%[\w.]+) to i64$")
_BRANCH: Final = re.compile(r"br i1 (%[\w.]+), label %([\w.]+), label %([\w.]+)")
_JUMP: Final = re.compile(r"br label %([\w.]+)$")
_LABEL: Final = re.compile(r"label %([\w.]+)")
_NAME: Final = re.compile(r"%[\w.]+")
_NEGATED: Final = {
    "eq": "ne", "ult": "uge", "ule": "ugt", "ugt": "ule", "uge": "ult",
    "slt": "sge", "sle": "sgt", "sgt": "sle", "sge": "slt",
}  # fmt: skip
_SWAPPED: Final = {"ult": "ugt", "ule": "uge", "slt": "sgt", "sle": "sge"}
_SWAPPED_BACK: Final = {b: a for a, b in _SWAPPED.items()}
_FENCE: Final = 'fence syncscope("singlethread") seq_cst'


def watch(e: FunctionEmitter, frame: Frame) -> None:
    """A loop begins; it is the innermost one now."""
    type_ = e.unit.memories[0] if e.unit.memories else None
    if e.unit.settings.versions and type_ is not None and not type_.shared:
        e.watch = Watch(e.frames[:-1])
        frame.extra = e.watch


def twice(e: FunctionEmitter, frame: Frame) -> bool:
    """The loop ends, its strict version is emitted, but for the phis at its head: put the plain
    version behind it, if there can be one, and join them. The caller writes the phis."""
    seen, e.watch = e.watch, None
    if seen is None or frame.extra is not seen or not seen.accesses or len(frame.edges) != 2:
        return False
    loop = _Loop(e, frame, seen)
    if not loop.analyse():
        return False
    loop.write()
    return True


@final
class _Loop:
    """One loop, from the lines that were emitted for it."""

    def __init__(self, e: FunctionEmitter, frame: Frame, seen: Watch) -> None:
        self.e = e
        self.frame = frame
        self.seen = seen
        self.lines = "\n".join(e.lines[frame.phi_at + 1 :]).split("\n")
        #: of each i32 that is defined in the loop; None where it is no linear combination
        self.forms: dict[str, Form | None] = {}
        #: what changes by a constant in each round → by how much
        self.steps: dict[str, int] = {}
        #: what it is at first
        self.initial: dict[str, str] = {}
        #: predicate under which the loop goes on, and what it compares
        self.test: tuple[str, Form, Form, int] | None = None
        #: operand → its form, step and the reach of its accesses
        self.addresses: dict[str, tuple[Form, int, int]] = {}
        self.starts: dict[str, str] = {}  # operand → its first value, as i64

    # --- what can be told ----------------------------------------------------------------------

    def analyse(self) -> bool:
        """Whether all that the loop will touch can be told from before it."""
        if len(self.lines) > _LINES or not self._harmless():
            return False
        self._read_forms()
        self._read_steps()
        return self._promising() and self._read_addresses() and self._read_test()

    def _harmless(self) -> bool:
        """Whether there is nothing that keeps its place but the accesses that were noted."""
        kept = 0
        for line in self.lines:
            if " volatile " in line:
                if "atomic" in line or "!tbaa !3" not in line:
                    return False
                kept += 1
            elif ("call " in line and ("@llvm." not in line or "ptr" in line)) or (
                line.startswith(("store", "fence")) or "atomic" in line
            ):
                return False
        return kept == len(self.seen.accesses)

    def _promising(self) -> bool:
        """Whether LLVM can be expected to vectorise it: there is one way out, and what one round
        leaves to the next is a step further or one more part of a sum or product."""
        labels = {line[:-1] for line in self.lines if line.endswith(":")} | {self.frame.label}
        branches = [line for line in self.lines if line.startswith(("br ", "switch "))]
        targets = [label for line in branches for label in _LABEL.findall(line)]
        leaves = [label for label in targets if label not in labels or label == self.e.block]
        if len(leaves) != 1:
            return False
        text = "\n".join(self.lines)
        back = self.frame.edges[1]
        for name, type_, which in self.frame.phis:
            if name in self.steps or not re.search(f"{re.escape(name)}(?![\\w.])", text):
                continue
            last = back[1][which] if which >= 0 else back[2][~which]
            if not re.search(
                f"{last} = (f?add|mul|and|or|xor) {type_} .*{re.escape(name)}\\b", text
            ):
                return False
        return True

    def _read_forms(self) -> None:
        forms = self.forms
        for name, type_, _ in self.frame.phis:
            forms[name] = {name: 1} if type_ == "i32" else None
        for line in self.lines:
            name, is_definition, _ = line.partition(" = ")
            if is_definition:
                found = _DEFINITION.match(line)
                forms[name] = self._combine(*found.groups()[1:]) if found else None

    def _combine(self, op: str, left: str, right: str) -> Form | None:
        a, b = self.form(left), self.form(right)
        if a is None or b is None:
            return None
        if op in ("add", "sub"):
            return _sum(a, b, 1 if op == "add" else -1)
        if op == "mul" and not a.keys() - {""}:
            a, b = b, a
        if b.keys() - {""}:
            return None
        factor = b.get("", 0)
        if op == "and":
            return None if a.keys() - {""} else {"": a.get("", 0) & factor}
        return _sum({}, a, {"mul": factor, "shl": 1 << (factor & 31)}[op])

    def form(self, name: str) -> Form | None:
        """What an operand adds up to."""
        if not name.startswith("%"):
            return {"": int(name) & _WORD}
        return self.forms.get(name, {name: 1})

    def _read_steps(self) -> None:
        first, back = self.frame.edges
        for name, type_, which in self.frame.phis:
            if type_ != "i32":
                continue
            last = self.form(back[1][which] if which >= 0 else back[2][~which])
            change = None if last is None else _sum(last, {name: 1}, -1)
            if change is not None and not change.keys() - {""}:
                self.steps[name] = change.get("", 0)
                self.initial[name] = first[1][which] if which >= 0 else first[2][~which]

    def _step(self, form: Form | None) -> int | None:
        """By how much a form changes in each round, with its sign; None if that is not constant."""
        if form is None:
            return None
        total = 0
        for name, factor in form.items():
            if name in self.steps:
                total += factor * self.steps[name]
            elif name in self.forms:
                return None
        return _signed(total)

    def _read_addresses(self) -> bool:
        for operand, offset, size in self.seen.accesses:
            form = self.form(operand)
            step = self._step(form)
            if form is None or step is None:
                return False
            _, _, reach = self.addresses.get(operand, (form, step, 0))
            self.addresses[operand] = form, step, max(reach, offset + size)
        return len({tuple(sorted(f.items())) for f, _, _ in self.addresses.values()}) <= _ADDRESSES

    def _read_test(self) -> bool:
        """Find a test that every round passes, and that ends the loop in the end."""
        blocks, tests = self._blocks()
        for here in self._every_round(blocks):
            branch = _BRANCH.match(blocks[here])
            if branch is not None and branch[1] in tests:
                yes, no = (self._stays(label, blocks) for label in branch.groups()[1:])
                if yes != no and self._take(*tests[branch[1]], negated=no):
                    return True
        return False

    def _every_round(self, blocks: dict[str, str]) -> Iterator[str]:
        """Blocks that every round passes: where it starts anew, and where it cannot turn off."""
        yield self.frame.edges[1][0]
        here = self.frame.label
        for _ in blocks:
            yield here
            jump = _JUMP.match(blocks[here]) or _BRANCH.match(blocks[here])
            stays = [x for x in jump.groups() if self._stays(x, blocks)] if jump else []
            if len(stays) != 1 or stays[0] == self.frame.label:
                return
            here = stays[0]

    def _stays(self, label: str, blocks: dict[str, str]) -> bool:
        """Whether what is there belongs to a round, and is not on the way out."""
        if label not in blocks or label == self.e.block:
            return False
        jump = _JUMP.match(blocks[label])
        return jump is None or jump[1] in blocks

    def _blocks(self) -> tuple[dict[str, str], dict[str, tuple[str, str, str]]]:
        """How each block ends; the comparisons, by the name of their i1."""
        ends = {self.frame.label: ""}
        tests: dict[str, tuple[str, str, str]] = {}
        here = self.frame.label
        for line in self.lines:
            if line.endswith(":"):
                here = line[:-1]
                ends[here] = ""
            elif line.startswith("br "):
                ends[here] = line
            elif test := _TEST.match(line):
                tests[test[1]] = test[2], test[3], test[4]
        return ends, tests

    def _take(self, predicate: str, left: str, right: str, negated: bool) -> bool:
        """Whether the loop goes on only while this holds (or does not), and not for ever."""
        if negated:
            predicate = _NEGATED.get(predicate, "")
        a, b = self.form(left), self.form(right)
        step, other = self._step(a), self._step(b)
        if a is None or b is None or step is None or other is None:
            return False
        if other and not step:
            a, b, step, other = b, a, other, step
            predicate = _SWAPPED.get(predicate) or _SWAPPED_BACK.get(predicate) or predicate
        if not step or other or step == -1 << 31:
            return False
        if predicate != "ne" and predicate[1:] not in (("lt", "le") if step > 0 else ("gt", "ge")):
            return False
        self.test = predicate, a, b, step
        return True

    # --- the check, before the loop --------------------------------------------------------------

    def write(self) -> None:
        """Put the check before the loop and the plain version behind it."""
        e, frame = self.e, self.frame
        results = e.pops(len(frame.results)) if e.block is not None else []
        loop = e.lines[frame.phi_at - 2 :]
        del e.lines[frame.phi_at - 2 :]
        behind, block = e.label("end"), e.block
        strict = None if block is None else (block, e.locals, results)
        check, plain = e.label("check"), f"{frame.label}.plain"
        enough = self._rounds()
        e.emit(f"br i1 {enough[0]}, label %{check}, label %{frame.label}")
        e.start(check)
        safe = self._in_bounds(enough[1])
        e.emit(_FENCE)
        e.emit(f"br i1 {safe}, label %{plain}, label %{frame.label}, !prof !7")
        _, first, values = frame.edges[0]
        frame.edges.append((check, first, values))
        frame.phi_at = len(e.lines) + 1
        e.lines += [self._rarely(line) for line in loop[1:]]
        tail = []
        if strict is not None:
            tail = [f"br label %{behind}"]
            e.emit(tail[0])
        copy = _Copy(self, check, plain, [*self.lines, *tail])
        copy.write()
        e.block = None
        if strict is not None:
            edges = [strict, copy.edge(strict, behind)]
            e.stack.extend(e.join(edges, behind, frame.results))

    def _rarely(self, line: str) -> str:
        """A line of the strict version: where it starts anew, it asks not to be unrolled."""
        back = f"label %{self.frame.label}"
        return f"{line}, !llvm.loop !12" if back in line and line.startswith("br ") else line

    def _value(self, form: Form) -> str:
        """A form as it is in the first round."""
        total = str(_signed(form.get("", 0)))
        for name, factor in form.items():
            if name:
                term = self.initial.get(name, name)
                if factor != 1:
                    term = self.e.let(f"mul i32 {term}, {_signed(factor)}")
                total = term if total == "0" else self.e.let(f"add i32 {total}, {term}")
        return total

    def _rounds(self) -> tuple[str, str]:
        """Whether the loop runs for a while and certainly ends; how often it starts anew, at
        most, as i64."""
        e = self.e
        assert self.test is not None
        predicate, a, b, step = self.test
        size = abs(step)
        if predicate == "ne":
            start, stop = self._value(a), self._value(b)
            start, stop = (start, stop) if step > 0 else (stop, start)
            gap = e.let(f"sub i32 {stop}, {start}")
            rest = e.let(f"urem i32 {gap}, {size}")
            ends = e.let(f"icmp eq i32 {rest}, 0")
            last = e.let(f"zext i32 {e.let(f'udiv i32 {gap}, {size}')} to i64")
        else:
            extend = "sext" if predicate[0] == "s" else "zext"
            start = e.let(f"{extend} i32 {self._value(a)} to i64")
            stop = e.let(f"{extend} i32 {self._value(b)} to i64")
            least, most = (-(1 << 31), (1 << 31) - 1) if extend == "sext" else (0, _WORD)
            room = (
                f"sle i64 {stop}, {most - size}" if step > 0 else f"sge i64 {stop}, {least + size}"
            )
            ends = e.let(f"icmp {room}")
            start, stop = (start, stop) if step > 0 else (stop, start)
            gap = e.let(f"sub i64 {stop}, {start}")
            e.unit.declare("smax", "declare i64 @llvm.smax.i64(i64, i64)")
            gap = e.let(f"call i64 @llvm.smax.i64(i64 {gap}, i64 0)")
            last = e.let(f"add i64 {e.let(f'udiv i64 {gap}, {size}')}, 1")
        long = e.let(f"icmp uge i64 {last}, {_ROUNDS}")
        return e.let(f"and i1 {ends}, {long}"), last

    def _in_bounds(self, last: str) -> str:
        """Whether all that the loop will touch is in bounds."""
        e = self.e
        length = e.word("i64", memory_pointer(e, 0), VM_MEMORY["length"])
        done: dict[tuple[tuple[str, int], ...], str] = {}
        farthest: dict[str, tuple[int, int]] = {}
        for operand, (form, step, reach) in self.addresses.items():
            key = tuple(sorted(form.items()))
            start = done.get(key)
            if start is None:
                start = done[key] = e.let(f"zext i32 {self._value(form)} to i64")
            self.starts[operand] = start
            farthest[start] = step, max(reach, farthest.get(start, (step, 0))[1])
        safe = "true"
        for start, (step, reach) in farthest.items():
            end = e.let(f"add i64 {start}, {reach}")
            span = e.let(f"mul i64 {last}, {abs(step)}")
            if step > 0:
                end = e.let(f"add i64 {end}, {span}")
            elif step < 0:
                above = e.let(f"icmp uge i64 {start}, {span}")
                safe = e.let(f"and i1 {safe}, {above}")
            below = e.let(f"icmp ule i64 {end}, {length}")
            safe = e.let(f"and i1 {safe}, {below}")
        return safe


@final
class _Copy:
    """The plain version of a loop."""

    def __init__(self, loop: _Loop, check: str, plain: str, lines: list[str]) -> None:
        self.loop = loop
        self.check = check
        self.plain = plain
        self.lines = lines
        head = loop.frame.label
        self.names = {f"%{head}": f"%{plain}"}
        for name, _, _ in loop.frame.phis:
            self.names[name] = f"{name}.plain"
        for line in lines:
            if line.endswith(":"):
                self.names[f"%{line[:-1]}"] = f"%{line[:-1]}.plain"
            else:
                name, is_definition, _ = line.partition(" = ")
                if is_definition:
                    self.names[name] = f"{name}.plain"
        #: (block of the strict version, label outside) → block on the way there
        self.ways: dict[tuple[str, str], str] = {}

    def rename(self, text: str) -> str:
        """The same in terms of this version."""
        return _NAME.sub(lambda found: self.names.get(found[0], found[0]), text)

    def edge(self, edge: Edge, label: str) -> Edge:
        """The edge to a label outside that stands for one of the strict version."""
        block, names, values = edge
        mine = [self.names.get(name, name) for name in names]
        return self.ways[block, label], mine, [self.names.get(v, v) for v in values]

    def write(self) -> None:
        """Emit it, and have its edges beside the others."""
        e, frame = self.loop.e, self.loop.frame
        e.start(self.plain)
        first, back, _ = frame.edges
        source = self.names[f"%{back[0]}"]
        for name, type_, which in frame.phis:
            start = first[1][which] if which >= 0 else first[2][~which]
            last = back[1][which] if which >= 0 else back[2][~which]
            pairs = f"[ {start}, %{self.check} ], [ {self.names.get(last, last)}, {source} ]"
            e.emit(f"{self.names[name]} = phi {type_} {pairs}")
        round_ = f"%{self.plain}.round"
        e.emit(f"{round_} = phi i64 [ 0, %{self.check} ], [ {round_}.next, {source} ]")
        e.emit(f"{round_}.next = add nuw nsw i64 {round_}, 1")
        here = frame.label
        for line in self.lines:
            if line.endswith(":"):
                here = line[:-1]
                e.emit(self.rename(f"%{here}")[1:] + ":")
            else:
                self._line(line, here, round_)
        for (_, label), way in self.ways.items():
            e.emit(f"{way}:\n{_FENCE}\nbr label %{label}")
        for around, count in self.loop.seen.marks:
            for edge in around.edges[count:]:
                around.edges.append(self.edge(edge, around.label))

    def _line(self, line: str, here: str, round_: str) -> None:
        e, loop = self.loop.e, self.loop
        widened = _WIDENED.match(line)
        if widened and widened[2] in loop.addresses:
            step = loop.addresses[widened[2]][1]
            wraps = "nuw nsw" if step >= 0 else "nsw"
            way = e.let(f"mul {wraps} i64 {round_}, {step}")
            start = loop.starts[widened[2]]
            e.emit(f"{self.names[widened[1]]} = add {wraps} i64 {start}, {way}")
        elif line.startswith(("br ", "switch ")):
            e.emit(self._leave(line, here))
        else:
            e.emit(self.rename(line.replace(" volatile ", " ", 1)))

    def _leave(self, line: str, here: str) -> str:
        """A branch; what leaves the loop passes a fence."""

        def way(found: re.Match[str]) -> str:
            label = found[1]
            if f"%{label}" in self.names or label.startswith("trap"):
                return found[0]
            name = self.ways.get((here, label))
            if name is None:
                name = self.ways[here, label] = self.loop.e.label("way")
            return f"label %{name}"

        return self.rename(_LABEL.sub(way, line))


def _sum(a: Form, b: Form, factor: int) -> Form | None:
    """a + factor · b, without terms that vanish; None if it grows too long."""
    total = dict(a)
    for name, value in b.items():
        together = (total.pop(name, 0) + factor * value) & _WORD
        if together:
            total[name] = together
    return total if len(total) <= _TERMS else None


def _signed(value: int) -> int:
    value &= _WORD
    return value - (1 << 32) if value >> 31 else value
