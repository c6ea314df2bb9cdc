"""What `wasi:http/types` is in every edition: fields, methods, schemes, options."""

from collections.abc import Iterable
from typing import Any, Final

from wadjet.base.errors import Error
from wadjet.wasi.common.forms import ResultError, Variant, case, name
from wadjet.wasi.http.fields import Entries, FieldError, FieldList, is_name, is_token
from wadjet.wasi.http.message import METHODS, is_authority, is_scheme, is_target


class FieldsBase:
    """`fields`, as far as all editions agree."""

    def __init__(self) -> None:
        self.list: Final = FieldList()

    @classmethod
    def over(cls, fields: FieldList) -> Any:
        """The resource for a list that is there."""
        made = cls.__new__(cls)
        made.list = fields  # type: ignore[misc]  # set once, as in `__init__`
        return made

    @staticmethod
    def refused(error: FieldError) -> Error:
        """What a guest is told."""
        return ResultError(case(error.label))

    @classmethod
    def from_list(cls, entries: Iterable[tuple[str, bytes]]) -> Any:
        """Fields with these entries."""
        made = cls()
        try:
            made.list.extend([(title, bytes(value)) for title, value in entries])
        except FieldError as error:
            raise cls.refused(error) from None
        return made

    def get(self, name: str) -> list[bytes]:
        """All values of a name."""
        return self.list.values(name)

    def has(self, name: str) -> bool:
        """Whether there is a value of a name."""
        return is_name(name) and bool(self.list.values(name))

    def set(self, name: str, value: Iterable[bytes]) -> None:
        """Replace all values of a name."""
        try:
            self.list.replace(name, value)
        except FieldError as error:
            raise self.refused(error) from None

    def delete(self, name: str) -> None:
        """Remove all values of a name."""
        self.remove(name)

    def remove(self, name: str) -> list[bytes]:
        """Remove all values of a name, and give them."""
        try:
            return self.list.remove(name)
        except FieldError as error:
            raise self.refused(error) from None

    def append(self, name: str, value: bytes) -> None:
        """Add a value."""
        try:
            self.list.extend([(name, bytes(value))])
        except FieldError as error:
            raise self.refused(error) from None

    def entries(self) -> Entries:
        """All names and values."""
        return self.list.entries()

    def clone(self) -> Any:
        """Fields with the same entries, which can be changed."""
        return type(self).over(FieldList.of(self.list.entries(), frozen=False))


class Target:
    """What a request is for: the part of it that a guest sets, in the words of every edition."""

    def __init__(self) -> None:
        self.method_name = "GET"
        self.target: str | None = None
        self.scheme_name: str | None = None
        self.authority_name: str | None = None

    def set_method(self, method: object) -> None:
        """Choose the method."""
        title = of_method(method)
        if not is_token(title):
            raise ResultError
        self.method_name = title

    def set_path_with_query(self, path_with_query: str | None) -> None:
        """Choose path and query."""
        if path_with_query is not None and not is_target(path_with_query):
            raise ResultError
        self.target = "/" if path_with_query == "" else path_with_query

    def set_scheme(self, scheme: object) -> None:
        """Choose the scheme."""
        title = None if scheme is None else of_scheme(scheme)
        if title is not None and not is_scheme(title):
            raise ResultError
        self.scheme_name = title

    def set_authority(self, authority: str | None) -> None:
        """Choose host and port."""
        if authority is not None and not is_authority(authority):
            raise ResultError
        self.authority_name = authority


def to_method(title: str) -> Variant:
    """A `method`."""
    return case(title.lower()) if title in METHODS else case("other", title)


def of_method(method: Any) -> str:
    """What a guest's `method` says."""
    title = name(method)
    return str(method.value) if title == "Other" else title.upper()


def to_scheme(title: str | None) -> Variant | None:
    """A `scheme`."""
    if title is None:
        return None
    return case(title.upper()) if title.lower() in ("http", "https") else case("other", title)


def of_scheme(scheme: Any) -> str:
    """What a guest's `scheme` says."""
    title = name(scheme)
    return str(scheme.value) if title == "Other" else title.lower()


class Timeouts:
    """`request-options`: how long what may take, in nanoseconds."""

    def __init__(self) -> None:
        self.connect: int | None = None
        self.first_byte: int | None = None
        self.between_bytes: int | None = None
