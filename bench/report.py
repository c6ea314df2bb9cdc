"""Tables of medians and ratios, as markdown or JSON."""

import json
import math
from collections.abc import Sequence

from bench.measure import Row

#: How the titles of tables begin whose rows are alike, so that a mean of ratios says something.
_ALIKE = ("Steady", "Cold", "Warm")


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios."""
    return math.exp(sum(math.log(v) for v in values) / len(values))


def ratios(rows: list[Row], ours: str, other: str) -> dict[str, float]:
    """`ours / other` by row, where both were measured: below 1 means that ours is faster."""
    return {
        row.name: row.medians[ours] / row.medians[other]
        for row in rows
        if ours in row.medians and other in row.medians
    }


def table(
    title: str, rows: list[Row], engines: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> str:
    """One markdown table: a column per engine, a column per ratio, the geometric mean below."""
    shown = [e for e in engines if any(e in row.medians or e in row.problems for row in rows)]
    columns = {pair: ratios(rows, *pair) for pair in pairs}
    columns = {pair: found for pair, found in columns.items() if found}
    heads = ["", *shown, *(f"{a} / {b}" for a, b in columns)]
    lines = [f"### {title}", "", _line(heads), _line(["---", *["---:"] * (len(heads) - 1)])]
    for row in rows:
        cells = [_cell(row, engine) for engine in shown]
        cells += [
            f"{found[row.name]:.2f}" if row.name in found else "" for found in columns.values()
        ]
        lines.append(_line([row.name, *cells]))
    if columns and title.startswith(_ALIKE):
        means = [f"**{geometric_mean(list(found.values())):.2f}**" for found in columns.values()]
        lines.append(_line(["geometric mean", *[""] * len(shown), *means]))
        worst = [f"{max(found.values()):.2f}" for found in columns.values()]
        lines.append(_line(["greatest", *[""] * len(shown), *worst]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(row: Row, engine: str) -> str:
    if engine in row.problems:
        return "failed"
    if engine not in row.medians:
        return ""
    value = row.medians[engine]
    return f"{value:.3f} {row.unit}" if value < 10 else f"{value:,.0f} {row.unit}"


def as_json(tables: dict[str, list[Row]], versions: dict[str, str | None]) -> str:
    """Everything measured, for a program to read."""
    body = {
        title: [
            {"name": r.name, "unit": r.unit, "medians": r.medians, "problems": r.problems}
            for r in rows
        ]
        for title, rows in tables.items()
    }
    return json.dumps({"versions": versions, "tables": body}, indent=1)
