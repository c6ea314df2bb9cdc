"""Arrow 2 of the pipeline: `Module` → `ValidModule` (spec chapter 3)."""

from wadjet.core.validate.facts import Facts
from wadjet.core.validate.module import ValidModule, validate

__all__ = ["Facts", "ValidModule", "validate"]
