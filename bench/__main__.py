"""`python -m bench`: wadjet beside wasmtime, Node and native code, as tables of ratios."""

import argparse
import sys

from bench import compiling, components, measure, objects, report, starting
from bench.engines import ENGINES, present
from bench.measure import Plan, Row
from bench.workloads import programs

PAIRS = (("wadjet", "wasmtime"), ("wadjet", "node"), ("wadjet", "native"), ("wasmtime", "native"))
PARTS = (
    "steady", "calls", "objects", "components", "start", "cold", "instances", "scaling",
    "compiling",
)  # fmt: skip


def main() -> int:
    """Measure what was asked for; 1 if a program failed on wadjet (other engines lack features)."""
    options = _options()
    engines = present(options.engine)
    versions = {name: engine.version() for name, engine in engines.items()}
    chosen = [p for p in programs() if not options.program or p.name in options.program]
    tables: dict[str, list[Row]] = {}
    if "steady" in options.part:
        plan = Plan(options.rounds, options.warm, options.tier)
        tables["Steady state"] = measure.steady(engines, chosen, plan, _say)
    if "calls" in options.part:
        tables["From Python"] = measure.micro(engines, options.rounds, _say)
    if "objects" in options.part:
        plan = Plan(options.rounds, options.warm, options.tier)
        tables["Kotlin"] = measure.steady(engines, programs("gc"), plan, _say)
        tables["Objects"] = objects.measure(options.rounds, _say)
    if "components" in options.part:
        tables["Components"] = components.measure(options.rounds, _say)
    if "start" in options.part:
        tables["Whole processes"] = measure.startup(options.rounds, _say)
    if "cold" in options.part:
        how = options.program, options.large, options.rounds, "auto"
        tables |= starting.measure(*how, _say)
    if "instances" in options.part and "wasmtime" in engines:
        from bench import instances

        tables["Instances"] = instances.measure(options.rounds)
    if "scaling" in options.part:
        tables["By the size of a module"] = compiling.scaling(options.rounds)
    if "compiling" in options.part:
        tables["By instruction"] = compiling.instructions(options.rounds)
    if options.json:
        print(report.as_json(tables, versions))
    else:
        print("; ".join(f"{name} {version}" for name, version in versions.items()))
        for title, rows in tables.items():
            columns = ["python", *engines, starting.CACHED, starting.HELPERS]
            print(f"\n{report.table(title, rows, columns, PAIRS)}")
    rows = [row for found in tables.values() for row in found]
    for row in rows:
        for engine, what in row.problems.items():
            print(f"failed: {row.name} on {engine}: {what}", file=sys.stderr)
    return 1 if any("wadjet" in row.problems for row in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "program", nargs="*", help="programs of the steady state and of cold starts (default: all)"
    )
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part")
    parser.add_argument(
        "--large", action="store_true", help="cold starts of the programs of bench.programs too"
    )
    names = [engine.name for engine in ENGINES]
    parser.add_argument("--engine", action="append", default=[], choices=names)
    parser.add_argument("--rounds", type=int, default=5, help="measured runs of each (default 5)")
    parser.add_argument("--warm", type=int, default=2, help="runs before those (default 2)")
    tiers = ("optimizing", "auto", "interpreter")
    parser.add_argument("--tier", choices=tiers, default=tiers[0], help="of wadjet, steady state")
    parser.add_argument("--json", action="store_true", help="everything measured, as JSON")
    options = parser.parse_args()
    options.part = options.part or list(PARTS)
    return options


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\x1b[2K\r{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
