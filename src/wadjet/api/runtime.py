"""The runtime's nouns that are public as they are."""

from wadjet.engine.runtime.budget import Limits
from wadjet.engine.runtime.func import Function
from wadjet.engine.runtime.store import Store
from wadjet.engine.runtime.tag import Tag
from wadjet.engine.runtime.values import Ref, WeakRef

__all__ = ["Function", "Limits", "Ref", "Store", "Tag", "WeakRef"]
