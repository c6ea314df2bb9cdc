"""`Component` → `ValidComponent` (Explainer.md; the notes of Binary.md; CanonicalABI.md)."""

from wadjet.component.validate.component import ValidComponent, validate
from wadjet.component.validate.options import Canonical, Options

__all__ = ["Canonical", "Options", "ValidComponent", "validate"]
