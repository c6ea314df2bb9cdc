"""The only place that knows what WIT's names are in Python.

A name in WIT is words with hyphens between them, each all small or all capital letters. In Python
it is written as its kind is written there:

    kind                                rule    `get-stdout`  `HTTP-error`  `sha-256`  `import`
    function, method, parameter, field  snake   get_stdout    http_error    sha_256    import_
    record, variant, enum, flags,
      resource, case of a variant       pascal  GetStdout     HttpError     Sha_256    Import
    case of an enum, flag               upper   GET_STDOUT    HTTP_ERROR    SHA_256    IMPORT

Words lose the difference between small and capital letters, as no two names of one scope differ in
that alone. In `pascal` an underscore stands before a word that begins with a digit. A name that is
a keyword of Python gets an underscore at its end (`import_`, `None_`), as does one that Python or
wadjet has taken (`RESERVED`). So different names stay different, and each name follows from its
own spelling.

An interface goes by the last part of its name: `wasi:http/types@0.3.0` is `types`. Where several
of one world would be the same, all of them take in their package (`http_types`), then its
namespace (`wasi_http_types`), then the version (`wasi_http_types_0_3_0`).
"""

import keyword
import re
from collections.abc import Iterable, Mapping
from typing import Final

from wadjet.wit.semver import compatible, parse_version

#: members that resources have whatever their interface says
RESERVED: Final = frozenset(("drop",))
_SEPARATORS: Final = re.compile(r"[^0-9A-Za-z]+")


def snake(label: str) -> str:
    """The name of a function, a parameter, a field or a plain import or export."""
    return _free(label.removeprefix("%").replace("-", "_").lower())


def pascal(label: str) -> str:
    """The name of a type or of a case of a variant."""
    words = label.removeprefix("%").split("-")
    capital = [f"_{word}" if word[0].isdigit() else word.capitalize() for word in words]
    return _free("".join(capital))


def upper(label: str) -> str:
    """The name of a case of an enum or of a flag."""
    return _free(label.removeprefix("%").replace("-", "_").upper())


def member(label: str) -> str:
    """The name of a method or static function of a resource, given without the resource."""
    name = snake(label)
    return f"{name}_" if name in RESERVED else name


def _free(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def interface_names(names: Iterable[str]) -> Mapping[str, str]:
    """What goes by which attribute, for the imports or the exports of one world: full name, of an
    interface or plain, → Python's name."""
    every = list(names)
    found: dict[str, str] = {}
    level = dict.fromkeys(every, 1)
    while len(found) < len(every):
        found = {name: _spelled(name, level[name]) for name in every}
        shared = _shared(found)
        deeper = [name for name in shared if level[name] < len(_parts(name))]
        if not deeper:
            return found
        for name in deeper:
            level[name] += 1
        found.clear()
    return found


def _shared(found: Mapping[str, str]) -> list[str]:
    """The names whose spelling is another's too."""
    by_spelling: dict[str, list[str]] = {}
    for name, spelled in found.items():
        by_spelling.setdefault(spelled, []).append(name)
    return [name for group in by_spelling.values() if len(group) > 1 for name in group]


def _parts(name: str) -> list[str]:
    """The parts of a name, those first by which it goes: label, package, namespace, version."""
    path, _, version = name.partition("@")
    package, slash, label = path.rpartition("/")
    if not slash:
        return [path]
    *namespaces, words = package.split(":")
    return [label, words, *reversed(namespaces), *([version] if version else [])]


def _spelled(name: str, parts: int) -> str:
    every = _parts(name)[:parts]
    version = every.pop() if "@" in name and parts == len(_parts(name)) else ""
    words = [*reversed(every), version] if version else list(reversed(every))
    return _free(_SEPARATORS.sub("_", "_".join(words)).lower())


def matches(asked: str, given: str) -> bool:
    """Whether an interface that goes by one name may stand for another: it has the same name, or
    one that differs in the version alone, and versions that are compatible."""
    if asked == given:
        return True
    path, _, version = asked.partition("@")
    other, _, theirs = given.partition("@")
    if path != other:
        return False
    wanted, offered = parse_version(version), parse_version(theirs)
    return wanted is not None and offered is not None and compatible(wanted, offered)
