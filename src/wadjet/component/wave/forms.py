"""How values are made and taken apart, for whoever reads or writes them as text."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from wadjet.component.types import Defined


class Forms(ABC):
    """What values look like whose types have more than one form: the makers, and beside each what
    it was made of. `t` always is the type of the value."""

    @abstractmethod
    def record(self, t: Defined, fields: Sequence[object]) -> object:
        """A record, of the values of its fields in order."""

    @abstractmethod
    def fields(self, t: Defined, value: object) -> Sequence[object]:
        """The values of a record's fields, in order."""

    @abstractmethod
    def variant(self, t: Defined, case: int, payload: object) -> object:
        """A case of a variant by its index; the payload is None where there is none."""

    @abstractmethod
    def case(self, t: Defined, value: object) -> tuple[int, object]:
        """Which case of a variant it is, and the payload."""

    @abstractmethod
    def enum(self, t: Defined, case: int) -> object:
        """A case of an enum by its index."""

    @abstractmethod
    def label(self, t: Defined, value: object) -> int:
        """Which case of an enum it is."""

    @abstractmethod
    def flags(self, t: Defined, bits: int) -> object:
        """Flags, the first one being the lowest bit."""

    @abstractmethod
    def bits(self, t: Defined, value: object) -> int:
        """Flags as bits."""

    @abstractmethod
    def option(self, t: Defined, some: bool, payload: object) -> object:
        """An option with its value, or without."""

    @abstractmethod
    def some(self, t: Defined, value: object) -> tuple[bool, object]:
        """Whether an option has a value, and which."""

    @abstractmethod
    def result(self, t: Defined, ok: bool, payload: object) -> object:
        """One side of a result; the payload is None where there is none."""

    @abstractmethod
    def side(self, t: Defined, value: object) -> tuple[bool, object]:
        """Whether it is the good side of a result, and the payload."""

    @abstractmethod
    def list(self, t: Defined, items: Sequence[object]) -> object:
        """A list."""
