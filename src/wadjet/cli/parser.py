"""How options are read and explained: `argparse`, with errors of one line."""

import argparse
import os
from typing import NoReturn, final

from wadjet.cli.common import BAD_USAGE, Failure


@final
class Parser(argparse.ArgumentParser):
    """Says what is wrong with the usage in one line."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        raise Failure(f"{message} (see `{self.prog} --help`)", BAD_USAGE)


@final
class Formatter(argparse.RawDescriptionHelpFormatter):
    """Finds the width of the terminal without `shutil`, which every start would load."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        try:
            width = int(columns) if columns.isdecimal() else os.get_terminal_size(1).columns
        except OSError:
            width = 80
        super().__init__(prog, width=(width or 80) - 2)
