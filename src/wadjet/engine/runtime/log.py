"""What the engine does, line by line, for who wants to know: `WADJET_LOG`.

`WADJET_LOG=1` writes to standard error, anything else names a file to add to.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Final


def _teller(where: str) -> Callable[[str], None]:
    begun = time.perf_counter()

    def tell(what: str) -> None:
        line = f"wadjet {os.getpid()} {time.perf_counter() - begun:9.4f} s: {what}\n"
        if where == "1":
            sys.stderr.write(line)
            return
        with open(where, "a", encoding="utf-8") as file:
            file.write(line)

    return tell


_where: Final = os.environ.get("WADJET_LOG", "")
#: Tells one thing that happened; None if nobody wants to know, so that asking costs nothing.
say: Final = _teller(_where) if _where not in ("", "0") else None
