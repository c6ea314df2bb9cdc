"""The only place that turns identifiers into indices: scopes, references, and the aliases that
references stand for (Explainer.md, "Index Spaces", "Alias Definitions").

A reference may name an export of an instance, `(func $i "f")`, or a definition of an enclosing
scope; either way an alias is put before the definition that refers to it.
"""

from typing import Final, final

from wadjet.component import limits
from wadjet.component.component import Definition, Names, additions
from wadjet.component.types import (
    OUTER_SORTS, SORTS, AliasCoreExport, AliasExport, AliasOuter, AnyType, Attribute, EqType,
    ExportDecl, ExternName, Import, ModuleDecl, TypeDef, sort_of,
)  # fmt: skip
from wadjet.core.features import Features
from wadjet.core.module import Module
from wadjet.core.text.annotations import Annotations
from wadjet.core.text.cursor import shorten
from wadjet.core.text.lexer import Tokens
from wadjet.core.text.resolve import Space, TypeSpace
from wadjet.core.text.types import TypeParser
from wadjet.core.types import StructType, SubType

#: Every word of components' text that is not a word of modules' text.
KEYWORDS: Final = frozenset(
    """
    component core alias outer instantiate with canon lift lower value rep dtor resource own borrow
    record variant case list map tuple flags enum option error stream future eq async cancellable
    bool s8 u8 s16 u16 s32 u32 s64 u64 char string error-context some none ok true false
    realloc post-return callback string-encoding=utf8 string-encoding=utf16
    string-encoding=latin1+utf16 implements versionsuffix external-id interface
    """.split()
)
#: what stands in a core type space for what no type of a module can be
OPAQUE: Final = SubType(StructType(()))
TypeEntry = AnyType | None


@final
class Frame:
    """One scope being read: a component, or the type of a component, an instance or a module.

    `out` are its definitions so far. `borrowed` are identifiers of enclosing scopes that have an
    alias here. `exports` wait for the end: `(func (export "f") …)` is exported after all else.
    """

    __slots__ = (
        "borrowed", "core", "defs", "exports", "groups", "names", "out", "spaces", "title",
    )  # fmt: skip

    def __init__(self, title: str | None) -> None:
        self.title: Final = title
        self.spaces: Final = {sort: Space(sort) for sort in SORTS}
        self.core: Final = TypeSpace()
        self.spaces["core type"] = self.core.names
        self.borrowed: Final[dict[tuple[str, str], int]] = {}
        self.out: Final[list[Definition | ExportDecl | ModuleDecl]] = []
        self.exports: Final[list[tuple[ExternName, str, int, int]]] = []
        #: what is known of each type, for the constants of value definitions
        self.defs: Final[list[TypeEntry]] = []
        self.names: Final = Names()
        #: how many recursion groups of core types are among the definitions
        self.groups = 0


class ScopeParser(TypeParser):
    """Reads references. `frames` are the open scopes, the innermost last; `depth` counts the value
    types around the current place."""

    __slots__ = ("annotations", "depth", "frames")

    def __init__(self, tokens: Tokens, features: Features) -> None:
        super().__init__(tokens, features)
        self.frames: Final[list[Frame]] = []
        self.depth = 0
        self.annotations: Final = Annotations(tokens, Module())

    @property
    def frame(self) -> Frame:
        """The innermost open scope."""
        return self.frames[-1]

    def open(self, title: str | None) -> Frame:
        """Begin a scope. `title` is the identifier by which outer aliases know it."""
        self.check_nesting()
        made = Frame(title)
        self.frames.append(made)
        self.types = made.core
        return made

    def close(self) -> None:
        """End the innermost scope."""
        self.frames.pop()
        if self.frames:
            self.types = self.frame.core

    def check_nesting(self) -> None:
        """Reject what lies inside too many scopes and types."""
        if len(self.frames) + self.depth >= limits.NESTING:
            raise self.error(f"nesting too deep: the limit is {limits.NESTING}")

    def _known(self, text: str) -> bool:
        return text in KEYWORDS or super()._known(text)

    def called(self, noun: str) -> str | None:
        """What an @name annotation here says."""
        return self.annotations.name_at(self.at, noun)

    # Definitions and what they are called.

    def emit(
        self, made: Definition | ExportDecl, name: str | None = None, called: str | None = None
    ) -> int:
        """Append a definition to the innermost scope. Returns the index that it gets."""
        frame = self.frame
        sort = sort_of(made.type) if isinstance(made, ExportDecl) else additions(made)[0]
        frame.out.append(made)
        index = frame.spaces[sort].bind(name, self)
        if called is not None:
            frame.names.of(sort)[index] = called
        if sort == "type":
            frame.defs.append(self._meaning(made))
        elif sort == "core type":
            frame.core.flat.append(OPAQUE)
        return index

    def _meaning(self, made: Definition | ExportDecl) -> TypeEntry:
        """What is known of the type that a definition adds."""
        if isinstance(made, TypeDef):
            return made.type
        if isinstance(made, Import | ExportDecl) and isinstance(made.type, EqType):
            known = self.frame.defs
            return known[made.type.type] if made.type.type < len(known) else None
        return None

    # References.

    def index(self, sort: str) -> int:
        """An index of a sort: a number, or an identifier of this scope or one around it."""
        text = self.texts[self.at]
        if text[:1] != "$":
            return self.natural(32, f"a {sort} index")
        place = self.starts[self.at]
        name = self.identifier_of(text)
        for depth, frame in enumerate(reversed(self.frames)):
            found = frame.spaces[sort].indices.get(name)
            if found is None and depth == 0:
                found = frame.borrowed.get((sort, name))
            if found is not None:
                self.at += 1
                return found if depth == 0 else self._borrow(sort, name, depth, found, place)
        raise self.error(f"unknown {sort} {shorten(text)}")

    def _borrow(self, sort: str, name: str, depth: int, found: int, place: int) -> int:
        """Alias a definition of an enclosing scope, once for each scope that refers to it."""
        if sort not in OUTER_SORTS:
            raise self.error(f"outer item `{name}` is not a module, type, or component")
        made = self.emit(AliasOuter(sort, depth, found, place))
        self.frame.borrowed[sort, name] = made
        return made

    def reference(self, sort: str) -> int:
        """`idx`, or `(sort idx "name"*)`."""
        if self.texts[self.at] != "(":
            return self.projected(sort)
        self.at += 1
        if sort.startswith("core "):
            self.take("core")
        self.expect(sort.removeprefix("core "))
        index = self.projected(sort)
        self.expect(")")
        return index

    def projected(self, sort: str) -> int:
        """`idx "name"*`: each name is an export of the instance before it."""
        if self.texts[self.at + 1][:1] != '"':
            return self.index(sort)
        place = self.starts[self.at]
        if sort.startswith("core ") and sort != "core module":
            instance = self.index("core instance")
            return self.emit(AliasCoreExport(sort, instance, self.name(), place))
        instance = self.index("instance")
        while True:
            name = self.name()
            if self.texts[self.at][:1] != '"':
                return self.emit(AliasExport(sort, instance, name, place))
            instance = self.emit(AliasExport("instance", instance, name, place))

    def sort(self, core: bool = False) -> str:
        """A sort; `core` says that the word core goes without saying."""
        core = self.take("core") or core
        word = self.texts[self.at]
        found = f"core {word}" if core else word
        if found not in SORTS:
            raise self.unexpected("a sort")
        self.at += 1
        return found

    def item(self, core: bool = False) -> tuple[str, int]:
        """`(sort idx "name"*)`: a definition of any sort."""
        self.expect("(")
        sort = self.sort(core)
        index = self.projected(sort)
        self.expect(")")
        return sort, index

    # Names of imports and exports.

    def extern_name(self) -> ExternName:
        """A string and attributes, each kind of which may stand once. An older form puts the
        string into `(interface …)`."""
        if self.opens("interface"):
            self.at += 2
            name = self.name()
            self.expect(")")
        else:
            name = self.name()
        attributes: list[Attribute] = []
        while self.texts[self.at] == "(" and self.texts[self.at + 1] in _ATTRIBUTES:
            kind = self.texts[self.at + 1]
            if any(a.kind == kind for a in attributes):
                raise self.error(f"unexpected token {kind}: it is there already", self.at + 1)
            self.at += 2
            attributes.append(Attribute(kind, self.name()))
            self.expect(")")
        return ExternName(name, tuple(attributes))

    def inline(self, word: str) -> ExternName | None:
        """`(export "name")` or `(import "name")` in the definition that it is about, if that and
        no definition of its own stands here."""
        start = self.at
        if not self.opens(word) or self.texts[start + 2][:1] not in ('"', "("):
            return None
        self.at += 2
        name = self.extern_name()
        if self.take(")"):
            return name
        self.at = start
        return None

    def inline_exports(self) -> list[tuple[ExternName, int]]:
        """`(export "name")*` in a definition that is exported."""
        made = []
        place = self.starts[self.at]
        while (name := self.inline("export")) is not None:
            made.append((name, place))
            place = self.starts[self.at]
        return made


_ATTRIBUTES: Final = ("implements", "versionsuffix", "external-id")
