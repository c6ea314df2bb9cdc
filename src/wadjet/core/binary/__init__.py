"""The binary format (spec chapter 5): bytes → `Module` and back."""

from wadjet.core.binary.decode import decode

__all__ = ["decode"]
