"""`Profile`: which functions of guests take the time."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final, final

#: Functions from the outermost to the innermost.
Stack = tuple[str, ...]


@final
class Profile(AbstractContextManager["Profile"]):
    """Counts where guests of this process are, a few hundred times a second.

        with wadjet.Profile() as profile:
            instance.exports.work()
        profile.stacks                          # {("work", "inner"): 42, …}
        wadjet.tools.flamegraph.svg(profile.stacks)     # a picture of it

    Only time in compiled guest code counts, in all threads; not that in host functions. Functions
    are named by the name section; one that was inlined counts as where it is. `Error` where there
    is no machine code.
    """

    def __init__(self, *, period: float = 0.002) -> None:
        """`period` is the time between two looks in seconds."""
        from wadjet.engine.runtime.profile import Samples
        from wadjet.engine.tiers.native import native_machine

        self._samples: Final = Samples(native_machine()[0])
        self._period: Final = period

    @property
    def stacks(self) -> Mapping[Stack, int]:
        """How often each stack of functions was found."""
        return dict(self._samples.counts)

    def __enter__(self) -> "Profile":
        self._samples.start(self._period)
        return self

    def __exit__(self, *_: object) -> None:
        self._samples.stop()
