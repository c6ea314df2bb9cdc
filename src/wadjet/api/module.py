"""`Module`: a decoded and validated module, ready to be instantiated any number of times."""

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, final

from wadjet.api.descriptions import ExportType, ImportType, ItemType, Kind
from wadjet.base.errors import Malformed
from wadjet.core.features import DEFAULT, Features
from wadjet.core.module import Module as CoreModule
from wadjet.core.subtyping import ClosedFunc, ClosedTag, close_extern
from wadjet.core.types import DefType, ExternType, FuncType, GlobalType, TableType

if TYPE_CHECKING:
    from wadjet.core.validate import ValidModule
    from wadjet.engine.runtime.code import ModuleCode
    from wadjet.engine.tiers.artifact import Artifact

_MAGIC: Final = b"\0asm"
#: see `wadjet.engine.tiers.artifact`, which is loaded when there is one
_ARTIFACT: Final = b"\0wadjet\1"


def read_module(source: Any, features: Features, *, lazy: bool = False) -> CoreModule:
    """Decode bytes (lazily: all but the bodies of functions), parse text, or take what somebody
    decoded before."""
    if isinstance(source, CoreModule):
        return source
    if isinstance(source, str):
        from wadjet.core.text import parse

        return parse(source, features)
    from wadjet.core.binary import decode

    return decode(source, features, lazy=lazy)


@contextmanager
def _without_collector() -> Iterator[None]:
    """A module is a great many objects and no garbage: the collector of cycles, which looks all
    the more often, would double the time it takes to make one."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def validate(source: bytes | bytearray | memoryview | str, features: Features = DEFAULT) -> None:
    """Check a module, binary (bytes) or text (str). Returns None if it is valid.

    Raises `Malformed` where it does not follow the grammar, `Invalid` where it breaks a rule;
    both know the place.
    """
    Module(source, features=features)


@final
class Module:
    """A valid module; immutable, and shared freely between threads, instances and tiers.

        module = Module(data)                   # bytes
        module = Module.from_file("k.wasm")     # binary or text
        module = Module.from_text("(module)")

    `Malformed` and `Invalid` are raised here, before anything runs. With `lazy`, that is put off
    for the bodies of functions: each is read and checked before it first runs, and the call that
    finds it bad raises. A large program then starts at once, and what it never calls costs
    nothing. This is how `wadjet.run` loads programs.
    """

    __slots__ = ("__weakref__", "_artifact", "_codes", "_source", "_valid", "features")

    def __init__(
        self,
        source: bytes | bytearray | memoryview | str | CoreModule,
        *,
        features: Features = DEFAULT,
        lazy: bool = False,
    ) -> None:
        from wadjet.core.validate import validate as check

        if isinstance(source, bytearray | memoryview):
            source = bytes(source)
        # what somebody decoded before, somebody may have changed
        self._source: Final = None if isinstance(source, CoreModule) else source
        with _without_collector():
            core = read_module(source, features, lazy=lazy)
            self._valid: Final[ValidModule] = check(core, features, lazy=lazy)
        self._codes: dict[str, ModuleCode] = {}
        self._artifact: Artifact | None = None
        #: the set of features it was checked against
        self.features: Final = features

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], *, features: Features = DEFAULT, lazy: bool = False
    ) -> "Module":
        """Read a file, binary or text: what begins with the magic bytes is binary. Or load one that
        `wadjet compile` made (see `deserialize`)."""
        if is_artifact(path):
            from wadjet.engine.runtime.pages import mapped

            return cls.deserialize(mapped(path))
        with open(path, "rb") as file:
            data = file.read()
        if data.startswith(_MAGIC) or not data:
            return cls(data, features=features, lazy=lazy)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise Malformed(f"magic header not detected, and {path} is not text either") from None
        return cls(text, features=features, lazy=lazy)

    @classmethod
    def from_text(cls, text: str, *, features: Features = DEFAULT) -> "Module":
        """Parse the text format: `(module …)`, or the fields of a module alone."""
        return cls(text, features=features)

    def serialize(self, progress: Callable[[int, int], None] | None = None) -> bytes:
        """The module with optimised machine code of all its functions, for `deserialize`. This may
        take minutes; `progress` is told how many of how many functions are done.

        Raises `Malformed` and `Invalid` for bodies of functions that were not checked yet.
        """
        from wadjet.engine.tiers.artifact import compile_artifact

        self._valid.check_bodies()
        source = self._source
        if source is None:
            from wadjet.core.binary import encode

            source = encode(self.core)
        return compile_artifact(self._valid, source, progress)

    @classmethod
    def deserialize(cls, data: bytes | bytearray | memoryview) -> "Module":
        """Load what `serialize` or `wadjet compile` made. Nothing is compiled then.

        `Error` where it was made by another version of wadjet or of LLVM, for another processor,
        or is damaged. It is machine code, and runs with all rights of this process: load only what
        you made yourself, or have from somebody whom you would let run any program.
        """
        from wadjet.engine.tiers.artifact import Artifact

        artifact = Artifact(bytes(data) if isinstance(data, bytearray) else data)
        module = cls(artifact.source, features=artifact.features, lazy=True)
        module._artifact = artifact
        return module

    @property
    def imports(self) -> tuple[ImportType, ...]:
        """What it needs, in order."""
        types = self._valid.types
        return tuple(ImportType(i.module, i.name, *_item(i.type, types)) for i in self.core.imports)

    @property
    def exports(self) -> tuple[ExportType, ...]:
        """What it offers, in order."""
        types, core = self._valid.types, self.core
        return tuple(
            ExportType(e.name, *_item(t, types)) for e, t in zip(core.exports, core.export_types())
        )

    @property
    def name(self) -> str | None:
        """The module's name, from its name section."""
        return self._valid.module.names.module

    @property
    def core(self) -> CoreModule:
        """The module as written: types, functions, segments (see `wadjet.core.module`)."""
        return self._valid.module

    @property
    def valid(self) -> "ValidModule":
        """The module as checked (see `wadjet.core.validate`)."""
        return self._valid

    def custom_sections(self, name: str) -> list[bytes]:
        """The contents of all custom sections of this name, in order."""
        return [bytes(c.data) for c in self._valid.module.customs if c.name == name]

    def code(self, tier: str = "auto") -> "ModuleCode":
        """Its code in a tier, made once (for `Instance`; tiers may compile lazily)."""
        found = self._codes.get(tier)
        if found is None:
            found = self._codes.setdefault(tier, self._compile(tier))
        return found

    def _compile(self, tier: str) -> "ModuleCode":
        from wadjet.engine.tiers import compile_module

        if self._artifact is None:
            return compile_module(self._valid, tier, self._source)
        code = compile_module(self._valid, tier)
        self._artifact.give(code)
        return code

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name}"
        return f"<wadjet.Module{name}: {len(self.imports)} imports, {len(self.exports)} exports>"


def get_ready(tier: str) -> None:
    """A module is about to run in a tier: what that takes may be prepared while it is read."""
    if tier in ("auto", "baseline"):
        from wadjet.engine.tiers import get_ready

        get_ready()


def is_artifact(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as `serialize` begins."""
    with open(path, "rb") as file:
        return file.read(len(_ARTIFACT)) == _ARTIFACT


def _item(type_: ExternType, types: Sequence[DefType]) -> tuple[Kind, ItemType]:
    """What a description says of an external type: its kind, and the type with names closed."""
    closed = close_extern(type_, types)
    if isinstance(closed, ClosedFunc | ClosedTag):
        comp = closed.type.comp
        assert isinstance(comp, FuncType), "functions and tags have function types"
        return ("func" if isinstance(closed, ClosedFunc) else "tag"), comp
    if isinstance(closed, TableType):
        return "table", closed
    return ("global" if isinstance(closed, GlobalType) else "memory"), closed
