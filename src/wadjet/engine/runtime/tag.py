"""The noun tag (spec 4.2.10): what tells exceptions apart."""

import itertools
from typing import Final, final

from wadjet.core.types import DefType

_ids: Final = itertools.count(1)


@final
class Tag:
    """A tag instance; two of the same type are still different tags. `id` is what generated code
    compares, unique in the process."""

    __slots__ = ("__weakref__", "id", "type")

    def __init__(self, type_: DefType) -> None:
        self.type: Final = type_
        self.id: Final = next(_ids)
