"""What building a wheel does beside packing files: the stock (see `wadjet.engine.tiers.stock`).

It is made by a process of its own, since LLVM ends the process that gives it something wrong. A
wheel without it works as well, and so does one with the stock of another platform, which is not
looked at: first starts wait for LLVM there. So nothing that goes wrong here ends the build.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: Where the stock lies in the package.
PLACE = "wadjet/engine/tiers/stock.bin"
#: Seconds that it may take, ten times what it does.
_PATIENCE = 120


class Stocking(BuildHookInterface):
    """Adds the stock to the wheel, under the name that the package looks for."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make it, unless the package stays where its sources are."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="wadjet-stock-")
        made = Path(self._folder.name) / "stock.bin"
        source = str(Path(self.root) / "src")
        path = os.pathsep.join([source, *filter(None, sys.path)])
        command = [sys.executable, "-m", "wadjet.engine.tiers.stocking", str(made)]
        try:
            done = subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self.app.display_warning(f"no stock: {error}")
            return
        if done.returncode == 0:
            build_data["force_include"][str(made)] = PLACE
        else:
            why = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            self.app.display_warning(f"no stock: {why[-1]}")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clear up."""
        if version != "editable":
            self._folder.cleanup()
