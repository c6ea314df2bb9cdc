"""Reads the instructions out of the standard's own grammar (SpecTec, `specification/wasm-3.0`).

Three files tell the same instructions: 5.3 their bytes, 6.3 their text, 2.3 their types. Each rule
of the first two ends in an abstract instruction such as ``LOAD I32 (`8 _ S) x ao``; what is left of
it without the variables (``LOAD I32 8 S``) is the key that joins them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_KINDS = {
    "blocktype": "block", "labelidx": "label", "funcidx": "func", "typeidx": "type",
    "tableidx": "table", "memidx": "mem", "globalidx": "global", "tagidx": "tag",
    "localidx": "local", "dataidx": "data", "elemidx": "elem", "fieldidx": "field",
    "i32": "i32", "i64": "i64", "f32": "f32", "f64": "f64", "u32": "u32", "memarg": "memarg",
    "laneidx": "lane", "heaptype": "ref",
}  # fmt: skip
_LISTS = {"valtype": "types", "labelidx": "labels", "catch": "catches"}
_SIXTEEN = {"laneidx": "lanes", "byte": "v128"}
_TYPES = {"I8", "I16", "I32", "I64", "F32", "F64", "V128"}


@dataclass(frozen=True)
class Encoding:
    """One rule of the binary grammar."""

    prefix: int | None
    code: int
    immediates: tuple[str, ...]
    key: tuple[str, ...]


@dataclass(frozen=True)
class Spelling:
    """One rule of the text grammar; `natural` is the default alignment, 0 without a memarg."""

    mnemonic: str
    key: tuple[str, ...]
    natural: int


def _rules(path: Path) -> Iterator[str]:
    """The alternatives of every production, continuation lines joined, comments dropped."""
    rule: list[str] = []
    for line in [*path.read_text().splitlines(), ""]:
        text = line.partition(";;")[0].rstrip()
        if rule and not text.startswith("    "):
            yield " ".join(rule)
            rule = []
        if text.startswith("  |"):
            rule = [text.removeprefix("  |").strip()]
        elif rule:
            rule.append(text.strip())


def _key(abstract: str) -> tuple[str, ...]:
    """The constructor and the constants of an abstract instruction, without its variables."""
    plain = abstract.partition(" -- ")[0].partition("$")[0]
    return tuple(re.findall(r"(?<![\w$^])(?:[A-Z][A-Z0-9_.]*|\d+)\b", plain))


def _immediates(grammar: str) -> tuple[str, ...]:
    """The immediates of a binary rule, in the vocabulary of our rows."""
    if "Bcastop" in grammar:
        return ("cast",)
    kinds = []
    for found in re.finditer(r":B(?:list\(B(\w+)\)|(\w+)(\)\^16)?)", grammar):
        many, one, sixteen = found.groups()
        if many is not None:
            kinds.append(_LISTS[many])
        elif one != "instr":
            kinds.append(_SIXTEEN[one] if sixteen else _KINDS[one])
    return ("labels",) if kinds == ["labels", "label"] else tuple(kinds)


def encodings(folder: Path) -> list[Encoding]:
    """Every instruction of the binary grammar."""
    found = []
    for rule in _rules(folder / "5.3-binary.instructions.spectec"):
        grammar, arrow, abstract = rule.partition("=>")
        code = re.match(r"0x(\w\w)(?: (\d+):Bu32)?", grammar)
        key = _key(abstract)
        if arrow and code and key and (code[2] or not re.match(r"0x0[0-3]\b.*(CATCH|NULL)", rule)):
            byte = int(code[1], 16)
            prefix, number = (byte, int(code[2])) if code[2] else (None, byte)
            immediates = _immediates(grammar[code.end() :])
            if "(REF NULL ht)" in abstract:
                immediates = tuple("refnull" if k == "ref" else k for k in immediates)
            if key[0] == "REF.NULL":
                immediates = ("refnull",)
            found.append(Encoding(prefix, number, immediates, key))
    return found


def spellings(folder: Path) -> list[Spelling]:
    """Every instruction of the text grammar, abbreviations left out."""
    found = []
    for rule in _rules(folder / "6.3-text.instructions.spectec"):
        grammar, arrow, abstract = rule.partition("=>")
        word = re.match(r'"([a-z][\w.]*)"', grammar)
        if arrow and word and "==" not in grammar:
            natural = re.search(r"Tmemarg_\((\d+)\)", grammar)
            found.append(Spelling(word[1], _key(abstract), int(natural[1]) if natural else 0))
    return found


def mnemonics(folder: Path) -> dict[tuple[str, ...], Spelling]:
    """Key → spelling; a key of one word also serves rules whose constants are more specific."""
    return {spelling.key: spelling for spelling in spellings(folder)}


def effects(folder: Path) -> dict[str, tuple[list[str], str, str]]:
    """Constructor → (the type variables of the rule, its operands, its results), as written."""
    text = (folder / "2.3-validation.instructions.spectec").read_text()
    rule = re.compile(r"^rule Instr_ok/\S+:\n  C \|- (\S+)(.*?) : (.*?) ->(?:_\(x\))? (.*)$", re.M)
    found: dict[str, tuple[list[str], str, str]] = {}
    for head, pattern, operands, results in rule.findall(text):
        variables = re.findall(r"\b(?:nt_1|nt_2|nt|Inn|sh_1|sh_2|sh|V128)\b", pattern)
        found.setdefault(head, (variables, operands, results))
    return found


def effect(encoding: Encoding, rules: dict[str, tuple[list[str], str, str]]) -> str:
    """The stack effect of an encoding in the notation of our rows, for the monomorphic ones."""
    variables, operands, results = rules[encoding.key[0]]
    bound = dict(zip(variables, [w for w in encoding.key[1:] if w in _TYPES], strict=False))

    def words(side: str) -> str:
        side = re.sub(r"\(REF (NULL )?(\w+)\)", _reference, side)
        out = []
        for word in side.split():
            unpacked = re.fullmatch(r"\$unpackshape\((\w+)\)", word)
            if unpacked:
                lane = bound[unpacked[1]]
                out.append("i32" if lane in ("I8", "I16") else lane.lower())
            elif word != "eps":
                out.append(bound.get(word, word).lower())
        return " ".join(out)

    return f"{words(operands)} -> {words(results)}".strip()


def _reference(found: re.Match[str]) -> str:
    return f"{found[2].lower()}ref" if found[1] else f"ref_{found[2].lower()}"
