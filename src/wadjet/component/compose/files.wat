;; A file system whose files are embedded: wasi:filesystem of `wadjet virt --mount`.
;;
;; The files are put into memory by files.py. Each is a node of 16 bytes, and the resource
;; `descriptor` stands for the address of one:
;;
;;     0      its descriptor-type: 3 for a directory, 6 for a file
;;     4      where its bytes are, or its entries of 12 bytes: address and length of a name, node
;;     8      how many these are
;;     12     the node that it is in; the root is in itself
;;
;; A `directory-entry-stream` stands for one of 1024 places of 12 bytes from $streams on: whether it
;; is in use, the next entry, and how many are left. Results are left in $area. Globals that differ
;; from one component to the next, and the memory, are added by files.py, which leaves out what
;; nobody asks for: the names of interfaces get their versions there.
(module
  (import "[export]wasi:filesystem/types" "[resource-new]descriptor"
    (func $new-descriptor (param i32) (result i32)))
  (import "[export]wasi:filesystem/types" "[resource-new]directory-entry-stream"
    (func $new-stream (param i32) (result i32)))
  (import "[export]wasi:io/streams" "[resource-new]input-stream"
    (func $new-input-stream (param i32) (result i32)))
  (import "[export]wasi:io/streams" "[resource-new]output-stream"
    (func $new-output-stream (param i32) (result i32)))
  (import "wasi:io/streams" "[resource-drop]input-stream"
    (func $drop-input-stream (param i32)))
  (import "wasi:io/streams" "[resource-drop]output-stream"
    (func $drop-output-stream (param i32)))
  (import "wasi:io/streams" "[method]input-stream.read"
    (func $read (param i32 i64 i32)))
  (import "wasi:io/streams" "[method]input-stream.blocking-read"
    (func $blocking-read (param i32 i64 i32)))
  (import "wasi:io/streams" "[method]input-stream.skip"
    (func $skip (param i32 i64 i32)))
  (import "wasi:io/streams" "[method]input-stream.blocking-skip"
    (func $blocking-skip (param i32 i64 i32)))
  (import "wasi:io/streams" "[method]input-stream.subscribe"
    (func $subscribe-input (param i32) (result i32)))
  (import "wasi:io/streams" "[method]output-stream.subscribe"
    (func $subscribe-output (param i32) (result i32)))
  (import "wasi:clocks/monotonic-clock" "subscribe-duration"
    (func $subscribe-duration (param i64) (result i32)))
  (import "wasi:io/streams" "[method]output-stream.check-write"
    (func $check-write (param i32 i32)))
  (import "wasi:io/streams" "[method]output-stream.write"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams" "[method]output-stream.blocking-write-and-flush"
    (func $blocking-write-and-flush (param i32 i32 i32 i32)))
  (import "wasi:io/streams" "[method]output-stream.flush"
    (func $flush (param i32 i32)))
  (import "wasi:io/streams" "[method]output-stream.blocking-flush"
    (func $blocking-flush (param i32 i32)))
  (import "wasi:io/streams" "[method]output-stream.write-zeroes"
    (func $write-zeroes (param i32 i64 i32)))
  (import "wasi:io/streams" "[method]output-stream.blocking-write-zeroes-and-flush"
    (func $blocking-write-zeroes-and-flush (param i32 i64 i32)))
  (import "wasi:cli/stdin" "get-stdin" (func $get-stdin (result i32)))
  (import "wasi:cli/stdout" "get-stdout" (func $get-stdout (result i32)))
  (import "wasi:cli/stderr" "get-stderr" (func $get-stderr (result i32)))

  ;; Results: where they are. An error has its code at an offset.

  (func $fail (param $offset i32) (param $code i32) (result i32)
    (i32.store8 (global.get $area) (i32.const 1))
    (i32.store8 (i32.add (global.get $area) (local.get $offset)) (local.get $code))
    (global.get $area))

  (func $succeed (result i32)
    (i32.store8 (global.get $area) (i32.const 0))
    (global.get $area))

  ;; Paths. What is found is a node, or else an error-code less 128.

  (func $is-directory (param $node i32) (result i32)
    (i32.eq (i32.load (local.get $node)) (i32.const 3)))

  (func $same (param $a i32) (param $b i32) (param $size i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $size)))
        (if (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b)))
          (then (return (i32.const 0))))
        (local.set $a (i32.add (local.get $a) (i32.const 1)))
        (local.set $b (i32.add (local.get $b) (i32.const 1)))
        (local.set $size (i32.sub (local.get $size) (i32.const 1)))
        (br $next)))
    (i32.const 1))

  ;; what a directory calls by a name
  (func $entry (param $node i32) (param $name i32) (param $size i32) (result i32)
    (local $at i32) (local $left i32)
    (local.set $at (i32.load offset=4 (local.get $node)))
    (local.set $left (i32.load offset=8 (local.get $node)))
    (block $none
      (loop $next
        (br_if $none (i32.eqz (local.get $left)))
        (if (i32.eq (i32.load offset=4 (local.get $at)) (local.get $size))
          (then
            (if (call $same (i32.load (local.get $at)) (local.get $name) (local.get $size))
              (then (return (i32.load offset=8 (local.get $at)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 12)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (i32.const -108))  ;; no-entry

  ;; one step of a path that began at $start and must not leave it
  (func $step (param $start i32) (param $node i32) (param $name i32) (param $size i32) (result i32)
    (if (i32.eqz (call $is-directory (local.get $node)))
      (then (return (i32.const -104))))  ;; not-directory
    (if (i32.eqz (local.get $size)) (then (return (local.get $node))))
    (if (i32.eq (i32.load8_u (local.get $name)) (i32.const 46))
      (then
        (if (i32.eq (local.get $size) (i32.const 1)) (then (return (local.get $node))))
        (if (i32.and (i32.eq (local.get $size) (i32.const 2))
              (i32.eq (i32.load8_u offset=1 (local.get $name)) (i32.const 46)))
          (then
            (if (i32.eq (local.get $node) (local.get $start))
              (then (return (i32.const -97))))  ;; not-permitted
            (return (i32.load offset=12 (local.get $node)))))))
    (call $entry (local.get $node) (local.get $name) (local.get $size)))

  ;; the length of what precedes the next slash
  (func $part (param $path i32) (param $size i32) (result i32) (local $length i32)
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $length) (local.get $size)))
        (br_if $done (i32.eq (i32.const 47)
          (i32.load8_u (i32.add (local.get $path) (local.get $length)))))
        (local.set $length (i32.add (local.get $length) (i32.const 1)))
        (br $next)))
    (local.get $length))

  (func $walk (param $start i32) (param $path i32) (param $size i32) (result i32)
    (local $node i32) (local $length i32)
    (if (i32.eqz (local.get $size)) (then (return (i32.const -108))))
    (if (i32.eq (i32.load8_u (local.get $path)) (i32.const 47))
      (then (return (i32.const -97))))
    (local.set $node (local.get $start))
    (block $done
      (loop $next
        (local.set $length (call $part (local.get $path) (local.get $size)))
        (local.set $node (call $step (local.get $start) (local.get $node) (local.get $path)
          (local.get $length)))
        (br_if $done (i32.lt_s (local.get $node) (i32.const 0)))
        (br_if $done (i32.eq (local.get $length) (local.get $size)))
        (local.set $length (i32.add (local.get $length) (i32.const 1)))
        (local.set $path (i32.add (local.get $path) (local.get $length)))
        (local.set $size (i32.sub (local.get $size) (local.get $length)))
        (br $next)))
    (local.get $node))

  ;; Descriptors.

  (func (export "wasi:filesystem/preopens#get-directories") (result i32)
    (i32.store (global.get $area) (i32.add (global.get $area) (i32.const 8)))
    (i32.store offset=4 (global.get $area) (i32.const 1))
    (i32.store offset=8 (global.get $area) (call $new-descriptor (global.get $root)))
    (i32.store offset=12 (global.get $area) (i32.add (global.get $area) (i32.const 20)))
    (i32.store offset=16 (global.get $area) (i32.const 1))
    (i32.store8 offset=20 (global.get $area) (i32.const 47))
    (global.get $area))

  ;; what is wrong with opening a node, or with the error that there is in its place; or else 0
  (func $objection (param $node i32) (param $how i32) (param $flags i32) (result i32)
    (if (i32.lt_s (local.get $node) (i32.const 0))
      (then
        (return (select (i32.const 33) (i32.add (local.get $node) (i32.const 128))
          (i32.and (i32.eq (local.get $node) (i32.const -108))
            (i32.and (local.get $how) (i32.const 1)))))))  ;; it would have to be created
    (if (i32.eq (i32.and (local.get $how) (i32.const 5)) (i32.const 5))
      (then (return (i32.const 7))))  ;; exist
    (if (i32.and (local.get $how) (i32.const 2))
      (then
        (if (i32.eqz (call $is-directory (local.get $node))) (then (return (i32.const 24))))))
    (select (i32.const 33) (i32.const 0)  ;; read-only: to be cut off, written, changed
      (i32.or (i32.and (local.get $how) (i32.const 8))
        (i32.and (local.get $flags) (i32.const 34)))))

  (func (export "wasi:filesystem/types#[method]descriptor.open-at") (param $node i32)
    (param $follow i32) (param $path i32) (param $size i32) (param $how i32) (param $flags i32)
    (result i32) (local $error i32)
    (local.set $node (call $walk (local.get $node) (local.get $path) (local.get $size)))
    (local.set $error
      (call $objection (local.get $node) (local.get $how) (local.get $flags)))
    (if (local.get $error) (then (return (call $fail (i32.const 4) (local.get $error)))))
    (i32.store offset=4 (global.get $area) (call $new-descriptor (local.get $node)))
    (call $succeed))

  (func (export "wasi:filesystem/types#[method]descriptor.read") (param $node i32)
    (param $length i64) (param $offset i64) (result i32) (local $size i64) (local $left i64)
    (if (call $is-directory (local.get $node))
      (then (return (call $fail (i32.const 4) (i32.const 14)))))
    (local.set $size (i64.load32_u offset=8 (local.get $node)))
    (local.set $offset (select (local.get $offset) (local.get $size)
      (i64.lt_u (local.get $offset) (local.get $size))))
    (local.set $left (i64.sub (local.get $size) (local.get $offset)))
    (local.set $length (select (local.get $length) (local.get $left)
      (i64.lt_u (local.get $length) (local.get $left))))
    (i32.store offset=4 (global.get $area)
      (i32.add (i32.load offset=4 (local.get $node)) (i32.wrap_i64 (local.get $offset))))
    (i64.store32 offset=8 (global.get $area) (local.get $length))
    (i32.store8 offset=12 (global.get $area) (i64.eq (local.get $length) (local.get $left)))
    (call $succeed))

  (func (export "wasi:filesystem/types#[method]descriptor.get-type") (param $node i32) (result i32)
    (i32.store8 offset=1 (global.get $area) (i32.load (local.get $node)))
    (call $succeed))

  (func (export "wasi:filesystem/types#[method]descriptor.get-flags") (param $node i32) (result i32)
    (i32.store8 offset=1 (global.get $area) (i32.const 1))
    (call $succeed))

  (func (export "wasi:filesystem/types#[method]descriptor.is-same-object") (param $a i32)
    (param $b i32) (result i32)
    (i32.eq (local.get $a) (local.get $b)))

  ;; there is one link to everything, and no time at all
  (func $stat (param $node i32) (result i32)
    (if (i32.lt_s (local.get $node) (i32.const 0))
      (then (return (call $fail (i32.const 8) (i32.add (local.get $node) (i32.const 128))))))
    (memory.fill (global.get $area) (i32.const 0) (i32.const 104))
    (i32.store8 offset=8 (global.get $area) (i32.load (local.get $node)))
    (i64.store offset=16 (global.get $area) (i64.const 1))
    (if (i32.eqz (call $is-directory (local.get $node)))
      (then (i64.store offset=24 (global.get $area) (i64.load32_u offset=8 (local.get $node)))))
    (call $succeed))

  (func (export "wasi:filesystem/types#[method]descriptor.stat") (param $node i32) (result i32)
    (call $stat (local.get $node)))

  (func (export "wasi:filesystem/types#[method]descriptor.stat-at") (param $node i32)
    (param $follow i32) (param $path i32) (param $size i32) (result i32)
    (call $stat (call $walk (local.get $node) (local.get $path) (local.get $size))))

  ;; nothing changes, so what tells one node from another serves
  (func $hash (param $node i32) (result i32)
    (if (i32.lt_s (local.get $node) (i32.const 0))
      (then (return (call $fail (i32.const 8) (i32.add (local.get $node) (i32.const 128))))))
    (i64.store offset=8 (global.get $area) (i64.extend_i32_u (local.get $node)))
    (i64.store offset=16 (global.get $area) (i64.const 0))
    (call $succeed))

  (func (export "wasi:filesystem/types#[method]descriptor.metadata-hash") (param $node i32)
    (result i32)
    (call $hash (local.get $node)))

  (func (export "wasi:filesystem/types#[method]descriptor.metadata-hash-at") (param $node i32)
    (param $follow i32) (param $path i32) (param $size i32) (result i32)
    (call $hash (call $walk (local.get $node) (local.get $path) (local.get $size))))

  ;; Entries of directories.

  ;; a place for a stream, or 0
  (func $place (result i32) (local $at i32)
    (local.set $at (global.get $streams))
    (loop $next
      (if (i32.eqz (i32.load (local.get $at))) (then (return (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 12)))
      (br_if $next (i32.lt_u (local.get $at)
        (i32.add (global.get $streams) (i32.const 12288)))))
    (i32.const 0))

  (func (export "wasi:filesystem/types#[method]descriptor.read-directory") (param $node i32)
    (result i32) (local $at i32)
    (if (i32.eqz (call $is-directory (local.get $node)))
      (then (return (call $fail (i32.const 4) (i32.const 24)))))
    (local.set $at (call $place))
    (if (i32.eqz (local.get $at))
      (then (return (call $fail (i32.const 4) (i32.const 22)))))  ;; insufficient-memory
    (i32.store (local.get $at) (i32.const 1))
    (i64.store offset=4 align=4 (local.get $at) (i64.load offset=4 align=4 (local.get $node)))
    (i32.store offset=4 (global.get $area) (call $new-stream (local.get $at)))
    (call $succeed))

  (func (export "wasi:filesystem/types#[method]directory-entry-stream.read-directory-entry")
    (param $at i32) (result i32) (local $entry i32) (local $left i32)
    (local.set $entry (i32.load offset=4 (local.get $at)))
    (local.set $left (i32.load offset=8 (local.get $at)))
    (i32.store offset=4 (global.get $area) (i32.ne (local.get $left) (i32.const 0)))
    (if (local.get $left)
      (then
        (i32.store8 offset=8 (global.get $area) (i32.load (i32.load offset=8 (local.get $entry))))
        (i64.store offset=12 align=4 (global.get $area) (i64.load align=4 (local.get $entry)))
        (i32.store offset=4 (local.get $at) (i32.add (local.get $entry) (i32.const 12)))
        (i32.store offset=8 (local.get $at) (i32.sub (local.get $left) (i32.const 1)))))
    (call $succeed))

  (func (export "wasi:filesystem/types#[dtor]directory-entry-stream") (param $at i32)
    (i32.store (local.get $at) (i32.const 0)))

  ;; Streams, if somebody asks for read-via-stream. Guests have one type of them, so the host's
  ;; pass through here: an output-stream stands for the host's, an input-stream for twice the host's
  ;; and one, or else for a place with the bytes to come, as a directory-entry-stream does.

  (func (export "wasi:filesystem/types#[method]descriptor.read-via-stream") (param $node i32)
    (param $offset i64) (result i32) (local $at i32) (local $size i32) (local $from i32)
    (if (call $is-directory (local.get $node))
      (then (return (call $fail (i32.const 4) (i32.const 14)))))
    (local.set $at (call $place))
    (if (i32.eqz (local.get $at))
      (then (return (call $fail (i32.const 4) (i32.const 22)))))
    (local.set $size (i32.load offset=8 (local.get $node)))
    (local.set $from (select (i32.wrap_i64 (local.get $offset)) (local.get $size)
      (i64.lt_u (local.get $offset) (i64.extend_i32_u (local.get $size)))))
    (i32.store (local.get $at) (i32.const 1))
    (i32.store offset=4 (local.get $at)
      (i32.add (i32.load offset=4 (local.get $node)) (local.get $from)))
    (i32.store offset=8 (local.get $at) (i32.sub (local.get $size) (local.get $from)))
    (i32.store offset=4 (global.get $area) (call $new-input-stream (local.get $at)))
    (call $succeed))

  (func $is-hosts (param $stream i32) (result i32)
    (i32.and (local.get $stream) (i32.const 1)))

  (func $hosts (param $stream i32) (result i32)
    (i32.shr_u (local.get $stream) (i32.const 1)))

  ;; take some of the bytes to come; how many
  (func $take (param $at i32) (param $most i64) (result i32) (local $left i32) (local $count i32)
    (local.set $left (i32.load offset=8 (local.get $at)))
    (local.set $count (select (i32.wrap_i64 (local.get $most)) (local.get $left)
      (i64.lt_u (local.get $most) (i64.extend_i32_u (local.get $left)))))
    (i32.store offset=4 (local.get $at)
      (i32.add (i32.load offset=4 (local.get $at)) (local.get $count)))
    (i32.store offset=8 (local.get $at) (i32.sub (local.get $left) (local.get $count)))
    (local.get $count))

  ;; whether somebody wants more than nothing, and nothing is left
  (func $is-over (param $at i32) (param $most i64) (result i32)
    (i32.and (i64.ne (local.get $most) (i64.const 0))
      (i32.eqz (i32.load offset=8 (local.get $at)))))

  (func $read-file (param $at i32) (param $most i64) (result i32)
    (if (call $is-over (local.get $at) (local.get $most))
      (then (return (call $fail (i32.const 4) (i32.const 1)))))  ;; closed
    (i32.store offset=4 (global.get $area) (i32.load offset=4 (local.get $at)))
    (i32.store offset=8 (global.get $area) (call $take (local.get $at) (local.get $most)))
    (call $succeed))

  (func $skip-file (param $at i32) (param $most i64) (result i32)
    (if (call $is-over (local.get $at) (local.get $most))
      (then (return (call $fail (i32.const 8) (i32.const 1)))))
    (i64.store offset=8 (global.get $area)
      (i64.extend_i32_u (call $take (local.get $at) (local.get $most))))
    (call $succeed))

  (func (export "wasi:io/streams#[method]input-stream.read") (param $stream i32)
    (param $most i64) (result i32)
    (if (i32.eqz (call $is-hosts (local.get $stream)))
      (then (return (call $read-file (local.get $stream) (local.get $most)))))
    (call $read (call $hosts (local.get $stream)) (local.get $most) (global.get $area))
    (global.get $area))

  (func (export "wasi:io/streams#[method]input-stream.blocking-read") (param $stream i32)
    (param $most i64) (result i32)
    (if (i32.eqz (call $is-hosts (local.get $stream)))
      (then (return (call $read-file (local.get $stream) (local.get $most)))))
    (call $blocking-read (call $hosts (local.get $stream)) (local.get $most) (global.get $area))
    (global.get $area))

  (func (export "wasi:io/streams#[method]input-stream.skip") (param $stream i32)
    (param $most i64) (result i32)
    (if (i32.eqz (call $is-hosts (local.get $stream)))
      (then (return (call $skip-file (local.get $stream) (local.get $most)))))
    (call $skip (call $hosts (local.get $stream)) (local.get $most) (global.get $area))
    (global.get $area))

  (func (export "wasi:io/streams#[method]input-stream.blocking-skip") (param $stream i32)
    (param $most i64) (result i32)
    (if (i32.eqz (call $is-hosts (local.get $stream)))
      (then (return (call $skip-file (local.get $stream) (local.get $most)))))
    (call $blocking-skip (call $hosts (local.get $stream)) (local.get $most) (global.get $area))
    (global.get $area))

  ;; files are always ready
  (func (export "wasi:io/streams#[method]input-stream.subscribe") (param $stream i32) (result i32)
    (if (result i32) (call $is-hosts (local.get $stream))
      (then (call $subscribe-input (call $hosts (local.get $stream))))
      (else (call $subscribe-duration (i64.const 0)))))

  (func (export "wasi:io/streams#[dtor]input-stream") (param $stream i32)
    (if (call $is-hosts (local.get $stream))
      (then (call $drop-input-stream (call $hosts (local.get $stream))))
      (else (i32.store (local.get $stream) (i32.const 0)))))

  (func (export "wasi:cli/stdin#get-stdin") (result i32)
    (call $new-input-stream
      (i32.or (i32.shl (call $get-stdin) (i32.const 1)) (i32.const 1))))

  (func (export "wasi:cli/stdout#get-stdout") (result i32)
    (call $new-output-stream (call $get-stdout)))

  (func (export "wasi:cli/stderr#get-stderr") (result i32)
    (call $new-output-stream (call $get-stderr)))

  (func (export "wasi:io/streams#[dtor]output-stream") (param $stream i32)
    (call $drop-output-stream (local.get $stream)))

  (func (export "wasi:io/streams#[method]output-stream.subscribe") (param $stream i32) (result i32)
    (call $subscribe-output (local.get $stream)))

  (func (export "wasi:io/streams#[method]output-stream.check-write")
    (param $stream i32) (result i32)
    (call $check-write (local.get $stream) (global.get $area))
    (global.get $area))

  (func (export "wasi:io/streams#[method]output-stream.write")
    (param $stream i32) (param $from i32) (param $size i32) (result i32)
    (call $write (local.get $stream) (local.get $from) (local.get $size) (global.get $area))
    (global.get $area))

  (func (export "wasi:io/streams#[method]output-stream.blocking-write-and-flush")
    (param $stream i32) (param $from i32) (param $size i32) (result i32)
    (call $blocking-write-and-flush (local.get $stream) (local.get $from) (local.get $size)
      (global.get $area))
    (global.get $area))

  (func (export "wasi:io/streams#[method]output-stream.flush")
    (param $stream i32) (result i32)
    (call $flush (local.get $stream) (global.get $area))
    (global.get $area))

  (func (export "wasi:io/streams#[method]output-stream.blocking-flush")
    (param $stream i32) (result i32)
    (call $blocking-flush (local.get $stream) (global.get $area))
    (global.get $area))

  (func (export "wasi:io/streams#[method]output-stream.write-zeroes")
    (param $stream i32) (param $count i64) (result i32)
    (call $write-zeroes (local.get $stream) (local.get $count) (global.get $area))
    (global.get $area))

  (func (export "wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush")
    (param $stream i32) (param $count i64) (result i32)
    (call $blocking-write-zeroes-and-flush (local.get $stream) (local.get $count)
      (global.get $area))
    (global.get $area))
)
