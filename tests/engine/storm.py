"""Doing the same thing again and again, in two threads at once."""

import faulthandler
import threading
from collections.abc import Callable

#: Times in a row.
ROUNDS = 1000


def storm(*bodies: Callable[[], object], rounds: int = ROUNDS) -> None:
    """Call each body `rounds` times, all in parallel, each in a thread of its own (the first in the
    calling one). The first exception that any of them raises comes out."""
    faulthandler.enable()
    errors: list[BaseException] = []

    def work(body: Callable[[], object]) -> None:
        try:
            for _ in range(rounds):
                if errors:
                    return
                body()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(body,)) for body in bodies[1:]]
    for thread in threads:
        thread.start()
    work(bodies[0])
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
