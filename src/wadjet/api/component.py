"""`Component`: a decoded and validated component, ready to be instantiated any number of times."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, final

from wadjet.api.component_types import ComponentItem, Spelling, items
from wadjet.base.errors import Malformed
from wadjet.component.binary import decode, is_component
from wadjet.component.features import DEFAULT
from wadjet.component.validate import ValidComponent, validate
from wadjet.core.features import Features

if TYPE_CHECKING:
    from wadjet.api.component_instance import ComponentInstance
    from wadjet.canon.classes import Classes
    from wadjet.component.plan import Plan
    from wadjet.engine.runtime.budget import Limits
    from wadjet.engine.runtime.store import Store

_MAGIC: Final = b"\0asm"
#: classes by the side of the world, the full name of the interface and their own name
Types = Mapping[tuple[str, str, str], type]
#: what becomes of a function's result<…>: it returns or raises, or it returns Ok or Err
Results = Literal["raise", "return"]


class Giver(Protocol):
    """Who has something for imports."""

    def interfaces(self, names: list[str], /) -> Mapping[str, object]:
        """What there is for those of the imports of these names that it knows, by name."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How functions of an instance are called: see `Component.instantiate`."""

    results: Results
    awaitable: bool


@final
class Component:
    """A valid component; immutable, and shared freely between threads and instances.

        component = Component(data)                   # bytes
        component = Component.from_file("x.wasm")     # binary or text
        component = Component.from_text("(component)")

    `Malformed` and `Invalid` are raised here, before anything runs. With `lazy` (the default) that
    is put off for the bodies of core functions, as `Module` does when told so.
    """

    def __init__(
        self,
        source: bytes | bytearray | memoryview | str,
        *,
        features: Features = DEFAULT,
        lazy: bool = True,
    ) -> None:
        if isinstance(source, str):
            from wadjet.component.text import parse

            read = parse(source, features)
        else:
            data = bytes(source)
            if data.startswith(_MAGIC) and not is_component(data):
                raise Malformed("this is a core module, not a component: use wadjet.Module")
            read = decode(data, features, lazy=lazy)
        self._valid: Final = validate(read, features, lazy=lazy)
        #: the types that instances were given, by identity, with what was made of them
        self._classes: Final[dict[int, tuple[Types, Classes]]] = {}
        #: the set of features it was checked against
        self.features: Final = features

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], *, features: Features = DEFAULT, lazy: bool = True
    ) -> "Component":
        """Read a file, binary or text: what begins with the magic bytes is binary."""
        data = Path(path).read_bytes()
        if data.startswith(_MAGIC) or not data:
            return cls(data, features=features, lazy=lazy)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise Malformed(f"magic header not detected, and {path} is not text either") from None
        return cls(text, features=features, lazy=lazy)

    @classmethod
    def from_text(cls, text: str, *, features: Features = DEFAULT) -> "Component":
        """Parse the text format: `(component …)`."""
        return cls(text, features=features)

    @property
    def imports(self) -> tuple[ComponentItem, ...]:
        """What it needs, in order. `print` shows each as WIT."""
        return items(self._valid.shape.imports, self.spelling)

    @property
    def exports(self) -> tuple[ComponentItem, ...]:
        """What it offers, in order. `print` shows each as WIT."""
        return items(self._valid.shape.exports, self.spelling)

    @property
    def valid(self) -> ValidComponent:
        """The component as checked (see `wadjet.component.validate`)."""
        return self._valid

    @cached_property
    def spelling(self) -> Spelling:
        """How its types are written."""
        return Spelling(self._valid.shape)

    @property
    def __wadjet__(self) -> "Plan":
        return self.plan

    @cached_property
    def plan(self) -> "Plan":
        """The steps of its instantiation."""
        from wadjet.component.plan import plan

        return plan(self._valid)

    def instantiate(
        self,
        imports: object = None,
        *,
        wasi: "Giver | None" = None,
        store: "Store | None" = None,
        limits: "Limits | None" = None,
        tier: str = "auto",
        results: Results = "raise",
        awaitable: bool = False,
        types: Types | None = None,
    ) -> "ComponentInstance":
        """Make an instance.

            greeter = component.instantiate({"log": print})
            greeter = component.instantiate(wasi=wadjet.Wasi())

        `imports` is a mapping whose keys are names of imports as the component has them
        (`"wasi:cli/stdout@0.2.0"`, `"log"`; any compatible version of an interface serves), or an
        object, class or module whose attributes are their Python names (`stdout`, `log`; see
        `wadjet.canon.naming`). What stands for an interface is looked into in the same way; it may
        also be an interface of another instance. A resource is a class there, its methods are
        those of the objects. Functions may be coroutine functions.

        `wasi` are the capabilities given to a component that imports interfaces of WASI, `store`
        or `limits` say where the instance lives and what it may use (an instance that imports from
        others lives where they do), `tier` how it runs. `results`
        says what a `result` that a function returns becomes: "raise" returns the value or raises
        `ResultError`, "return" returns `Ok` or `Err`. Functions of an `async` type are awaitable;
        with `awaitable` all are, so that host functions they call may be waited for. `types` are
        classes that values shall have, as a module made by `wadjet bindgen` gives them.

        Raises `Unlinkable`, with all that is missing or does not fit, and whatever the guest
        raises when it starts.
        """
        from wadjet.api.component_imports import store_for, supply
        from wadjet.api.component_instance import connect

        if results not in ("raise", "return"):
            raise ValueError(f'results are "raise" or "return", not {results!r}')
        shape = self._valid.shape
        given = [imports] if wasi is None else [imports, wasi.interfaces(list(shape.imports))]
        found = supply(shape, *given)
        home = store_for(found, store, limits)
        classes = None if types is None else self._classes_of(types)
        return connect(self, found, home, tier, classes, Manner(results, awaitable))

    def _classes_of(self, types: Types) -> "Classes":
        from wadjet.canon.classes import Classes

        if id(types) not in self._classes:
            self._classes[id(types)] = types, Classes(self._valid.shape, types)
        return self._classes[id(types)][1]

    def __repr__(self) -> str:
        shape = self._valid.shape
        return f"<wadjet.Component: {len(shape.imports)} imports, {len(shape.exports)} exports>"
