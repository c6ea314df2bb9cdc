"""Custom sections taken out of a binary; everything else stays byte for byte as it was."""

import re
from collections.abc import Iterable
from typing import Final

from wadjet.tools.outline import Entry, outline

#: what is of use to whoever runs or links the module, and so stays unless all is to go
_USEFUL: Final = re.compile(r"name|component-type.*|dylink\.0", re.DOTALL)


def strip(
    data: bytes, *, everything: bool = False, delete: Iterable[str] = (), keep: Iterable[str] = ()
) -> bytes:
    """The module without custom sections.

    By default all go but `name`, `component-type…` and `dylink.0`; with `everything`, these too.
    `delete` takes regular expressions: then only custom sections whose name matches one go. What
    `keep` names, to the letter, always stays. Raises Malformed, and re.error for a bad expression.
    """
    patterns = [re.compile(pattern) for pattern in delete]
    kept = frozenset(keep)
    out = [data[:8]]
    for entry in outline(data):
        if entry.custom in kept or not _doomed(entry, everything, patterns):
            out.append(data[entry.head : entry.end])
    return b"".join(out)


def _doomed(entry: Entry, everything: bool, patterns: list[re.Pattern[str]]) -> bool:
    if entry.custom is None:
        return False
    if everything:
        return True
    if patterns:
        return any(pattern.search(entry.custom) for pattern in patterns)
    return _USEFUL.fullmatch(entry.custom) is None
