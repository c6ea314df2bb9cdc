"""`wadjet wast`: run .wast scripts."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from wadjet.cli.common import BAD_USAGE, Command, Failure, add_tier, chosen_features
from wadjet.script.suite import run_paths


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a script, or a folder of scripts")
    parser.add_argument(
        "--features",
        metavar="A,B",
        help="proposals and editions (default: what the folder of each script is about)",
    )
    add_tier(parser)
    parser.add_argument("--json", metavar="OUT", type=Path, help="write all results as JSON")


def _run(args: Namespace) -> int:
    paths = [Path(path) for path in args.paths]
    for path in paths:
        if not path.exists():
            raise Failure(f"{path}: no such file or folder", BAD_USAGE)
    features = None if args.features is None else chosen_features(args)
    return run_paths(paths, args.tier, features, args.json)


COMMAND = Command(
    "wast",
    "Run .wast scripts. Prints `N passed, N failed`; the status is 0 only if all passed.",
    _options,
    _run,
)
