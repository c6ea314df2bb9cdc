"""`wadjet` as a process of its own, whether or not it is installed."""

import os
import sys
from pathlib import Path

import wadjet

_SOURCE = Path(wadjet.__file__).resolve().parent.parent
ENV = {**os.environ, "PYTHONPATH": str(_SOURCE)}
WADJET = [sys.executable, "-m", "wadjet"]
