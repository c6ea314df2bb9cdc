"""The text format of components (Explainer.md): text → `Component` and back."""

from wadjet.component.text.parse import parse, parse_at

__all__ = ["parse", "parse_at"]
