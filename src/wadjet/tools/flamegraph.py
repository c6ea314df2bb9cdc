"""Flame graphs: stacks of functions, counted, as one picture that needs nothing but a browser.

Each box is a function; what stands on it, it called. Its width is how often it was found. A click
on a box makes it as wide as the picture, one on the lowest brings everything back.
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Final, final

Stack = tuple[str, ...]

_WIDTH: Final = 1200
_ROW: Final = 18
_TOP: Final = 30
#: Boxes narrower than this many hundredths of a pixel are not drawn.
_LEAST: Final = 20
_LETTER: Final = 7
_STYLE: Final = (
    "text{font:12px monospace;pointer-events:none}rect{stroke:#fff;stroke-width:.5}"
    "g{cursor:pointer}g:hover rect{fill:#fd6}"
)
_SCRIPT: Final = """
const boxes = [...document.querySelectorAll("g[data-x]")], width = WIDTH;
function zoom(from, span) {
  for (const box of boxes) {
    const [rect, text] = [box.children[1], box.children[2]];
    const x = (+box.dataset.x - from) / span * width, w = +box.dataset.w / span * width;
    const left = Math.max(0, x), right = Math.min(width, x + w);
    box.style.display = right - left < .2 ? "none" : "";
    rect.setAttribute("x", left); rect.setAttribute("width", Math.max(0, right - left));
    text.setAttribute("x", left + 3);
    text.textContent = box.dataset.n.slice(0, Math.max(0, (right - left - 6) / LETTER));
  }
}
for (const box of boxes)
  box.addEventListener("click", () => zoom(+box.dataset.x, +box.dataset.w));
"""


@final
class _Box:
    """A function where it stands: its count, and what it called."""

    __slots__ = ("calls", "count")

    def __init__(self) -> None:
        self.count = 0
        self.calls: Final[dict[str, _Box]] = {}


def _tree(stacks: Mapping[Stack, int]) -> _Box:
    root = _Box()
    for stack, count in stacks.items():
        box = root
        box.count += count
        for name in stack:
            box = box.calls.setdefault(name, _Box())
            box.count += count
    return root


def svg(stacks: Mapping[Stack, int], title: str = "all", seconds: float = 0.0) -> str:
    """The picture as SVG. `seconds` is what one count stands for, if that shall be told."""
    root = _tree(stacks)
    boxes = list(_boxes(root, title))
    height = _TOP + _ROW * (1 + max((depth for depth, *_ in boxes), default=0)) + 10
    total = max(root.count, 1)
    shown = [_drawn(*box, total, height, seconds) for box in boxes]
    script = _SCRIPT.replace("WIDTH", str(_WIDTH)).replace("LETTER", str(_LETTER))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}">',
            f"<style>{_STYLE}</style>",
            f'<text x="3" y="18">{escape(title)}: {root.count} samples</text>',
            *shown,
            f"<script>//<![CDATA[{script}//]]></script>",
            "</svg>\n",
        ]
    )


def html(stacks: Mapping[Stack, int], title: str = "all", seconds: float = 0.0) -> str:
    """The same as a page."""
    head = f'<!doctype html>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
    return head + svg(stacks, title, seconds)


def _boxes(root: _Box, title: str) -> Iterator[tuple[int, int, int, str]]:
    """Depth, first sample, number of samples and name of each function; the deepest may be as many
    as a guest's frames, so there is no recursion here."""
    waiting = [(root, 0, 0, title)]
    while waiting:
        box, depth, start, name = waiting.pop()
        if not box.count or box.count * _WIDTH * 100 < _LEAST * root.count:
            continue
        yield depth, start, box.count, name
        for callee, inner in sorted(box.calls.items()):
            waiting.append((inner, depth + 1, start, callee))
            start += inner.count


def _drawn(
    depth: int, start: int, count: int, name: str, total: int, height: int, seconds: float
) -> str:
    x, width = start / total * _WIDTH, count / total * _WIDTH
    y = height - 10 - _ROW * (depth + 1)
    label = escape(name[: max(0, int((width - 6) / _LETTER))])
    time = f", {count * seconds:.2f} s" if seconds else ""
    hint = escape(f"{name}: {count} samples{time}, {100 * count / total:.1f} %")
    return (
        f'<g data-x="{start / total:.6f}" data-w="{count / total:.6f}" data-n="{escape(name)}">'
        f"<title>{hint}</title>"
        f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{_ROW}" fill="{_color(name)}"/>'
        f'<text x="{x + 3:.2f}" y="{y + 13}">{label}</text></g>'
    )


def _color(name: str) -> str:
    """The same warm colour for the same name, every time."""
    seed = sum((k + 1) * ord(letter) for k, letter in enumerate(name))
    return f"hsl({20 + seed % 36},{70 + seed // 36 % 25}%,{62 + seed // 7 % 14}%)"
