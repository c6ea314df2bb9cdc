"""Where something was written: a byte offset in a binary, or line and column in a text."""

from wadjet.base.records import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """One point of a source, with as much context as its author knew.

    `offset` counts bytes from the start of a binary module; `line` and `column` count from 1 in
    a text. `function` is a function index. `excerpt` is the source line a text error points at.
    `source` is the name of the text, where there may be several.
    """

    offset: int | None = None
    line: int | None = None
    column: int | None = None
    function: int | None = None
    excerpt: str | None = None
    source: str | None = None

    def __str__(self) -> str:
        parts = []
        if self.line is not None:
            name = "" if self.source is None else f"{self.source}:"
            parts.append(f"{name}{self.line}:{self.column or 1}")
        if self.offset is not None:
            parts.append(f"offset {self.offset:#x}")
        if self.function is not None:
            parts.append(f"function {self.function}")
        return ", ".join(parts)

    def pointer(self) -> str | None:
        """The source line with a caret under the column, or None where there is no text."""
        if self.excerpt is None or self.column is None:
            return None
        blank = "".join("\t" if c == "\t" else " " for c in self.excerpt[: self.column - 1])
        return f"{self.excerpt}\n{blank}^"
