"""A component of world `wasi:http/proxy` in the text format: what it does, the path's length says.

/       answers "hello"                 /tr      traps
/n      so, a tenth of a second later   /spin    computes for ever
/eat    so, and keeps another MiB       /sleep   waits for ever, in `poll`
/stream gives back what it is sent      /cut-off traps after a piece of the response
/only-once answers "hello" once         /say-nothin never answers
"""

from functools import cache

from tests.corpora import corpora
from tests.interfaces import ORDER
from wadjet.api.component import Component
from wadjet.component.binary import encode as encode_component
from wadjet.component.build.metadata import embed
from wadjet.component.build.new import new
from wadjet.core.binary import encode
from wadjet.core.features import DEFAULT
from wadjet.core.text import parse
from wadjet.wit import resolve, select_world

_WORLD = """package tests:serve;
world guest {
  import wasi:http/types@0.2.12;
  import wasi:io/streams@0.2.12;
  import wasi:io/poll@0.2.12;
  import wasi:clocks/monotonic-clock@0.2.12;
  export wasi:http/incoming-handler@0.2.12;
}"""

_TEXT = """(module
  (import "wasi:http/types@0.2.12" "[method]incoming-request.path-with-query"
    (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.consume"
    (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $pieces (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read"
    (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $close-in (param i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-body" (func $drop-body (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.check-write"
    (func $room (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write"
    (func $write-some (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.subscribe"
    (func $when (param i32) (result i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $forget (param i32)))
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response"
    (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish"
    (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-request" (func $drop (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
    (func $put (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $close (param i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration"
    (func $after (param i64) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 8) "hello")
  (global $top (mut i32) (i32.const 1024))
  (global $incoming (mut i32) (i32.const 0))
  (global $served (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get 3))))
  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $out i32)
    (local $length i32) (local $answer i32) (local $stream i32) (local $source i32)
    (global.set $top (i32.const 1024))
    (call $path (local.get $request) (i32.const 256))
    (local.set $length (i32.load (i32.const 264)))
    (global.set $served (i32.add (global.get $served) (i32.const 1)))
    (if (i32.eq (local.get $length) (i32.const 10))
      (then (if (i32.gt_u (global.get $served) (i32.const 1)) (then return))))
    (if (i32.eq (local.get $length) (i32.const 11)) (then return))
    (if (i32.eq (local.get $length) (i32.const 3)) (then unreachable))
    (if (i32.eq (local.get $length) (i32.const 5)) (then (loop $for_ever (br $for_ever))))
    (if (i32.eq (local.get $length) (i32.const 6))
      (then (call $block (call $after (i64.const 1_000_000_000_000)))))
    (if (i32.eq (local.get $length) (i32.const 4)) (then (call $eat)))
    (if (i32.eq (local.get $length) (i32.const 2))
      (then (call $wait (call $after (i64.const 100_000_000)))))
    (if (i32.eq (local.get $length) (i32.const 7))
      (then (local.set $source (call $source (local.get $request)))))
    (call $drop (local.get $request))
    (local.set $answer (call $response (call $fields)))
    (call $body (local.get $answer) (i32.const 300))
    (call $set (local.get $out) (i32.const 0) (local.get $answer)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (i32.load (i32.const 304)) (i32.const 320))
    (local.set $stream (i32.load (i32.const 324)))
    (if (local.get $source)
      (then (call $pass-on (local.get $source) (local.get $stream)))
      (else (call $put (local.get $stream) (i32.const 8) (i32.const 5) (i32.const 340))))
    (if (i32.eq (local.get $length) (i32.const 8))
      (then (call $wait (call $after (i64.const 100_000_000))) unreachable))
    (call $close (local.get $stream))
    (call $finish (i32.load (i32.const 304)) (i32.const 0) (i32.const 0) (i32.const 360)))
  (func $wait (param $what i32)
    (call $block (local.get $what))
    (call $forget (local.get $what)))
  (func $eat (local $page i32)
    (local.set $page (memory.grow (i32.const 16)))
    (if (i32.eq (local.get $page) (i32.const -1)) (then unreachable))
    (memory.fill (i32.shl (local.get $page) (i32.const 16)) (i32.const 1) (i32.const 0x10_0000)))
  (func $source (param $request i32) (result i32)
    (call $consume (local.get $request) (i32.const 400))
    (global.set $incoming (i32.load (i32.const 404)))
    (call $pieces (global.get $incoming) (i32.const 400))
    (i32.load (i32.const 404)))
  (func $pass-on (param $source i32) (param $stream i32)
    (local $at i32) (local $left i32) (local $count i32)
    (block $end
      (loop $more
        (global.set $top (i32.const 1024))
        (call $read (local.get $source) (i64.const 0x1_0000) (i32.const 420))
        (br_if $end (i32.load8_u (i32.const 420)))
        (local.set $at (i32.load (i32.const 424)))
        (local.set $left (i32.load (i32.const 428)))
        (loop $again
          (call $room (local.get $stream) (i32.const 440))
          (if (i32.load8_u (i32.const 440)) (then unreachable))
          (local.set $count (i32.load (i32.const 448)))
          (if (i32.eqz (local.get $count))
            (then (call $wait (call $when (local.get $stream))) (br $again)))
          (if (i32.gt_u (local.get $count) (local.get $left))
            (then (local.set $count (local.get $left))))
          (call $write-some
            (local.get $stream) (local.get $at) (local.get $count) (i32.const 460))
          (local.set $at (i32.add (local.get $at) (local.get $count)))
          (local.set $left (i32.sub (local.get $left) (local.get $count)))
          (br_if $again (local.get $left)))
        (br $more)))
    (call $close-in (local.get $source))
    (call $drop-body (global.get $incoming))))
"""


@cache
def binary() -> bytes:
    """The component as bytes."""
    texts = {"guest.wit": _WORLD}
    for name in ORDER:
        for file in (corpora("wasi-wit") / "wasi-0.2.12" / name / "wit").glob("*.wit"):
            texts[f"deps/{name}/{file.name}"] = file.read_text()
    world = resolve(texts)
    module = encode(parse(_TEXT, DEFAULT))
    return encode_component(new(embed(module, world, select_world(world))))


@cache
def component() -> Component:
    """The component, decoded once."""
    return Component(binary())
