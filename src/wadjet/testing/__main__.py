"""A campaign: many generated programs through several engines.

    python -m wadjet.testing --count 1000 --seed 1 --tiers interpreter,optimizing,wasmtime

Prints each mismatch with a reproducer in text form, and ends with `N modules, N mismatches`.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Final, final

from wadjet.testing.engines import available
from wadjet.testing.generate import PRESETS, Options, generate
from wadjet.testing.regression import as_text
from wadjet.testing.shrink import shrink
from wadjet.testing.worker import Worker

#: Seconds between two lines of progress.
_PERIOD: Final = 10.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m wadjet.testing", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--count", type=int, default=100, help="how many modules")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--tiers", default=",".join(available()), help="engines, the first rules")
    parser.add_argument("--features", default="all", choices=sorted(PRESETS))
    parser.add_argument(
        "--length", type=int, default=Options().length, help="instructions a function"
    )
    parser.add_argument("--functions", type=int, default=Options().functions)
    parser.add_argument("--seconds", type=float, help="stop after so long")
    parser.add_argument("--shrink", type=float, default=60.0, help="seconds to shrink a mismatch")
    parser.add_argument("--out", type=Path, help="a folder for the reproducers")
    return parser.parse_args()


@final
class Campaign:
    """What has been done so far, and how to go on."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments: Final = arguments
        self.tiers: Final[list[str]] = arguments.tiers.split(",")
        portable = "wasmtime" in self.tiers
        self.options: Final = Options(
            features=PRESETS[arguments.features],
            functions=arguments.functions,
            length=arguments.length,
            canonical=None if portable or "deterministic" in self.tiers else True,
            portable=portable,
        )
        self.worker: Final = Worker(self.tiers)
        self.modules = self.mismatches = 0

    def run(self) -> None:
        """All modules, or as many as there is time for."""
        start = said = time.monotonic()
        for seed in range(self.arguments.seed, self.arguments.seed + self.arguments.count):
            self.one(seed)
            now = time.monotonic()
            if now - said > _PERIOD:
                said = now
                _say(f"… {self.modules} modules, {self.mismatches} mismatches, seed {seed}")
            if self.arguments.seconds is not None and now - start > self.arguments.seconds:
                break
        self.worker.close()

    def one(self, seed: int) -> None:
        """The program of one seed."""
        program = generate(seed, self.options)
        found = self.worker.compare(program)
        self.modules += 1
        if found is None:
            return
        self.mismatches += 1
        _say(f"seed {seed}: {found}")
        if self.arguments.shrink:
            pair = [found.first, found.second] if found.first else self.tiers
            worker = Worker(pair, seconds=5.0)
            crashed = not found.first

            def check(candidate: "type(program)") -> bool:  # type: ignore[valid-type]
                again = worker.compare(candidate)
                return again is not None and (not again.first) == crashed

            program = shrink(program, check, self.arguments.shrink)
            worker.close()
        text = as_text(program, str(found))
        if self.arguments.out is not None:
            self.arguments.out.mkdir(parents=True, exist_ok=True)
            (self.arguments.out / f"{seed}.wat").write_text(text)
        else:
            sys.stdout.write(text)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run a campaign; 1 if there were mismatches."""
    campaign = Campaign(_arguments())
    campaign.run()
    _say(f"{campaign.modules} modules, {campaign.mismatches} mismatches")
    return 1 if campaign.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
