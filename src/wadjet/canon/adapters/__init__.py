"""Fused adapters: calls from one component to another as core modules of our own."""

from wadjet.canon.adapters.adapter import Adapter, adapter, element_copier
from wadjet.canon.adapters.plain import Plain
from wadjet.canon.adapters.reasons import REASONS, Reason
from wadjet.canon.adapters.sides import MAY_ENTER, MAY_LEAVE, Need, Side

__all__ = [
    "MAY_ENTER", "MAY_LEAVE", "REASONS", "Adapter", "Need", "Plain", "Reason", "Side", "adapter",
    "element_copier",
]  # fmt: skip
