"""`wasi:cli` 0.2: environment and standard streams."""

from typing import Final, final

from wadjet.wasi.common.cli import Environment
from wadjet.wasi.host.handles import Handle
from wadjet.wasi.p2.io import HandleInput, HandleOutput


@final
class Surroundings(Environment):
    """`wasi:cli/environment`."""

    def initial_cwd(self) -> str | None:
        """Where the program starts: nowhere in particular."""
        return None


@final
class Stdio:
    """`wasi:cli/stdin`, `stdout` and `stderr`."""

    def __init__(self, stdin: Handle, stdout: Handle, stderr: Handle) -> None:
        self._stdin: Final = stdin
        self._stdout: Final = stdout
        self._stderr: Final = stderr

    def get_stdin(self) -> HandleInput:
        """The standard input."""
        return HandleInput(self._stdin)

    def get_stdout(self) -> HandleOutput:
        """The standard output."""
        return HandleOutput(self._stdout)

    def get_stderr(self) -> HandleOutput:
        """The standard error."""
        return HandleOutput(self._stderr)
