"""Runs scripts against the public API: one store, one tier and one feature set for each file."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeGuard, final

from wadjet.api.instance import Instance
from wadjet.api.module import Module
from wadjet.api.runtime import Limits, Store
from wadjet.base.errors import (
    Error, Exhaustion, Invalid, Malformed, Trap, Unlinkable, WasmException,
)  # fmt: skip
from wadjet.core.features import DEFAULT, Features
from wadjet.core.text.parse import parse, parse_at
from wadjet.core.types import ValType
from wadjet.script.ast import (
    Action, AssertFails, AssertRejects, AssertReturn, Command, ComponentConst, Const, Define, Get,
    Instantiate, Invoke, Perform, Register, Script, Source, Thread, Unknown, Value, Wait,
)  # fmt: skip
from wadjet.script.components import Components, Mismatch
from wadjet.script.match import matches, show
from wadjet.script.spectest import spectest

_ERRORS: Final[dict[str, type[Error]]] = {
    "malformed": Malformed,
    "invalid": Invalid,
    "unlinkable": Unlinkable,
    "trap": Trap,
    "exhaustion": Exhaustion,
    "exception": WasmException,
    "suspension": Trap,
}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one command: `reason` says why it failed, and is empty if it did not."""

    line: int
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the command did what it should."""
        return not self.reason


class Failed(Exception):
    """A command did not do what it should."""


@dataclass(frozen=True, slots=True)
class HostObject:
    """What `(ref.extern n)` and `(ref.host n)` stand for."""

    number: int


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run a script. `instantiate` False only validates its modules: some suites import
    what no host offers. `seconds` bounds each call."""

    tier: str = "auto"
    features: Features = DEFAULT
    instantiate: bool = True
    seconds: float | None = 60.0


def run_script(
    script: Script, settings: Settings, write: Callable[[str], object] = str
) -> list[Result]:
    """Run all commands of a script, those of its threads included. Prints of `spectest` go to
    `write`; by default they are lost."""
    return Runner(settings, write).run(script.commands)


@final
class Runner:
    """The state of one script, or of one thread in it."""

    def __init__(self, settings: Settings, write: Callable[[str], object]) -> None:
        self.settings: Final = settings
        self.write: Final = write
        self.store: Final = Store(Limits(seconds=settings.seconds))
        self.hosts: Final[dict[int, object]] = {}
        #: by name; None is the latest
        self.modules: dict[str | None, Module | None] = {}
        self.instances: dict[str | None, Instance | None] = {}
        self.registry: dict[str, object] = {"spectest": spectest(self.store, write)}
        self.components: Final = Components(settings.features, settings.tier)
        self.threads: dict[str, tuple[threading.Thread, list[Result]]] = {}
        self.results: list[Result] = []

    def run(self, commands: list[Command]) -> list[Result]:
        """Run commands in order; a failure does not keep the others from running."""
        for command in commands:
            self.results.append(Result(command.line, self._reason(command)))
        for name in list(self.threads):
            self._wait(name)
        return self.results

    def _reason(self, command: Command) -> str:
        """Run one command: why it failed, or nothing."""
        try:
            self._command(command)
        except (Failed, Mismatch) as failure:
            return str(failure)
        except Error as error:
            return f"{type(error).__name__}: {_first_line(error)}"
        except Exception as error:  # noqa: BLE001
            # A defect of ours must not hide what the rest of the script would tell.
            return f"crashed with {type(error).__name__}: {_first_line(error)}"
        return ""

    def _command(self, command: Command) -> None:
        if isinstance(command, AssertReturn):
            self._assert_return(command)
        elif isinstance(command, AssertFails):
            self._assert_fails(command)
        elif isinstance(command, AssertRejects):
            self._assert_rejects(command)
        elif isinstance(command, Define):
            self._define(command)
        elif isinstance(command, Perform):
            action = command.action
            if self._is_of_component(action):
                self.components.invoke(action)
                return
            self._perform(action)
        elif isinstance(command, Register):
            self._register(command)
        elif isinstance(command, Instantiate):
            if command.what == "component":
                self.components.instantiate(command.module, command.instance)
                return
            module = self.modules.get(command.module)
            if module is None:
                raise Failed(f"no module {command.module or ''}")
            self._instantiate(module, command.instance)
        elif isinstance(command, Thread):
            self._thread(command)
        elif isinstance(command, Wait):
            self._wait(command.name)
        else:
            assert isinstance(command, Unknown), "that was every other command"
            raise Failed(f"unknown command {command.word}")

    # modules

    def _module(self, source: Source) -> Module:
        """Read and validate a module. Raises Malformed or Invalid."""
        features = self.settings.features
        if source.form == "binary":
            return Module(source.data, features=features)
        if source.form == "quote":
            core = parse(source.data, features)
        elif source.form == "fields":
            core = parse(source.tokens.source, features)
        else:
            core, _ = parse_at(source.tokens, source.at, features)
        return Module(core, features=features)

    def _define(self, command: Define) -> None:
        name = command.source.name
        if command.source.what == "component":
            self._define_component(command)
            return
        # what follows must not talk to an older module if this one is rejected
        for known in {None, name}:
            self.modules[known] = None
            if not command.definition:
                self.instances[known] = None
        module = self._module(command.source)
        for known in {None, name}:
            self.modules[known] = module
        if not command.definition and self.settings.instantiate:
            self._instantiate(module, name)

    def _define_component(self, command: Define) -> None:
        self.components.define(command.source)
        if not command.definition and self.settings.instantiate:
            self.components.instantiate(None, command.source.name)

    def _register(self, command: Register) -> None:
        if self.components.has(command.instance):
            self.components.register(command.as_name, command.instance)
        else:
            self.registry[command.as_name] = self._instance(command.instance)

    def _instantiate(self, module: Module, name: str | None) -> None:
        instance = self._make(module)
        for known in {None, name}:
            self.instances[known] = instance

    def _make(self, module: Module) -> Instance:
        return Instance(module, self.registry, store=self.store, tier=self.settings.tier)

    def _instance(self, name: str | None) -> Instance:
        found = self.instances.get(name)
        if found is None:
            raise Failed(f"no instance {name or ''}")
        return found

    # actions

    def _is_of_component(self, action: Action) -> TypeGuard[Invoke]:
        """Whether an action calls a function of a component."""
        return isinstance(action, Invoke) and self.components.has(action.module)

    def _perform(self, action: Action) -> tuple[list[int], list[ValType]]:
        """Do what an action says: the raw results and their types."""
        instance = self._instance(action.module)
        kind = "global" if isinstance(action, Get) else "func"
        exports = instance.module.core.exports
        found = [e.index for e in exports if e.name == action.name and e.kind == kind]
        if not found:
            raise Failed(f"no exported {kind} {action.name!r}")
        if isinstance(action, Get):
            variable = instance.runtime.globals[found[0]]
            return [variable.get_raw()], [variable.type.value]
        args = [self._raw(arg) for arg in action.args]
        types = list(instance.runtime.func(found[0]).type.results)
        return self.call(instance, found[0], args), types

    def call(self, instance: Instance, index: int, args: list[int]) -> list[int]:
        """Call a function by its index on bit patterns."""
        return instance.runtime.func(index).call_raw(args)

    def _raw(self, value: Value) -> int:
        if isinstance(value, Const):
            return value.bits
        if isinstance(value, ComponentConst):
            raise Failed("a component's value is none of a module")
        if value.payload is None:
            return 0
        return self.store.extern(self._host(value.payload))

    def _host(self, number: int) -> object:
        return self.hosts.setdefault(number, HostObject(number))

    # assertions

    def _assert_return(self, command: AssertReturn) -> None:
        action = command.action
        if self._is_of_component(action):
            func, value = self.components.invoke(action)
            self.components.compare(func, command.expected, value)
            return
        raw, types = self._perform(command.action)
        if len(raw) != len(command.expected):
            raise Failed(f"expected {len(command.expected)} results, got {len(raw)}")
        for pattern, word, type_ in zip(command.expected, raw, types, strict=True):
            if not matches(pattern, word, type_, self.store, self.hosts):
                got = ", ".join(map(show, raw, types))
                raise Failed(f"expected {pattern}, got {got}")

    def _assert_fails(self, command: AssertFails) -> None:
        expected = _ERRORS[command.how]
        action = command.action
        try:
            if self._is_of_component(action):
                _, value = self.components.invoke(action)
                raise Failed(f"expected {command.how}, got {value!r}")
            raw, types = self._perform(action)
        except expected as error:
            _check_words(error, command.message)
            return
        raise Failed(f"expected {command.how}, got {', '.join(map(show, raw, types)) or 'nothing'}")

    def _assert_rejects(self, command: AssertRejects) -> None:
        expected = _ERRORS[command.how]
        try:
            if command.source.what == "component":
                made = self.components.define(command.source)
                if command.how in ("unlinkable", "trap"):
                    self.components.make(made)
                raise Failed(f"{command.how} component accepted; expected {command.message!r}")
            module = self._module(command.source)
            if command.how in ("unlinkable", "trap"):
                self._make(module)
        except expected as error:
            _check_words(error, command.message)
            return
        raise Failed(f"{command.how} module accepted; expected {command.message!r}")

    # threads

    def _thread(self, command: Thread) -> None:
        runner = Runner(self.settings, self.write)
        for name in command.shared:
            runner.instances[name] = self._instance(name)
        thread = threading.Thread(target=runner.run, args=(command.commands,), daemon=True)
        self.threads[command.name] = thread, runner.results
        thread.start()

    def _wait(self, name: str) -> None:
        if name not in self.threads:
            raise Failed(f"no thread {name}")
        thread, results = self.threads.pop(name)
        thread.join(self.settings.seconds)
        self.results.extend(results)
        if thread.is_alive():
            raise Failed(f"thread {name} does not end")


#: words of the component suite that are one engine's, and the standard's own
_SAID_OTHERWISE: Final = {"wasm trap: wasm `unreachable` instruction executed": "unreachable"}


def _first_line(error: BaseException) -> str:
    return (str(error) or "no message").splitlines()[0]


def _check_words(error: Error, expected: str) -> None:
    """The message must hold the words of the suite, which may add a detail of its own."""
    message = str(getattr(error, "message", error))
    expected = _SAID_OTHERWISE.get(expected, expected.removeprefix("wasm trap: "))
    words = message.partition(":")[0]
    if expected not in message and not (words and expected.startswith(words)):
        raise Failed(f"expected {expected!r}, got {_first_line(error)!r}")
