"""Topological order by name, stable: of what may come next, the first as written comes first."""

import heapq

from wadjet.wit.ast import Id


def in_order(needs: dict[str, list[Id]], what: str, hint: str = "") -> list[str]:
    """Names in an order in which each comes after those it needs.

    Raises Invalid where a need is not among the names, or where something needs itself; `what`
    says what the names are of.
    """
    numbers = {name: number for number, name in enumerate(needs)}
    waiting = [len(ids) for ids in needs.values()]
    needed_by: list[list[int]] = [[] for _ in needs]
    for number, ids in enumerate(needs.values()):
        for id in ids:
            if id.name not in numbers:
                raise id.spot.invalid(f"{what} `{id.name}` does not exist{hint}")
            needed_by[numbers[id.name]].append(number)
    names = list(needs)
    ready = [number for number, count in enumerate(waiting) if count == 0]
    ordered = []
    while ready:
        number = heapq.heappop(ready)
        ordered.append(names[number])
        for other in needed_by[number]:
            waiting[other] -= 1
            if waiting[other] == 0:
                heapq.heappush(ready, other)
    if len(ordered) < len(names):
        id = _on_a_cycle(needs, {names[n] for n, count in enumerate(waiting) if count})
        raise id.spot.invalid(f"{what} `{id.name}` depends on itself")
    return ordered


def _on_a_cycle(needs: dict[str, list[Id]], left: set[str]) -> Id:
    """The first need on the way from the first name left to one that needs itself."""
    name = next(name for name in needs if name in left)
    found: dict[str, Id] = {}
    while True:
        id = next(id for id in needs[name] if id.name in left)
        if id.name in found:
            return found[id.name]
        found[id.name] = id
        name = id.name
