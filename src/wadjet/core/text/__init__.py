"""The text format (spec chapter 6): text → `Module` and back."""

from wadjet.core.text.parse import parse

__all__ = ["parse"]
