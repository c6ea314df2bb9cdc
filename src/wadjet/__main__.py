"""`python -m wadjet`: the same as the command `wadjet`."""

import sys

from wadjet.cli import main

if __name__ == "__main__":
    sys.exit(main())
