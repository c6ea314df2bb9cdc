"""The functions of WASI 0.1 about the program itself: arguments, clocks, randomness, its end."""

from collections.abc import Iterable

from wadjet.base.errors import Exit
from wadjet.wasi.host.clocks import Clock, yield_thread
from wadjet.wasi.host.errors import Code, HostError
from wadjet.wasi.p1.abi import (
    IGNORED_SIGNALS,
    LAST_SIGNAL,
    SIZE,
    STOPPING_SIGNALS,
    SUCCESS,
    WORD,
)
from wadjet.wasi.p1.state import State


class ProcessFunctions(State):
    """`args_…`, `environ_…`, `clock_…`, `random_get`, `proc_…`, `sched_yield`."""

    def args_get(self, pointers: int, buffer: int) -> int:
        """The arguments."""
        return self._store_strings(self._arguments(), pointers, buffer)

    def args_sizes_get(self, count: int, size: int) -> int:
        """How many arguments there are, and how many bytes."""
        return self._store_sizes(self._arguments(), count, size)

    def environ_get(self, pointers: int, buffer: int) -> int:
        """The environment, as `name=value`."""
        return self._store_strings(self._environment(), pointers, buffer)

    def environ_sizes_get(self, count: int, size: int) -> int:
        """How many variables there are, and how many bytes."""
        return self._store_sizes(self._environment(), count, size)

    def _arguments(self) -> list[bytes]:
        return _terminated(self.wasi.args)

    def _environment(self) -> list[bytes]:
        return _terminated(f"{name}={value}" for name, value in self.wasi.env.items())

    def _store_strings(self, strings: list[bytes], pointers: int, buffer: int) -> int:
        """The strings one after the other, and a pointer to each."""
        data = b"".join(strings)
        self.bytes_at(buffer, len(data))[:] = data
        for string in strings:
            self.store(SIZE, pointers, buffer)
            pointers += SIZE.size
            buffer += len(string)
        return SUCCESS

    def _store_sizes(self, strings: list[bytes], count: int, size: int) -> int:
        self.store(SIZE, count, len(strings))
        self.store(SIZE, size, sum(map(len, strings)))
        return SUCCESS

    def clock_time_get(self, clock: int, precision: int, result: int) -> int:
        """The time. Always as precise as it can be."""
        self.store(WORD, result, self.clock(clock).now())
        return SUCCESS

    def clock_res_get(self, clock: int, result: int) -> int:
        """The resolution of a clock."""
        self.store(WORD, result, self.clock(clock).resolution)
        return SUCCESS

    def clock(self, number: int) -> Clock:
        """A `$clockid`."""
        if number >= len(self.clocks):
            raise HostError(Code.INVALID)
        return self.clocks[number]

    def random_get(self, buffer: int, length: int) -> int:
        """Random bytes."""
        self.wasi.random.fill(self.bytes_at(buffer, length))
        return SUCCESS

    def proc_exit(self, code: int) -> None:
        """End the program."""
        raise Exit(code)

    def proc_raise(self, signal: int) -> int:
        """What the signal does to a process without handlers: nothing, or its end."""
        if signal > LAST_SIGNAL:
            raise HostError(Code.INVALID)
        if signal in STOPPING_SIGNALS:
            raise HostError(Code.UNSUPPORTED)
        if signal not in IGNORED_SIGNALS:
            raise Exit(128 + signal)  # as a shell counts the ends that signals make
        return SUCCESS

    def sched_yield(self) -> int:
        """Let another thread run."""
        yield_thread()
        return SUCCESS


def _terminated(strings: Iterable[str]) -> list[bytes]:
    return [string.encode("utf-8", "surrogateescape") + b"\0" for string in strings]
