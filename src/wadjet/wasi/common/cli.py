"""What `wasi:cli` is in every edition: the end of a program, and terminals."""

from typing import Final, final

from wadjet.base.errors import Exit
from wadjet.wasi.common.forms import is_ok
from wadjet.wasi.host.capabilities import Capabilities
from wadjet.wasi.host.handles import FileType, Handle


class Environment:
    """`wasi:cli/environment`, as far as all editions agree."""

    def __init__(self, wasi: Capabilities) -> None:
        self._wasi: Final = wasi

    def get_environment(self) -> list[tuple[str, str]]:
        """The environment that was granted."""
        return list(self._wasi.env.items())

    def get_arguments(self) -> list[str]:
        """The arguments, the program's name first."""
        return list(self._wasi.args)


@final
class Ending:
    """`wasi:cli/exit`."""

    def exit(self, status: object) -> None:
        """End the program, well or not."""
        raise Exit(0 if is_ok(status) else 1)

    def exit_with_code(self, status_code: int) -> None:
        """End the program with a status."""
        raise Exit(status_code)


@final
class TerminalInput:
    """`terminal-input`: nothing can be asked of one yet."""


@final
class TerminalOutput:
    """`terminal-output`: nothing can be asked of one yet."""


@final
class TerminalInputs:
    """`wasi:cli/terminal-input`."""

    TerminalInput = TerminalInput


@final
class TerminalOutputs:
    """`wasi:cli/terminal-output`."""

    TerminalOutput = TerminalOutput


@final
class Terminals:
    """`wasi:cli/terminal-stdin`, `-stdout` and `-stderr`: which standard streams are terminals."""

    def __init__(self, stdin: Handle, stdout: Handle, stderr: Handle) -> None:
        self._stdin: Final = stdin
        self._stdout: Final = stdout
        self._stderr: Final = stderr

    def get_terminal_stdin(self) -> TerminalInput | None:
        """The terminal behind the standard input, if there is one."""
        return TerminalInput() if _is_terminal(self._stdin) else None

    def get_terminal_stdout(self) -> TerminalOutput | None:
        """The terminal behind the standard output, if there is one."""
        return TerminalOutput() if _is_terminal(self._stdout) else None

    def get_terminal_stderr(self) -> TerminalOutput | None:
        """The terminal behind the standard error, if there is one."""
        return TerminalOutput() if _is_terminal(self._stderr) else None


def _is_terminal(handle: Handle) -> bool:
    return handle.stat().type is FileType.CHARACTER_DEVICE
