"""Names of struct fields: each module has its own, in its name section."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wadjet.core.types import DefType

if TYPE_CHECKING:
    from wadjet.engine.runtime.instance import Instance


def field_names(type_: DefType, instances: "Iterable[Instance]") -> dict[str, int]:
    """What the modules of these instances call the fields of a type or of its supertypes; -1 for
    a name that means different fields. In the order of the fields."""
    found: dict[str, int] = {}
    for instance in instances:
        for index, names in instance.module.names.fields.items():
            if index < len(instance.types) and instance.types[index] in type_.supertypes:
                for field, name in names.items():
                    if found.setdefault(name, field) != field:
                        found[name] = -1
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))
