"""The table of canonical built-in functions (Explainer.md, "Canonical Built-ins"): one row each.

Bytes, text and validation read the same rows. What follows the opcode is in `immediates`:

    type        index of a component-level type        coretype    index of a core type
    table       index of a core table                  memory      index of a core memory
    result      an optional result type                opts        canonical options
    valtype     a core value type                      u32         a number
    async cancellable shared                           a flag, of which this is the word

The core type of the function is in `signature`. `ptr` is the type of addresses of the memory among
the immediates or the options (i32 without one), `rep` represents the resource, `slot` is the value
type among the immediates, `index` the type of indices of the table, `arg` the parameter of the
function type, `start` a nullable reference to it. `task.return` takes the result, flattened: its
row has no signature.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Row:
    """One built-in. `feature` gates it; `needs` is what its type immediate must be."""

    name: str
    code: int
    feature: str | None
    immediates: tuple[str, ...]
    signature: str | None
    needs: str = ""


def _row(line: str) -> Row:
    name, code, feature, immediates, signature, *needs = [c.strip() for c in line.split("|")]
    return Row(
        name,
        int(code, 16),
        f"cm-{feature}" if feature else None,
        tuple(immediates.split()),
        signature if "->" in signature else None,
        needs[0] if needs else "",
    )


_TABLE: Final = """
    resource.new                |02|               |type               |rep -> i32         |local
    resource.drop               |03|               |type               |i32 ->             |resource
    resource.rep                |04|               |type               |i32 -> rep         |local
    task.cancel                 |05|async          |                   |->
    subtask.cancel              |06|async          |async              |i32 -> i32
    task.return                 |09|async          |result opts        |
    context.get                 |0A|async          |valtype u32        |-> slot
    context.set                 |0B|async          |valtype u32        |slot ->
    thread.yield                |0C|async          |cancellable        |-> i32
    subtask.drop                |0D|async          |                   |i32 ->
    stream.new                  |0E|async          |type               |-> i64             |stream
    stream.read                 |0F|async          |type opts          |i32 ptr ptr -> ptr |stream
    stream.write                |10|async          |type opts          |i32 ptr ptr -> ptr |stream
    stream.cancel-read          |11|async          |type async         |i32 -> i32         |stream
    stream.cancel-write         |12|async          |type async         |i32 -> i32         |stream
    stream.drop-readable        |13|async          |type               |i32 ->             |stream
    stream.drop-writable        |14|async          |type               |i32 ->             |stream
    future.new                  |15|async          |type               |-> i64             |future
    future.read                 |16|async          |type opts          |i32 ptr -> i32     |future
    future.write                |17|async          |type opts          |i32 ptr -> i32     |future
    future.cancel-read          |18|async          |type async         |i32 -> i32         |future
    future.cancel-write         |19|async          |type async         |i32 -> i32         |future
    future.drop-readable        |1A|async          |type               |i32 ->             |future
    future.drop-writable        |1B|async          |type               |i32 ->             |future
    error-context.new           |1C|error-context  |opts               |ptr ptr -> i32
    error-context.debug-message |1D|error-context  |opts               |i32 ptr ->
    error-context.drop          |1E|error-context  |                   |i32 ->
    waitable-set.new            |1F|async          |                   |-> i32
    waitable-set.wait           |20|async          |cancellable memory |i32 ptr -> i32
    waitable-set.poll           |21|async          |cancellable memory |i32 ptr -> i32
    waitable-set.drop           |22|async          |                   |i32 ->
    waitable.join               |23|async          |                   |i32 i32 ->
    backpressure.inc            |24|async          |                   |->
    backpressure.dec            |25|async          |                   |->
    thread.index                |26|threads        |                   |-> i32
    thread.new-indirect         |27|threads        |coretype table     |index arg -> i32
    thread.resume-later         |28|threads        |                   |i32 ->
    thread.suspend              |29|threads        |cancellable        |-> i32
    thread.suspend-then-resume  |2A|threads        |cancellable        |i32 -> i32
    thread.yield-then-resume    |2B|threads        |cancellable        |i32 -> i32
    thread.suspend-then-promote |2C|threads        |cancellable        |i32 -> i32
    thread.yield-then-promote   |2D|threads        |cancellable        |i32 -> i32
    thread.spawn-ref            |40|shared-threads |shared coretype    |start arg -> i32
    thread.spawn-indirect       |41|shared-threads |shared coretype table|index arg -> i32
    thread.available-parallelism|42|shared-threads |shared             |-> i32
"""

ROWS: Final = tuple(_row(line) for line in _TABLE.strip().splitlines())
BY_NAME: Final = {row.name: row for row in ROWS}
BY_CODE: Final = {row.code: row for row in ROWS}

#: Immediates that are a word or nothing.
FLAGS: Final = ("async", "cancellable", "shared")

#: canonical option → its byte; those of `INDEXED` are followed by an index
OPTIONS: Final = {
    "utf8": 0,
    "utf16": 1,
    "latin1+utf16": 2,
    "memory": 3,
    "realloc": 4,
    "post-return": 5,
    "async": 6,
    "callback": 7,
}
ENCODINGS: Final = ("utf8", "utf16", "latin1+utf16")
#: option → the sort of core definition that its index is one of
INDEXED: Final = {
    "memory": "core memory",
    "realloc": "core func",
    "post-return": "core func",
    "callback": "core func",
}
