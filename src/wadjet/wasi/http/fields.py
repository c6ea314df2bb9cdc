"""Fields of HTTP messages: which are well formed, and which a guest may not set."""

import re
from collections.abc import Iterable
from typing import Final, Self

#: Names and values, in order, names as they were written.
Entries = list[tuple[str, bytes]]

_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(rb"[\t !-~\x80-\xff]*")
#: What says how a message is sent is the host's affair.
FORBIDDEN: Final = frozenset(
    "connection host http2-settings keep-alive proxy-authenticate proxy-authorization "
    "proxy-connection transfer-encoding upgrade".split()
)
#: The most a section may have, names, values and 32 bytes for each entry.
MAX_SECTION: Final = 128 * 1024
_OVERHEAD: Final = 32


class FieldError(Exception):
    """Why a field was refused: a case of `header-error`."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label: Final = label


def is_name(text: str) -> bool:
    """Whether a field may have this name."""
    return _NAME.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Whether this may be a method."""
    return _NAME.fullmatch(text) is not None


def without_forbidden(entries: Iterable[tuple[str, bytes]]) -> Entries:
    """Entries from outside as a guest may see them."""
    return [(name, value) for name, value in entries if name.lower() not in FORBIDDEN]


class FieldList:
    """A list of fields that keeps to the rules. `frozen` ones cannot be changed."""

    __slots__ = ("_entries", "_size", "frozen")

    def __init__(self) -> None:
        self._entries: Entries = []
        self._size = 0
        self.frozen = False

    @classmethod
    def of(cls, entries: Iterable[tuple[str, bytes]], *, frozen: bool = True) -> Self:
        """A list from outside: its entries are what they are."""
        made = cls()
        made._entries = list(entries)
        made._size = sum(map(_cost, made._entries))
        made.frozen = frozen
        return made

    def entries(self) -> Entries:
        """All entries, in order."""
        return list(self._entries)

    def values(self, name: str) -> list[bytes]:
        """All values of a name."""
        folded = name.lower()
        return [value for each, value in self._entries if each.lower() == folded]

    def remove(self, name: str) -> list[bytes]:
        """Take out a name; the values it had. Raises FieldError."""
        self._check(name, [])
        gone = self.values(name)
        folded = name.lower()
        self._entries = [entry for entry in self._entries if entry[0].lower() != folded]
        self._size = sum(map(_cost, self._entries))
        return gone

    def extend(self, entries: Entries) -> None:
        """Put entries at the end; a name stays spelled as it was first. Raises FieldError."""
        for name, value in entries:
            self._check(name, [value])
        more = sum(map(_cost, entries))
        if self._size + more > MAX_SECTION:
            raise FieldError("size-exceeded")
        spelled = {name.lower(): name for name, _ in reversed(self._entries)}
        for name, value in entries:
            self._entries.append((spelled.setdefault(name.lower(), name), value))
        self._size += more

    def replace(self, name: str, values: Iterable[bytes]) -> None:
        """Set all values of a name. Raises FieldError."""
        given = [bytes(value) for value in values]
        self._check(name, given)
        kept = [entry for entry in self._entries if entry[0].lower() != name.lower()]
        entries = kept + [(name, value) for value in given]
        if sum(map(_cost, entries)) > MAX_SECTION:
            raise FieldError("size-exceeded")
        self._entries = entries
        self._size = sum(map(_cost, entries))

    def _check(self, name: str, values: Iterable[bytes]) -> None:
        if self.frozen:
            raise FieldError("immutable")
        if not is_name(name) or not all(_VALUE.fullmatch(value) for value in values):
            raise FieldError("invalid-syntax")
        if name.lower() in FORBIDDEN:
            raise FieldError("forbidden")


def _cost(entry: tuple[str, bytes]) -> int:
    return len(entry[0]) + len(entry[1]) + _OVERHEAD


def content_length(entries: Entries) -> int | None:
    """How long the body shall be, if that is said. Raises ValueError where it is said badly."""
    values = {value.strip() for name, value in entries if name.lower() == "content-length"}
    if not values:
        return None
    (value,) = values
    if not value.isdigit() or len(value) > 19:
        raise ValueError("content-length is no number")
    return int(value)
