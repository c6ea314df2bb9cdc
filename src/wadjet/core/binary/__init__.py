"""The binary format (spec chapter 5): bytes → `Module` and back."""

from wadjet.core.binary.decode import decode
from wadjet.core.binary.encode import encode
from wadjet.core.binary.names import encode_names
from wadjet.core.binary.reader import Section, sections
from wadjet.core.binary.write_body import encode_body

__all__ = ["decode", "encode", "encode_body", "encode_names", "Section", "sections"]
