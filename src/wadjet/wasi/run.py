"""Run a program that speaks WASI, and tell how it ended."""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from wadjet.base.records import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from wadjet.api.instance import Exports, Instance
from wadjet.api.memory import Memory
from wadjet.api.module import Module, get_ready, is_artifact
from wadjet.api.runtime import Limits, Store
from wadjet.base.errors import Error, Exit
from wadjet.core.features import Features, parse_features
from wadjet.core.types import MemoryType
from wadjet.wasi.host.capabilities import Preopen
from wadjet.wasi.host.stdio import Capture, Sink, Source
from wadjet.wasi.p1.functions import P1, Unstable
from wadjet.wasi.world import Wasi

if TYPE_CHECKING:
    from wadjet.api.component import Component
    from wadjet.wasi.threads import Threads

#: A program: a module or component, the path of a file, or the bytes of a binary.
Executable: TypeAlias = (
    "Module | Component | str | os.PathLike[str] | bytes | bytearray | memoryview"
)


#: How a component begins: the version and layer tell it from a module.
COMPONENT_HEADER: Final = b"\0asm\x0d\0\x01\0"
#: … and in text, after blanks and comments.
_COMPONENT_TEXT: Final = rb"(?:\s|;;[^\n]*\n|\(;.*?;\))*\(\s*component\b"


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended, and what it wrote to where nothing else was given for it to write to."""

    returncode: int
    stdout: bytes
    stderr: bytes


@final
class Program(AbstractContextManager["Program"]):
    """A module brought to life with what a `Wasi` grants.

        with Program(module, wasi) as program:
            code = program.start()                   # a command
        with Program(module, wasi) as program:
            program.initialize()                     # a reactor
            program.invoke("add", 1, 2)

    `imports` are looked up where WASI has nothing. A program that imports a shared memory may have
    threads (see `wadjet.wasi.threads`). Leaving the `with` block closes what the guest had open
    and ends its threads; `instance` lives on. Raises `Unlinkable`, and OSError for a directory
    that is not there.
    """

    __slots__ = ("_limits", "_p1", "_threads", "instance")

    def __init__(
        self,
        module: Module,
        wasi: Wasi,
        *,
        limits: Limits | None = None,
        tier: str = "auto",
        imports: Mapping[str, Any] | None = None,
    ) -> None:
        self._limits: Final = limits
        self._p1: Final = P1(wasi)
        self._threads: Threads | None = None
        store = Store(limits, implicit=limits is None)
        try:
            given = self._imports(module, store, tier, imports or {})
            self._set_deadline()
            self.instance: Final = self._call(
                Instance, module, given, store=store, tier=tier, before_start=self._attach_memory
            )
        except BaseException:
            self.close()
            raise

    def _imports(
        self, module: Module, store: Store, tier: str, given: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """What WASI has and what is `given`; with threads, what they need besides."""
        functions = {
            edition.module: {name: f for name, (_, f) in edition.functions().items()}
            for edition in (self._p1, Unstable.over(self._p1))
        }
        if not any(isinstance(i.type, MemoryType) and i.type.shared for i in module.core.imports):
            return functions | dict(given)
        from wadjet.wasi.threads import Threads

        self._threads = Threads(module, store, self._p1, tier)
        return self._threads.equip(functions, given)

    def _call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Enter the guest; with threads, any of them may end what runs there."""
        if self._threads is None:
            return function(*args, **options)
        return self._threads.call(function, *args, **options)

    def _attach_memory(self, exports: Exports) -> None:
        memory = getattr(exports, "memory", None)
        if isinstance(memory, Memory):
            self._p1.memory = lambda: memory[:]

    def _set_deadline(self) -> None:
        """A limit of time begins anew with each outermost call, also for waiting."""
        if self._limits is not None and self._limits.seconds is not None:
            self._p1.deadline = time.monotonic_ns() + round(self._limits.seconds * 1e9)

    def start(self) -> int:
        """Run a command from its beginning (`_start`) to its end; its exit status.

        A module without one has run already if it has a start function; else it is no command.
        """
        if "_start" not in self.instance.exports:
            if self.instance.module.core.start is not None:
                return 0
            raise Error("not a command: the module exports no function `_start`")
        try:
            self.invoke("_start")
            if self._threads is not None:
                self._threads.finish()
        except Exit as end:
            return end.code
        return 0

    def initialize(self) -> None:
        """Prepare a reactor (`_initialize`), if it wants that."""
        if "_initialize" in self.instance.exports:
            self.invoke("_initialize")

    def invoke(self, name: str, *args: Any) -> Any:
        """Call an exported function. Raises KeyError where there is none, `Trap`, `Exit`, …"""
        function = self.instance.exports[name]
        self._set_deadline()
        return self._call(function, *args)

    def close(self) -> None:
        """End the guest's threads, and close what it has open."""
        if self._threads is not None:
            self._threads.close()
        self._p1.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def run_command(
    program: "Module | Component", wasi: Wasi, limits: Limits | None = None, tier: str = "auto"
) -> int:
    """Run a command to its end; its exit status. Raises what the guest ends with otherwise."""
    if isinstance(program, Module):
        with Program(program, wasi, limits=limits, tier=tier) as running:
            return running.start()
    from wadjet.wasi.command import ComponentProgram

    with ComponentProgram(program, wasi, limits=limits, tier=tier) as component:
        return component.start()


def run(
    program: Executable,
    args: Sequence[str] = (),
    *,
    name: str | None = None,
    stdin: Source = None,
    stdout: Sink = None,
    stderr: Sink = None,
    dirs: Mapping[str, Preopen] | None = None,
    env: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    tier: str | None = None,
    features: Features | str | None = None,
    wasi: Wasi | None = None,
) -> Result:
    """Run a program to its end.

        result = wadjet.run("app.wasm", ["-v"], stdin=b"…", dirs={"/data": "data"})
        result.returncode, result.stdout

    `program` is a path, the bytes of a binary, a `Module` or a `Component`. `args` follow its name,
    which is `name` or taken from the path. The standard streams and `dirs` take what `Wasi` takes
    for them, but without anything given, the input is empty and the outputs are captured. Or give
    a whole `wasi`; then nothing else of what it says. `features` are those that the program may
    use, as a set or in words ("legacy-exceptions,-simd"), if the default ones will not do.

    Nothing else is granted: no directories, no environment, no network. Raises `Malformed`,
    `Invalid`, `Unlinkable`, `Trap`, `Exhaustion`, `Timeout`; OSError for a file or directory that
    is not there. A program's functions are read and checked when they are first called (see
    `Module`): what one of them has wrong ends the program there.
    """
    out, err = Capture(), Capture()
    if wasi is None:
        wasi = Wasi(
            [_name(program) if name is None else name, *args],
            env,
            dirs,
            stdin=stdin,
            stdout=out if stdout is None else stdout,
            stderr=err if stderr is None else stderr,
        )
    elif args or any(each is not None for each in (name, stdin, stdout, stderr, dirs, env)):
        raise TypeError("`wasi` says all of args, name, streams, dirs and env: give one or those")
    tier = "auto" if tier is None else tier
    code = run_command(load(program, features, tier), wasi, limits, tier)
    return Result(code, out.data, err.data)


def load(
    program: Executable, features: Features | str | None = None, tier: str = "auto"
) -> "Module | Component":
    """The module or the component that a file or binary is, to be run in a tier. Raises Malformed,
    Invalid, OSError."""
    if not isinstance(program, str | os.PathLike | bytes | bytearray | memoryview):
        if features is not None:
            raise TypeError("a `Module` has its features already")
        return program
    if features is None or isinstance(features, str):
        features = parse_features(features or "")
    if isinstance(program, bytes | bytearray | memoryview):
        data = bytes(program)
        if data[:8] != COMPONENT_HEADER:
            get_ready(tier)
            return Module(data, features=features, lazy=True)
        from wadjet.api.component import Component

        return Component(data)
    if not is_component_file(program):
        if not is_artifact(program):
            get_ready(tier)
        return Module.from_file(program, features=features, lazy=True)
    from wadjet.api.component import Component

    return Component.from_file(program)


def is_component_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a component, in binary or in text."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if head[:4] == COMPONENT_HEADER[:4]:
        return head[:8] == COMPONENT_HEADER
    return re.match(_COMPONENT_TEXT, head, re.DOTALL) is not None


def _name(program: Executable) -> str:
    """What a program is called if nobody says."""
    if isinstance(program, str | os.PathLike):
        return os.path.basename(program)
    return (isinstance(program, Module) and program.name) or "program"
