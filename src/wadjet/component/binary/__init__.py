"""The binary format of components (Binary.md): bytes → `Component` and back."""

from wadjet.component.binary.decode import decode, is_component
from wadjet.component.binary.encode import encode

__all__ = ["decode", "encode", "is_component"]
