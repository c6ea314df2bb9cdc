"""A component of world `wasi:http/service` as text: what it does, the length of the path says.

/   answers that the request is denied    /tr    traps
/n  so, a tenth of a second later         /spin  computes for ever
"""

from functools import cache

from tests.corpora import corpora
from tests.interfaces import ORDER
from wadjet.api.component import Component
from wadjet.component.build.metadata import embed
from wadjet.component.build.new import new
from wadjet.component.binary import encode as encode_component
from wadjet.core.binary import encode
from wadjet.core.features import DEFAULT
from wadjet.core.text import parse
from wadjet.wit import resolve, select_world

_WORLD = """package tests:serve;
world guest {
  import wasi:http/types@0.3.0;
  import wasi:clocks/monotonic-clock@0.3.0;
  export wasi:http/handler@0.3.0;
}"""

_TEXT = """(module
  (import "wasi:http/types@0.3.0" "[method]request.get-path-with-query"
    (func $path (param i32 i32)))
  (import "wasi:http/types@0.3.0" "[resource-drop]request" (func $drop (param i32)))
  (import "wasi:clocks/monotonic-clock@0.3.0" "[async-lower]wait-for"
    (func $sleep (param i64) (result i32)))
  (import "$root" "[waitable-set-new]" (func $set (result i32)))
  (import "$root" "[waitable-set-drop]" (func $drop-set (param i32)))
  (import "$root" "[waitable-join]" (func $join (param i32 i32)))
  (import "$root" "[subtask-drop]" (func $forget (param i32)))
  (import "[export]wasi:http/handler@0.3.0" "[task-return]handle"
    (func $return (param i32 i32 i32 i64 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "[async-lift]wasi:http/handler@0.3.0#handle") (param $request i32) (result i32)
    (local $length i32) (local $task i32) (local $set i32)
    (call $path (local.get $request) (i32.const 256))
    (local.set $length (i32.load (i32.const 264)))
    (call $drop (local.get $request))
    (if (i32.eq (local.get $length) (i32.const 3)) (then unreachable))
    (if (i32.eq (local.get $length) (i32.const 5)) (then (loop $for_ever (br $for_ever))))
    (if (i32.eq (local.get $length) (i32.const 2))
      (then
        (local.set $task (i32.shr_u (call $sleep (i64.const 100_000_000)) (i32.const 4)))
        (local.set $set (call $set))
        (call $join (local.get $task) (local.get $set))
        (return (i32.or (i32.const 2) (i32.shl (local.get $set) (i32.const 4))))))
    (call $answer)
    (i32.const 0))
  (func (export "[callback][async-lift]wasi:http/handler@0.3.0#handle")
    (param $event i32) (param $task i32) (param $state i32) (result i32)
    (call $join (local.get $task) (i32.const 0))
    (call $forget (local.get $task))
    (call $answer)
    (i32.const 0))
  (func $answer
    (call $return (i32.const 1) (i32.const 15) (i32.const 0) (i64.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0))))
"""


@cache
def component() -> Component:
    """The component, decoded once."""
    texts = {"guest.wit": _WORLD}
    for name in ORDER:
        for file in (corpora("wasi-wit") / "wasi-0.3.0" / name / "wit").glob("*.wit"):
            texts[f"deps/{name}/{file.name}"] = file.read_text()
    world = resolve(texts)
    module = encode(parse(_TEXT, DEFAULT))
    return Component(encode_component(new(embed(module, world, select_world(world)))))
