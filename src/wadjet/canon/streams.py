"""Streams and futures (CanonicalABI.md, "Buffer State", "Stream State", "Future State")."""
