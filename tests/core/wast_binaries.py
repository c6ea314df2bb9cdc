"""The binary modules of .wast scripts, found without the text room: a very small reader."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|\(;|;;[^\n]*|[()]|[^\s()";]+|\s+|;', re.DOTALL)
_NESTED = re.compile(rb"\(;|;\)")
_ESCAPE = re.compile(rb"\\(u\{[0-9a-fA-F_]+\}|[0-9a-fA-F]{2}|.)")
_SIMPLE = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b'"': b'"', b"'": b"'", b"\\": b"\\"}


@dataclass(frozen=True)
class BinaryModule:
    """One `(module binary …)`: where it stands, its bytes, and what the script expects of it."""

    where: str
    data: bytes
    #: "module" (well-formed and valid), "malformed", "invalid" or "unlinkable"
    verdict: str
    message: str = ""


def binary_modules(path: Path) -> Iterator[BinaryModule]:
    """Every binary module of a script, bare or inside an assertion."""
    source = path.read_bytes()
    if b"binary" not in source:
        return
    for line, form in _forms(source):
        where = f"{path.name}:{line}"
        head = form[0] if form else b""
        if head == b"module":
            found = _bytes_of(form)
            if found is not None:
                yield BinaryModule(where, found, "module")
        elif isinstance(head, bytes) and head.startswith(b"assert_") and isinstance(form[1], list):
            found = _bytes_of(form[1])
            if found is not None:
                message = _unescape(form[2]).decode() if len(form) > 2 else ""
                verdict = head.decode().removeprefix("assert_").removesuffix("_custom")
                yield BinaryModule(where, found, verdict, message)


def _bytes_of(form: list) -> bytes | None:
    words = [i for i, word in enumerate(form[:4]) if word == b"binary"]
    if form[:1] != [b"module"] or not words:
        return None
    return b"".join(_unescape(word) for word in form[words[0] + 1 :])


def _unescape(string: bytes) -> bytes:
    return _ESCAPE.sub(_escape, string[1:-1])


def _escape(match: "re.Match[bytes]") -> bytes:
    code = match[1]
    if code in _SIMPLE:
        return _SIMPLE[code]
    if code.startswith(b"u{"):
        return chr(int(code[2:-1], 16)).encode()
    return bytes([int(code, 16)])


def _forms(source: bytes) -> Iterator[tuple[int, list]]:
    stack: list[list] = []
    line = at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        assert match is not None, source[at : at + 20]
        token = match[0]
        at = match.end()
        if token == b"(;":
            at = _skip_comment(source, at)
        elif token == b"(":
            if not stack:
                line = source.count(b"\n", 0, at) + 1
            stack.append([])
        elif token == b")":
            form = stack.pop()
            if stack:
                stack[-1].append(form)
            else:
                yield line, form
        elif not token.isspace() and not token.startswith(b";;") and stack:
            stack[-1].append(token)


def _skip_comment(source: bytes, at: int) -> int:
    depth = 1
    while depth:
        match = _NESTED.search(source, at)
        assert match is not None
        depth += 1 if match[0] == b"(;" else -1
        at = match.end()
    return at
