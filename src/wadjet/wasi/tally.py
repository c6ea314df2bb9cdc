"""What a server has done so far, counted together by all its processes."""

import mmap
from dataclasses import dataclass, field
from typing import Final, final

#: the counts of statuses in a row, after the named ones
_STATUSES: Final = range(100, 600)
_NAMED: Final = ("requests", "in_flight", "traps", "timeouts", "instances_made")
_ROW: Final = len(_NAMED) + len(_STATUSES)


@dataclass(slots=True)
class Counters:
    """What happened so far."""

    requests: int = 0
    in_flight: int = 0
    traps: int = 0
    timeouts: int = 0
    instances_made: int = 0
    by_status: dict[int, int] = field(default_factory=dict)

    def metrics(self) -> str:
        """The counters, as Prometheus reads them."""
        lines = [
            "# TYPE wadjet_requests_total counter",
            f"wadjet_requests_total {self.requests}",
            "# TYPE wadjet_requests_in_flight gauge",
            f"wadjet_requests_in_flight {self.in_flight}",
            "# TYPE wadjet_guest_failures_total counter",
            f"wadjet_guest_failures_total {self.traps}",
            "# TYPE wadjet_timeouts_total counter",
            f"wadjet_timeouts_total {self.timeouts}",
            "# TYPE wadjet_instances_total counter",
            f"wadjet_instances_total {self.instances_made}",
            "# TYPE wadjet_responses_total counter",
        ]
        for status, count in sorted(self.by_status.items()):
            lines.append(f'wadjet_responses_total{{status="{status}"}} {count}')
        return "\n".join([*lines, ""])


@final
class Tally:
    """Memory that a process shares with those it forks: a row of counts for each of them."""

    def __init__(self, rows: int) -> None:
        self._cells: Final = memoryview(mmap.mmap(-1, rows * _ROW * 8)).cast("q")
        self._rows: Final = rows

    def share(self, row: int) -> "Share":
        """The row of one process; what a former one has counted there is kept."""
        return Share(self, self._cells[row * _ROW : (row + 1) * _ROW])

    def total(self) -> Counters:
        """What all have counted."""
        sums = [sum(self._cells[i::_ROW]) for i in range(_ROW)]
        requests, in_flight, traps, timeouts, made, *statuses = sums
        by_status = {status: count for status, count in zip(_STATUSES, statuses) if count}
        return Counters(requests, in_flight, traps, timeouts, made, by_status)


@final
class Share:
    """What one process adds to a tally."""

    def __init__(self, tally: Tally, cells: "memoryview[int]") -> None:
        self.tally: Final = tally
        self._cells: Final = cells
        self._before: Final = list(cells)
        self._before[_NAMED.index("in_flight")] = 0

    def put(self, counters: Counters) -> None:
        """This is what it has counted so far."""
        counts = [getattr(counters, name) for name in _NAMED]
        counts += [counters.by_status.get(status, 0) for status in _STATUSES]
        for i, count in enumerate(counts):
            self._cells[i] = self._before[i] + count
