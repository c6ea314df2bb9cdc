;; WASI 0.1 on top of WASI 0.2: the adapter of `wadjet component new`.
;;
;; A program that was made for `wasi_snapshot_preview1` imports the functions exported here; these
;; call what preview1.wit imports. The program's memory is shared. Three pages of it, taken when the
;; first function is called, belong to this module, from $base on:
;;
;;     0      where imported functions leave their results
;;     256    errno by error-code, then filetype by descriptor-type
;;     512    the open files, 24 bytes each: kind, handle, offset (8 bytes), flags, and whether it may
;;            be read (1) and written (2)
;;     32768  an arena for strings and lists, which is empty at the beginning of each call
;;
;; The kinds of files: 0 none, 1 a stream to read, 2 a stream to write, 3 a file, 4 a directory, 5 a
;; directory that was there from the start (its offset is the address and the length of its name).
;; Only what a program imports of this module becomes part of its component: see preview1.py.
(module
  (import "env" "memory" (memory 0))
  (import "__main_module__" "_start" (func $main))
  (import "wasi:cli/environment@0.2.0" "get-environment"
    (func $get-environment (param i32)))
  (import "wasi:cli/environment@0.2.0" "get-arguments"
    (func $get-arguments (param i32)))
  (import "wasi:cli/exit@0.2.0" "exit"
    (func $exit (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read"
    (func $blocking-read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $blocking-write-and-flush (param i32 i32 i32 i32)))
  (import "wasi:cli/stdin@0.2.0" "get-stdin"
    (func $get-stdin (result i32)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout"
    (func $get-stdout (result i32)))
  (import "wasi:cli/stderr@0.2.0" "get-stderr"
    (func $get-stderr (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block"
    (func $block (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "now"
    (func $now (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "resolution"
    (func $resolution (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
    (func $subscribe-duration (param i64) (result i32)))
  (import "wasi:clocks/wall-clock@0.2.0" "now"
    (func $wall-now (param i32)))
  (import "wasi:clocks/wall-clock@0.2.0" "resolution"
    (func $wall-resolution (param i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.read"
    (func $read (param i32 i64 i64 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.write"
    (func $write (param i32 i32 i32 i64 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.get-type"
    (func $get-type (param i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.set-size"
    (func $set-size (param i32 i64 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.sync"
    (func $sync (param i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.sync-data"
    (func $sync-data (param i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.stat"
    (func $stat (param i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.stat-at"
    (func $stat-at (param i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.open-at"
    (func $open-at (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.create-directory-at"
    (func $create-directory-at (param i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.remove-directory-at"
    (func $remove-directory-at (param i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.unlink-file-at"
    (func $unlink-file-at (param i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.symlink-at"
    (func $symlink-at (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.readlink-at"
    (func $readlink-at (param i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.rename-at"
    (func $rename-at (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.link-at"
    (func $link-at (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.read-directory"
    (func $read-directory (param i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.metadata-hash"
    (func $metadata-hash (param i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.metadata-hash-at"
    (func $metadata-hash-at (param i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.set-times"
    (func $set-times (param i32 i32 i64 i32 i32 i64 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.set-times-at"
    (func $set-times-at (param i32 i32 i32 i32 i32 i64 i32 i32 i64 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]directory-entry-stream.read-directory-entry"
    (func $read-directory-entry (param i32 i32)))
  (import "wasi:filesystem/preopens@0.2.0" "get-directories"
    (func $get-directories (param i32)))
  (import "wasi:random/random@0.2.0" "get-random-bytes"
    (func $get-random-bytes (param i64 i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable"
    (func $drop-pollable (param i32)))
  (import "wasi:filesystem/types@0.2.0" "[resource-drop]descriptor"
    (func $drop-descriptor (param i32)))
  (import "wasi:filesystem/types@0.2.0" "[resource-drop]directory-entry-stream"
    (func $drop-directory-entry-stream (param i32)))

  (global $base (mut i32) (i32.const 0))
  ;; where the arena is free, and where it is free at the beginning of a call
  (global $free (mut i32) (i32.const 0))
  (global $kept (mut i32) (i32.const 0))
  ;; where the next list of bytes is wanted, and how long it may be; 0 for the arena
  (global $wanted (mut i32) (i32.const 0))
  (global $room (mut i32) (i32.const 0))
  (data $errnos "\02\06\07\08\0a\10\13\14\16\19\1a\1b\1c\1d\1f\20\22\23\25\2b\2c\2e\30\33\36\37\38"
    "\3a\3b\3c\3d\3f\40\45\46\4a\4b")
  (data $filetypes "\00\01\02\03\00\07\04\06")

  ;; Memory.

  (func $enter
    (if (i32.eqz (global.get $base)) (then (call $set-up)))
    (global.set $free (global.get $kept))
    (global.set $wanted (i32.const 0)))

  (func $pages (param $bytes i32) (result i32) (local $page i32)
    (local.set $page (memory.grow
      (i32.shr_u (i32.add (local.get $bytes) (i32.const 65535)) (i32.const 16))))
    (if (i32.eq (local.get $page) (i32.const -1)) (then unreachable))
    (i32.shl (local.get $page) (i32.const 16)))

  (func $set-up
    (global.set $base (call $pages (i32.const 196608)))
    (global.set $free (i32.add (global.get $base) (i32.const 32768)))
    (memory.init $errnos (i32.add (global.get $base) (i32.const 256)) (i32.const 0) (i32.const 37))
    (memory.init $filetypes (i32.add (global.get $base) (i32.const 320)) (i32.const 0) (i32.const 8))
    (call $open-streams)
    (call $open-directories)
    (global.set $kept (global.get $free)))

  (func $open-streams
    (call $put (i32.const 0) (i32.const 1) (call $get-stdin))
    (call $put (i32.const 1) (i32.const 2) (call $get-stdout))
    (call $put (i32.const 2) (i32.const 2) (call $get-stderr)))

  (func $open-directories (local $from i32) (local $count i32) (local $fd i32)
    (call $get-directories (global.get $base))
    (local.set $from (i32.load (global.get $base)))
    (local.set $count (i32.load offset=4 (global.get $base)))
    (local.set $fd (i32.const 3))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (call $put (local.get $fd) (i32.const 5) (i32.load (local.get $from)))
        (i64.store offset=8 (call $entry (local.get $fd)) (i64.load offset=4 align=4 (local.get $from)))
        (local.set $from (i32.add (local.get $from) (i32.const 12)))
        (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next))))

  ;; what imported functions allocate their lists with
  (func $realloc (export "cabi_import_realloc")
    (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
    (local $at i32)
    (if (i32.and (i32.ne (global.get $wanted) (i32.const 0))
          (i32.le_u (local.get $new) (global.get $room)))
      (then
        (local.set $at (global.get $wanted))
        (global.set $wanted (i32.const 0))
        (return (local.get $at))))
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (if (i32.gt_u (i32.add (local.get $at) (local.get $new))
          (i32.add (global.get $base) (i32.const 196608)))
      (then (return (call $pages (local.get $new)))))
    (global.set $free (i32.add (local.get $at) (local.get $new)))
    (local.get $at))

  ;; Open files.

  ;; the address of the entry of a file, whether or not there is one
  (func $slot (param $fd i32) (result i32)
    (i32.add (i32.add (global.get $base) (i32.const 512)) (i32.mul (local.get $fd) (i32.const 24))))

  ;; the address of the entry of an open file, or 0
  (func $entry (param $fd i32) (result i32) (local $at i32)
    (if (i32.ge_u (local.get $fd) (i32.const 1024)) (then (return (i32.const 0))))
    (local.set $at (call $slot (local.get $fd)))
    (select (local.get $at) (i32.const 0) (i32.load (local.get $at))))

  (func $put (param $fd i32) (param $kind i32) (param $handle i32) (local $at i32)
    (local.set $at (call $slot (local.get $fd)))
    (i32.store (local.get $at) (local.get $kind))
    (i32.store offset=4 (local.get $at) (local.get $handle))
    (i64.store offset=8 (local.get $at) (i64.const 0))
    (i64.store offset=16 (local.get $at) (i64.const 0)))

  ;; the entry of a file of files, 0 for streams and directories
  (func $file (param $fd i32) (result i32) (local $at i32)
    (local.set $at (call $entry (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 0))))
    (select (local.get $at) (i32.const 0) (i32.eq (i32.load (local.get $at)) (i32.const 3))))

  ;; the handle of a descriptor, of a file or a directory, or -1
  (func $descriptor (param $fd i32) (result i32) (local $at i32)
    (local.set $at (call $entry (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const -1))))
    (if (i32.lt_u (i32.load (local.get $at)) (i32.const 3)) (then (return (i32.const -1))))
    (i32.load offset=4 (local.get $at)))

  ;; Results: errno of a result whose error is an error-code at an offset.

  (func $errno (param $code i32) (result i32)
    (i32.load8_u offset=256 (i32.add (global.get $base) (local.get $code))))

  (func $outcome (param $offset i32) (result i32)
    (if (i32.eqz (i32.load8_u (global.get $base))) (then (return (i32.const 0))))
    (call $errno (i32.load8_u (i32.add (global.get $base) (local.get $offset)))))

  (func $nanoseconds (param $at i32) (result i64)
    (i64.add (i64.mul (i64.load (local.get $at)) (i64.const 1000000000))
      (i64.extend_i32_u (i32.load offset=8 (local.get $at)))))

  ;; The program's arguments and environment: lists of strings, each ended by a zero.

  ;; copy a string and what ends it; where the next one goes
  (func $copy (param $to i32) (param $from i32) (param $size i32) (param $end i32) (result i32)
    (memory.copy (local.get $to) (local.get $from) (local.get $size))
    (local.set $to (i32.add (local.get $to) (local.get $size)))
    (i32.store8 (local.get $to) (local.get $end))
    (i32.add (local.get $to) (i32.const 1)))

  (func (export "args_sizes_get") (param $count i32) (param $size i32) (result i32)
    (local $from i32) (local $left i32) (local $sum i32)
    (call $enter)
    (call $get-arguments (global.get $base))
    (local.set $from (i32.load (global.get $base)))
    (local.set $left (i32.load offset=4 (global.get $base)))
    (i32.store (local.get $count) (local.get $left))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $sum (i32.add (local.get $sum)
          (i32.add (i32.load offset=4 (local.get $from)) (i32.const 1))))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $size) (local.get $sum))
    (i32.const 0))

  (func (export "args_get") (param $argv i32) (param $to i32) (result i32)
    (local $from i32) (local $left i32)
    (call $enter)
    (call $get-arguments (global.get $base))
    (local.set $from (i32.load (global.get $base)))
    (local.set $left (i32.load offset=4 (global.get $base)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (i32.store (local.get $argv) (local.get $to))
        (local.set $argv (i32.add (local.get $argv) (i32.const 4)))
        (local.set $to (call $copy (local.get $to) (i32.load (local.get $from))
          (i32.load offset=4 (local.get $from)) (i32.const 0)))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  (func (export "environ_sizes_get") (param $count i32) (param $size i32) (result i32)
    (local $from i32) (local $left i32) (local $sum i32)
    (call $enter)
    (call $get-environment (global.get $base))
    (local.set $from (i32.load (global.get $base)))
    (local.set $left (i32.load offset=4 (global.get $base)))
    (i32.store (local.get $count) (local.get $left))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $sum (i32.add (local.get $sum) (i32.add (i32.const 2)
          (i32.add (i32.load offset=4 (local.get $from)) (i32.load offset=12 (local.get $from))))))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $size) (local.get $sum))
    (i32.const 0))

  (func (export "environ_get") (param $environ i32) (param $to i32) (result i32)
    (local $from i32) (local $left i32)
    (call $enter)
    (call $get-environment (global.get $base))
    (local.set $from (i32.load (global.get $base)))
    (local.set $left (i32.load offset=4 (global.get $base)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (i32.store (local.get $environ) (local.get $to))
        (local.set $environ (i32.add (local.get $environ) (i32.const 4)))
        (local.set $to (call $copy (local.get $to) (i32.load (local.get $from))
          (i32.load offset=4 (local.get $from)) (i32.const 61)))
        (local.set $to (call $copy (local.get $to) (i32.load offset=8 (local.get $from))
          (i32.load offset=12 (local.get $from)) (i32.const 0)))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; Clocks, randomness, the end.

  (func (export "clock_res_get") (param $clock i32) (param $to i32) (result i32)
    (call $enter)
    (if (i32.eqz (local.get $clock))
      (then
        (call $wall-resolution (global.get $base))
        (i64.store (local.get $to) (call $nanoseconds (global.get $base)))
        (return (i32.const 0))))
    (if (i32.gt_u (local.get $clock) (i32.const 3)) (then (return (i32.const 28))))
    (i64.store (local.get $to) (call $resolution))
    (i32.const 0))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $to i32) (result i32)
    (call $enter)
    (if (i32.eqz (local.get $clock))
      (then
        (call $wall-now (global.get $base))
        (i64.store (local.get $to) (call $nanoseconds (global.get $base)))
        (return (i32.const 0))))
    (if (i32.gt_u (local.get $clock) (i32.const 3)) (then (return (i32.const 28))))
    (i64.store (local.get $to) (call $now))
    (i32.const 0))

  (func (export "random_get") (param $to i32) (param $size i32) (result i32)
    (call $enter)
    (global.set $wanted (local.get $to))
    (global.set $room (local.get $size))
    (call $get-random-bytes (i64.extend_i32_u (local.get $size)) (global.get $base))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))

  (func (export "proc_exit") (param $status i32)
    (call $exit (i32.ne (local.get $status) (i32.const 0)))
    unreachable)

  (func (export "proc_raise") (param i32) (result i32) (i32.const 52))

  ;; Waiting: for the first clock among what is asked for; files are always ready.

  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $made i32)
    (result i32)
    (local $at i32) (local $left i32) (local $least i64) (local $wait i64) (local $first i32)
    (local $ready i32) (local $events i32)
    (call $enter)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (local.set $at (local.get $in))
    (local.set $left (local.get $count))
    (local.set $least (i64.const -1))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (if (i32.load8_u offset=8 (local.get $at))
          (then
            (call $event (local.get $out) (local.get $at))
            (local.set $out (i32.add (local.get $out) (i32.const 32)))
            (local.set $events (i32.add (local.get $events) (i32.const 1))))
          (else
            (local.set $wait (call $duration (local.get $at)))
            (if (i64.lt_u (local.get $wait) (local.get $least))
              (then
                (local.set $least (local.get $wait))
                (local.set $first (local.get $at))))))
        (local.set $at (i32.add (local.get $at) (i32.const 48)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (if (i32.eqz (local.get $events))
      (then
        (local.set $ready (call $subscribe-duration (local.get $least)))
        (call $block (local.get $ready))
        (call $drop-pollable (local.get $ready))
        (call $event (local.get $out) (local.get $first))
        (local.set $events (i32.const 1))))
    (i32.store (local.get $made) (local.get $events))
    (i32.const 0))

  ;; how long a clock that is asked for takes
  (func $duration (param $at i32) (result i64) (local $until i64) (local $from i64)
    (local.set $until (i64.load offset=24 (local.get $at)))
    (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $at)) (i32.const 1)))
      (then (return (local.get $until))))
    (if (i32.load offset=16 (local.get $at))
      (then (local.set $from (call $now)))
      (else
        (call $wall-now (global.get $base))
        (local.set $from (call $nanoseconds (global.get $base)))))
    (select (i64.sub (local.get $until) (local.get $from)) (i64.const 0)
      (i64.gt_u (local.get $until) (local.get $from))))

  (func $event (param $to i32) (param $asked i32)
    (memory.fill (local.get $to) (i32.const 0) (i32.const 32))
    (i64.store (local.get $to) (i64.load (local.get $asked)))
    (i32.store8 offset=10 (local.get $to) (i32.load8_u offset=8 (local.get $asked)))
    (if (i32.load8_u offset=8 (local.get $asked))
      (then (i64.store offset=16 (local.get $to) (i64.const 1)))))

  ;; Reading and writing.

  ;; the first buffer of a list that is not empty; its address is 0 if all are
  (func $buffer (param $iovs i32) (param $count i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $count)) (then (return (i32.const 0))))
      (if (i32.load offset=4 (local.get $iovs)) (then (return (local.get $iovs))))
      (local.set $iovs (i32.add (local.get $iovs) (i32.const 8)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next))
    (i32.const 0))

  (func $want (param $iov i32)
    (global.set $wanted (i32.load (local.get $iov)))
    (global.set $room (i32.load offset=4 (local.get $iov))))

  ;; how many bytes a list at $base has, which end up where they are wanted
  (func $taken (param $iov i32) (result i32)
    (if (i32.ne (i32.load offset=4 (global.get $base)) (i32.load (local.get $iov)))
      (then (memory.copy (i32.load (local.get $iov)) (i32.load offset=4 (global.get $base))
        (i32.load offset=8 (global.get $base)))))
    (i32.load offset=8 (global.get $base)))

  (func $read-stream (param $handle i32) (param $iov i32) (param $made i32) (result i32)
    (call $want (local.get $iov))
    (call $blocking-read (local.get $handle)
      (i64.extend_i32_u (i32.load offset=4 (local.get $iov))) (global.get $base))
    (if (i32.load8_u (global.get $base))
      (then  ;; the end of a stream is nothing to read; all else is an error
        (i32.store (local.get $made) (i32.const 0))
        (return (select (i32.const 0) (i32.const 29) (i32.load8_u offset=4 (global.get $base))))))
    (i32.store (local.get $made) (call $taken (local.get $iov)))
    (i32.const 0))

  (func $read-file (param $handle i32) (param $iov i32) (param $offset i64) (param $made i32)
    (result i32)
    (call $want (local.get $iov))
    (call $read (local.get $handle) (i64.extend_i32_u (i32.load offset=4 (local.get $iov)))
      (local.get $offset) (global.get $base))
    (if (i32.load8_u (global.get $base)) (then (return (call $outcome (i32.const 4)))))
    (i32.store (local.get $made) (call $taken (local.get $iov)))
    (i32.const 0))

  (func (export "fd_read") (param $fd i32) (param $iovs i32) (param $count i32) (param $made i32)
    (result i32) (local $at i32) (local $error i32)
    (call $enter)
    (local.set $at (call $entry (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (local.set $iovs (call $buffer (local.get $iovs) (local.get $count)))
    (i32.store (local.get $made) (i32.const 0))
    (if (i32.eqz (local.get $iovs)) (then (return (i32.const 0))))
    (if (i32.eq (i32.load (local.get $at)) (i32.const 1))
      (then (return (call $read-stream (i32.load offset=4 (local.get $at)) (local.get $iovs)
        (local.get $made)))))
    (if (i32.ne (i32.load (local.get $at)) (i32.const 3))
      (then (return (select (i32.const 31) (i32.const 8)
        (i32.gt_u (i32.load (local.get $at)) (i32.const 3))))))
    (local.set $error (call $read-file (i32.load offset=4 (local.get $at)) (local.get $iovs)
      (i64.load offset=8 (local.get $at)) (local.get $made)))
    (i64.store offset=8 (local.get $at) (i64.add (i64.load offset=8 (local.get $at))
      (i64.extend_i32_u (i32.load (local.get $made)))))
    (local.get $error))

  (func (export "fd_pread") (param $fd i32) (param $iovs i32) (param $count i32) (param $offset i64)
    (param $made i32) (result i32) (local $at i32)
    (call $enter)
    (local.set $at (call $file (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (local.set $iovs (call $buffer (local.get $iovs) (local.get $count)))
    (i32.store (local.get $made) (i32.const 0))
    (if (i32.eqz (local.get $iovs)) (then (return (i32.const 0))))
    (call $read-file (i32.load offset=4 (local.get $at)) (local.get $iovs) (local.get $offset)
      (local.get $made)))

  ;; write a whole buffer to a stream, 4096 bytes at a time
  (func $write-stream (param $handle i32) (param $from i32) (param $size i32) (result i32)
    (local $part i32)
    (loop $next
      (if (i32.eqz (local.get $size)) (then (return (i32.const 0))))
      (local.set $part (select (local.get $size) (i32.const 4096)
        (i32.lt_u (local.get $size) (i32.const 4096))))
      (call $blocking-write-and-flush (local.get $handle) (local.get $from) (local.get $part)
        (global.get $base))
      (if (i32.load8_u (global.get $base))
        (then (return (select (i32.const 64) (i32.const 29)
          (i32.load8_u offset=4 (global.get $base))))))
      (local.set $from (i32.add (local.get $from) (local.get $part)))
      (local.set $size (i32.sub (local.get $size) (local.get $part)))
      (br $next))
    (i32.const 0))

  ;; write some of a buffer to a file; how much is added to what is at $made
  (func $write-file (param $handle i32) (param $iov i32) (param $offset i64) (param $made i32)
    (result i32)
    (call $write (local.get $handle) (i32.load (local.get $iov)) (i32.load offset=4 (local.get $iov))
      (local.get $offset) (global.get $base))
    (if (i32.load8_u (global.get $base)) (then (return (call $outcome (i32.const 8)))))
    (i32.store (local.get $made) (i32.add (i32.load (local.get $made))
      (i32.load offset=8 (global.get $base))))
    (i32.const 0))

  (func (export "fd_write") (param $fd i32) (param $iovs i32) (param $count i32) (param $made i32)
    (result i32) (local $at i32) (local $error i32)
    (call $enter)
    (local.set $at (call $entry (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (i32.store (local.get $made) (i32.const 0))
    (if (i32.eq (i32.load (local.get $at)) (i32.const 3))
      (then (return (call $write-on (local.get $at) (local.get $iovs) (local.get $count)
        (local.get $made)))))
    (if (i32.ne (i32.load (local.get $at)) (i32.const 2)) (then (return (i32.const 8))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $error (call $write-stream (i32.load offset=4 (local.get $at))
          (i32.load (local.get $iovs)) (i32.load offset=4 (local.get $iovs))))
        (if (local.get $error) (then (return (local.get $error))))
        (i32.store (local.get $made) (i32.add (i32.load (local.get $made))
          (i32.load offset=4 (local.get $iovs))))
        (local.set $iovs (i32.add (local.get $iovs) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; write to a file where it stands, or at its end, and go on there
  (func $write-on (param $at i32) (param $iovs i32) (param $count i32) (param $made i32) (result i32)
    (local $error i32)
    (local.set $iovs (call $buffer (local.get $iovs) (local.get $count)))
    (if (i32.eqz (local.get $iovs)) (then (return (i32.const 0))))
    (if (i32.and (i32.load offset=16 (local.get $at)) (i32.const 1))
      (then
        (call $stat (i32.load offset=4 (local.get $at)) (global.get $base))
        (if (i32.load8_u (global.get $base)) (then (return (call $outcome (i32.const 8)))))
        (i64.store offset=8 (local.get $at) (i64.load offset=24 (global.get $base)))))
    (local.set $error (call $write-file (i32.load offset=4 (local.get $at)) (local.get $iovs)
      (i64.load offset=8 (local.get $at)) (local.get $made)))
    (i64.store offset=8 (local.get $at) (i64.add (i64.load offset=8 (local.get $at))
      (i64.extend_i32_u (i32.load (local.get $made)))))
    (local.get $error))

  (func (export "fd_pwrite") (param $fd i32) (param $iovs i32) (param $count i32)
    (param $offset i64) (param $made i32) (result i32) (local $at i32)
    (call $enter)
    (local.set $at (call $file (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (local.set $iovs (call $buffer (local.get $iovs) (local.get $count)))
    (i32.store (local.get $made) (i32.const 0))
    (if (i32.eqz (local.get $iovs)) (then (return (i32.const 0))))
    (call $write-file (i32.load offset=4 (local.get $at)) (local.get $iovs) (local.get $offset)
      (local.get $made)))

  ;; why a file has no place: it is a stream, or no file
  (func $no-place (param $fd i32) (result i32)
    (local.set $fd (call $entry (local.get $fd)))
    (if (i32.eqz (local.get $fd)) (then (return (i32.const 8))))
    (select (i32.const 70) (i32.const 8) (i32.lt_u (i32.load (local.get $fd)) (i32.const 3))))

  (func $seek (export "fd_seek") (param $fd i32) (param $by i64) (param $from i32) (param $to i32)
    (result i32) (local $at i32)
    (call $enter)
    (local.set $at (call $file (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (call $no-place (local.get $fd)))))
    (if (i32.eq (local.get $from) (i32.const 1))
      (then (local.set $by (i64.add (local.get $by) (i64.load offset=8 (local.get $at))))))
    (if (i32.eq (local.get $from) (i32.const 2))
      (then
        (call $stat (i32.load offset=4 (local.get $at)) (global.get $base))
        (if (i32.load8_u (global.get $base)) (then (return (call $outcome (i32.const 8)))))
        (local.set $by (i64.add (local.get $by) (i64.load offset=24 (global.get $base))))))
    (if (i32.or (i32.gt_u (local.get $from) (i32.const 2)) (i64.lt_s (local.get $by) (i64.const 0)))
      (then (return (i32.const 28))))
    (i64.store offset=8 (local.get $at) (local.get $by))
    (i64.store (local.get $to) (local.get $by))
    (i32.const 0))

  (func (export "fd_tell") (param $fd i32) (param $to i32) (result i32)
    (call $seek (local.get $fd) (i64.const 0) (i32.const 1) (local.get $to)))

  (func (export "fd_close") (param $fd i32) (result i32) (local $at i32)
    (call $enter)
    (local.set $at (call $entry (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (if (i32.gt_u (i32.load (local.get $at)) (i32.const 2))
      (then (call $drop-descriptor (i32.load offset=4 (local.get $at)))))
    (i32.store (local.get $at) (i32.const 0))
    (i32.const 0))

  (func (export "fd_renumber") (param $fd i32) (param $to i32) (result i32)
    (local $at i32) (local $there i32)
    (call $enter)
    (local.set $at (call $entry (local.get $fd)))
    (local.set $there (call $entry (local.get $to)))
    (if (i32.or (i32.eqz (local.get $at)) (i32.eqz (local.get $there)))
      (then (return (i32.const 8))))
    (if (i32.eq (local.get $fd) (local.get $to)) (then (return (i32.const 0))))
    (if (i32.gt_u (i32.load (local.get $there)) (i32.const 2))
      (then (call $drop-descriptor (i32.load offset=4 (local.get $there)))))
    (memory.copy (local.get $there) (local.get $at) (i32.const 24))
    (i32.store (local.get $at) (i32.const 0))
    (i32.const 0))

  ;; About files.

  (func (export "fd_fdstat_get") (param $fd i32) (param $to i32) (result i32)
    (local $at i32) (local $kind i32)
    (call $enter)
    (local.set $at (call $entry (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (local.set $kind (i32.load (local.get $at)))
    (i64.store (local.get $to) (i64.const 0))
    (i32.store8 (local.get $to) (select
      (select (i32.const 4) (i32.const 3) (i32.eq (local.get $kind) (i32.const 3)))
      (i32.const 2) (i32.gt_u (local.get $kind) (i32.const 2))))
    (i32.store16 offset=2 (local.get $to) (i32.load offset=16 (local.get $at)))
    (i64.store offset=8 (local.get $to)
      (call $rights (local.get $kind) (i32.load offset=20 (local.get $at))))
    (i64.store offset=16 (local.get $to) (i64.const -1))
    (i32.const 0))

  ;; what may be done with a file, as far as WASI 0.2 knows: all but what makes no sense
  (func $rights (param $kind i32) (param $access i32) (result i64) (local $all i64)
    (if (i32.lt_u (local.get $kind) (i32.const 3))
      (then (return (i64.const -37))))  ;; streams have no place: not FD_SEEK, not FD_TELL
    (if (i32.gt_u (local.get $kind) (i32.const 3))
      (then (return (i64.const -4194407))))  ;; directories have no contents either
    (local.set $all (i64.const -67))  ;; neither FD_READ nor FD_WRITE
    (if (i32.and (local.get $access) (i32.const 1))
      (then (local.set $all (i64.or (local.get $all) (i64.const 2)))))
    (if (i32.and (local.get $access) (i32.const 2))
      (then (local.set $all (i64.or (local.get $all) (i64.const 64)))))
    (local.get $all))

  (func (export "fd_fdstat_set_flags") (param $fd i32) (param $flags i32) (result i32) (local $at i32)
    (call $enter)
    (local.set $at (call $entry (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (i32.store offset=16 (local.get $at) (local.get $flags))
    (i32.const 0))

  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 0))

  (func (export "fd_advise") (param $fd i32) (param i64 i64 i32) (result i32)
    (call $enter)
    (select (i32.const 0) (i32.const 8) (call $file (local.get $fd))))

  ;; the time of an option<datetime> at an offset
  (func $time (param $at i32) (result i64)
    (if (i32.eqz (i32.load8_u (local.get $at))) (then (return (i64.const 0))))
    (call $nanoseconds (i32.add (local.get $at) (i32.const 8))))

  ;; write what a stat left at $base; $inode is what tells the file from others
  (func $filestat (param $to i32) (param $inode i64)
    (memory.fill (local.get $to) (i32.const 0) (i32.const 64))
    (i64.store offset=8 (local.get $to) (local.get $inode))
    (i32.store8 offset=16 (local.get $to)
      (i32.load8_u offset=320 (i32.add (global.get $base) (i32.load8_u offset=8 (global.get $base)))))
    (i64.store offset=24 (local.get $to) (i64.load offset=16 (global.get $base)))
    (i64.store offset=32 (local.get $to) (i64.load offset=24 (global.get $base)))
    (i64.store offset=40 (local.get $to) (call $time (i32.add (global.get $base) (i32.const 32))))
    (i64.store offset=48 (local.get $to) (call $time (i32.add (global.get $base) (i32.const 56))))
    (i64.store offset=56 (local.get $to) (call $time (i32.add (global.get $base) (i32.const 80)))))

  (func (export "fd_filestat_get") (param $fd i32) (param $to i32) (result i32)
    (local $at i32) (local $inode i64)
    (call $enter)
    (local.set $at (call $entry (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (if (i32.lt_u (i32.load (local.get $at)) (i32.const 3))
      (then
        (memory.fill (local.get $to) (i32.const 0) (i32.const 64))
        (i32.store8 offset=16 (local.get $to) (i32.const 2))
        (return (i32.const 0))))
    (call $metadata-hash (i32.load offset=4 (local.get $at)) (global.get $base))
    (if (i32.eqz (i32.load8_u (global.get $base)))
      (then (local.set $inode (i64.load offset=8 (global.get $base)))))
    (call $stat (i32.load offset=4 (local.get $at)) (global.get $base))
    (if (i32.load8_u (global.get $base)) (then (return (call $outcome (i32.const 8)))))
    (call $filestat (local.get $to) (local.get $inode))
    (i32.const 0))

  (func (export "fd_filestat_set_size") (param $fd i32) (param $size i64) (result i32)
    (local $at i32)
    (call $enter)
    (local.set $at (call $file (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (call $set-size (i32.load offset=4 (local.get $at)) (local.get $size) (global.get $base))
    (call $outcome (i32.const 1)))

  ;; which case of new-timestamp two bits of flags stand for; 3 is none
  (func $new-time (param $flags i32) (result i32)
    (select (i32.const 3) (select (i32.const 2) (i32.shr_u (local.get $flags) (i32.const 1))
        (i32.eq (local.get $flags) (i32.const 1)))
      (i32.eq (local.get $flags) (i32.const 3))))

  (func $bad-times (param $flags i32) (result i32)
    (i32.or
      (i32.eq (call $new-time (i32.and (local.get $flags) (i32.const 3))) (i32.const 3))
      (i32.eq (call $new-time (i32.shr_u (local.get $flags) (i32.const 2))) (i32.const 3))))

  (func $seconds (param $time i64) (result i64)
    (i64.div_u (local.get $time) (i64.const 1000000000)))

  (func $rest (param $time i64) (result i32)
    (i32.wrap_i64 (i64.rem_u (local.get $time) (i64.const 1000000000))))

  (func (export "fd_filestat_set_times") (param $fd i32) (param $read i64) (param $written i64)
    (param $flags i32) (result i32) (local $handle i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (if (call $bad-times (local.get $flags)) (then (return (i32.const 28))))
    (call $set-times (local.get $handle)
      (call $new-time (i32.and (local.get $flags) (i32.const 3)))
      (call $seconds (local.get $read)) (call $rest (local.get $read))
      (call $new-time (i32.shr_u (local.get $flags) (i32.const 2)))
      (call $seconds (local.get $written)) (call $rest (local.get $written)) (global.get $base))
    (call $outcome (i32.const 1)))

  (func (export "path_filestat_set_times") (param $fd i32) (param $follow i32) (param $path i32)
    (param $size i32) (param $read i64) (param $written i64) (param $flags i32) (result i32)
    (local $handle i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (if (call $bad-times (local.get $flags)) (then (return (i32.const 28))))
    (call $set-times-at (local.get $handle) (i32.and (local.get $follow) (i32.const 1))
      (local.get $path) (local.get $size)
      (call $new-time (i32.and (local.get $flags) (i32.const 3)))
      (call $seconds (local.get $read)) (call $rest (local.get $read))
      (call $new-time (i32.shr_u (local.get $flags) (i32.const 2)))
      (call $seconds (local.get $written)) (call $rest (local.get $written)) (global.get $base))
    (call $outcome (i32.const 1)))

  (func (export "fd_allocate") (param $fd i32) (param i64 i64) (result i32)
    (call $enter)
    (select (i32.const 58) (i32.const 8) (call $file (local.get $fd))))

  (func (export "fd_sync") (param $fd i32) (result i32) (local $handle i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (call $sync (local.get $handle) (global.get $base))
    (call $outcome (i32.const 1)))

  (func (export "fd_datasync") (param $fd i32) (result i32) (local $handle i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (call $sync-data (local.get $handle) (global.get $base))
    (call $outcome (i32.const 1)))

  ;; Directories.

  ;; the entry of a directory that was there from the start, or 0
  (func $preopened (param $fd i32) (result i32) (local $at i32)
    (local.set $at (call $entry (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 0))))
    (select (local.get $at) (i32.const 0) (i32.eq (i32.load (local.get $at)) (i32.const 5))))

  (func (export "fd_prestat_get") (param $fd i32) (param $to i32) (result i32) (local $at i32)
    (call $enter)
    (local.set $at (call $preopened (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (i32.store (local.get $to) (i32.const 0))
    (i32.store offset=4 (local.get $to) (i32.load offset=12 (local.get $at)))
    (i32.const 0))

  (func (export "fd_prestat_dir_name") (param $fd i32) (param $to i32) (param $size i32) (result i32)
    (local $at i32)
    (call $enter)
    (local.set $at (call $preopened (local.get $fd)))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 8))))
    (if (i32.lt_u (local.get $size) (i32.load offset=12 (local.get $at)))
      (then (return (i32.const 37))))
    (memory.copy (local.get $to) (i32.load offset=8 (local.get $at))
      (i32.load offset=12 (local.get $at)))
    (i32.const 0))

  ;; put the next entry into the results: its name at 12 and 16, its type at 8, and 0 at 4 if there
  ;; is none. A directory has itself and its parent as entries, of which the list says nothing.
  (func $next-entry (param $list i32) (param $number i64) (result i32)
    (global.set $free (global.get $kept))
    (if (i64.gt_u (local.get $number) (i64.const 2))
      (then
        (call $read-directory-entry (local.get $list) (global.get $base))
        (return (call $outcome (i32.const 4)))))
    (i64.store (global.get $base) (i64.const 0x100000000))
    (i32.store8 offset=8 (global.get $base) (i32.const 3))
    (i32.store16 offset=384 (global.get $base) (i32.const 0x2e2e))
    (i32.store offset=12 (global.get $base) (i32.add (global.get $base) (i32.const 384)))
    (i32.store offset=16 (global.get $base) (i32.wrap_i64 (local.get $number)))
    (i32.const 0))

  ;; write the head of an entry at 128
  (func $dirent (param $handle i32) (param $number i64) (local $name i32) (local $size i32)
    (local.set $name (i32.load offset=12 (global.get $base)))
    (local.set $size (i32.load offset=16 (global.get $base)))
    (i64.store offset=128 (global.get $base) (local.get $number))
    (i64.store offset=136 (global.get $base) (i64.const 0))
    (i64.store offset=144 (global.get $base) (i64.const 0))
    (i32.store offset=144 (global.get $base) (local.get $size))
    (i32.store8 offset=148 (global.get $base) (i32.load8_u offset=320
      (i32.add (global.get $base) (i32.load8_u offset=8 (global.get $base)))))
    (call $metadata-hash-at (local.get $handle) (i32.const 0)
      (select (i32.add (global.get $base) (i32.const 384)) (local.get $name)
        (i64.eq (local.get $number) (i64.const 2)))
      (select (i32.const 1) (local.get $size) (i64.eq (local.get $number) (i64.const 2)))
      (i32.add (global.get $base) (i32.const 160)))
    (if (i32.eqz (i32.load8_u offset=160 (global.get $base)))
      (then (i64.store offset=136 (global.get $base) (i64.load offset=168 (global.get $base))))))

  ;; entries are numbered by their order; what does not fit is cut off
  (func (export "fd_readdir") (param $fd i32) (param $to i32) (param $size i32) (param $cookie i64)
    (param $made i32) (result i32)
    (local $handle i32) (local $list i32) (local $number i64) (local $left i32) (local $part i32)
    (local $error i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (call $read-directory (local.get $handle) (global.get $base))
    (if (i32.load8_u (global.get $base)) (then (return (call $outcome (i32.const 4)))))
    (local.set $list (i32.load offset=4 (global.get $base)))
    (local.set $left (local.get $size))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $number (i64.add (local.get $number) (i64.const 1)))
        (local.set $error (call $next-entry (local.get $list) (local.get $number)))
        (br_if $done (local.get $error))
        (br_if $done (i32.eqz (i32.load8_u offset=4 (global.get $base))))
        (br_if $next (i64.le_u (local.get $number) (local.get $cookie)))
        (call $dirent (local.get $handle) (local.get $number))
        (local.set $part (call $cut (local.get $left) (i32.const 24)))
        (memory.copy (local.get $to) (i32.add (global.get $base) (i32.const 128)) (local.get $part))
        (local.set $to (i32.add (local.get $to) (local.get $part)))
        (local.set $left (i32.sub (local.get $left) (local.get $part)))
        (local.set $part (call $cut (local.get $left) (i32.load offset=16 (global.get $base))))
        (memory.copy (local.get $to) (i32.load offset=12 (global.get $base)) (local.get $part))
        (local.set $to (i32.add (local.get $to) (local.get $part)))
        (local.set $left (i32.sub (local.get $left) (local.get $part)))
        (br $next)))
    (call $drop-directory-entry-stream (local.get $list))
    (i32.store (local.get $made) (i32.sub (local.get $size) (local.get $left)))
    (local.get $error))

  (func $cut (param $a i32) (param $b i32) (result i32)
    (select (local.get $a) (local.get $b) (i32.lt_u (local.get $a) (local.get $b))))

  ;; Paths.

  (func (export "path_open") (param $fd i32) (param $follow i32) (param $path i32) (param $size i32)
    (param $how i32) (param $rights i64) (param $inherited i64) (param $flags i32) (param $made i32)
    (result i32) (local $handle i32) (local $access i32) (local $new i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (if (i64.ne (i64.and (local.get $rights) (i64.const 2)) (i64.const 0))
      (then (local.set $access (i32.const 1))))
    (if (i64.ne (i64.and (local.get $rights) (i64.const 64)) (i64.const 0))
      (then (local.set $access (i32.or (local.get $access) (i32.const 2)))))
    (if (i32.and (local.get $how) (i32.const 9))  ;; what is created or cut off is written
      (then (local.set $access (i32.or (local.get $access) (i32.const 2)))))
    (if (i32.and (local.get $how) (i32.const 2))  ;; a directory is changed if that can be
      (then (local.set $access (i32.const 33))))
    (local.set $new (call $lowest))
    (if (i32.eq (local.get $new) (i32.const -1)) (then (return (i32.const 33))))
    (call $open-at (local.get $handle) (i32.and (local.get $follow) (i32.const 1)) (local.get $path)
      (local.get $size) (local.get $how) (local.get $access) (global.get $base))
    (if (i32.and (i32.eq (call $outcome (i32.const 4)) (i32.const 31))
          (i32.eqz (i32.and (local.get $how) (i32.const 9))))
      (then  ;; it is a directory, though nobody said so
        (local.set $access (i32.const 33))
        (call $open-at (local.get $handle) (i32.and (local.get $follow) (i32.const 1))
          (local.get $path) (local.get $size) (local.get $how) (i32.const 33) (global.get $base))))
    (if (i32.and (i32.load8_u (global.get $base)) (i32.eq (local.get $access) (i32.const 33)))
      (then  ;; perhaps it may only be read
        (call $open-at (local.get $handle) (i32.and (local.get $follow) (i32.const 1))
          (local.get $path) (local.get $size) (local.get $how) (i32.const 1) (global.get $base))))
    (if (i32.load8_u (global.get $base)) (then (return (call $outcome (i32.const 4)))))
    (local.set $handle (i32.load offset=4 (global.get $base)))
    (call $get-type (local.get $handle) (global.get $base))
    (call $put (local.get $new)
      (select (i32.const 4) (i32.const 3)
        (i32.eq (i32.load16_u (global.get $base)) (i32.const 0x300)))  ;; ok, a directory
      (local.get $handle))
    (i32.store offset=16 (call $slot (local.get $new)) (local.get $flags))
    (i32.store offset=20 (call $slot (local.get $new)) (local.get $access))
    (i32.store (local.get $made) (local.get $new))
    (i32.const 0))

  ;; the lowest number that is no open file, or -1
  (func $lowest (result i32) (local $fd i32)
    (loop $next
      (if (i32.eqz (call $entry (local.get $fd))) (then (return (local.get $fd))))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $fd) (i32.const 1024))))
    (i32.const -1))

  (func (export "path_filestat_get") (param $fd i32) (param $follow i32) (param $path i32)
    (param $size i32) (param $to i32) (result i32) (local $handle i32) (local $inode i64)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (call $metadata-hash-at (local.get $handle) (i32.and (local.get $follow) (i32.const 1))
      (local.get $path) (local.get $size) (global.get $base))
    (if (i32.eqz (i32.load8_u (global.get $base)))
      (then (local.set $inode (i64.load offset=8 (global.get $base)))))
    (call $stat-at (local.get $handle) (i32.and (local.get $follow) (i32.const 1)) (local.get $path)
      (local.get $size) (global.get $base))
    (if (i32.load8_u (global.get $base)) (then (return (call $outcome (i32.const 8)))))
    (call $filestat (local.get $to) (local.get $inode))
    (i32.const 0))

  (func (export "path_create_directory") (param $fd i32) (param $path i32) (param $size i32)
    (result i32) (local $handle i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (call $create-directory-at (local.get $handle) (local.get $path) (local.get $size)
      (global.get $base))
    (call $outcome (i32.const 1)))

  (func (export "path_remove_directory") (param $fd i32) (param $path i32) (param $size i32)
    (result i32) (local $handle i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (call $remove-directory-at (local.get $handle) (local.get $path) (local.get $size)
      (global.get $base))
    (call $outcome (i32.const 1)))

  (func (export "path_unlink_file") (param $fd i32) (param $path i32) (param $size i32) (result i32)
    (local $handle i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (call $unlink-file-at (local.get $handle) (local.get $path) (local.get $size) (global.get $base))
    (call $outcome (i32.const 1)))

  (func (export "path_symlink") (param $old i32) (param $old-size i32) (param $fd i32)
    (param $path i32) (param $size i32) (result i32) (local $handle i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (call $symlink-at (local.get $handle) (local.get $old) (local.get $old-size) (local.get $path)
      (local.get $size) (global.get $base))
    (call $outcome (i32.const 1)))

  (func (export "path_readlink") (param $fd i32) (param $path i32) (param $size i32) (param $to i32)
    (param $room i32) (param $made i32) (result i32) (local $handle i32) (local $length i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (if (i32.eq (local.get $handle) (i32.const -1)) (then (return (i32.const 8))))
    (call $readlink-at (local.get $handle) (local.get $path) (local.get $size) (global.get $base))
    (if (i32.load8_u (global.get $base)) (then (return (call $outcome (i32.const 4)))))
    (local.set $length (call $cut (i32.load offset=8 (global.get $base)) (local.get $room)))
    (memory.copy (local.get $to) (i32.load offset=4 (global.get $base)) (local.get $length))
    (i32.store (local.get $made) (local.get $length))
    (i32.const 0))

  (func (export "path_rename") (param $fd i32) (param $old i32) (param $old-size i32)
    (param $to i32) (param $path i32) (param $size i32) (result i32)
    (local $handle i32) (local $there i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (local.set $there (call $descriptor (local.get $to)))
    (if (i32.or (i32.eq (local.get $handle) (i32.const -1)) (i32.eq (local.get $there) (i32.const -1)))
      (then (return (i32.const 8))))
    (call $rename-at (local.get $handle) (local.get $old) (local.get $old-size) (local.get $there)
      (local.get $path) (local.get $size) (global.get $base))
    (call $outcome (i32.const 1)))

  (func (export "path_link") (param $fd i32) (param $follow i32) (param $old i32)
    (param $old-size i32) (param $to i32) (param $path i32) (param $size i32) (result i32)
    (local $handle i32) (local $there i32)
    (call $enter)
    (local.set $handle (call $descriptor (local.get $fd)))
    (local.set $there (call $descriptor (local.get $to)))
    (if (i32.or (i32.eq (local.get $handle) (i32.const -1)) (i32.eq (local.get $there) (i32.const -1)))
      (then (return (i32.const 8))))
    (call $link-at (local.get $handle) (i32.and (local.get $follow) (i32.const 1)) (local.get $old)
      (local.get $old-size) (local.get $there) (local.get $path) (local.get $size)
      (global.get $base))
    (call $outcome (i32.const 1)))

  ;; No file is a socket.

  (func $no-socket (param $fd i32) (result i32)
    (call $enter)
    (select (i32.const 57) (i32.const 8) (call $entry (local.get $fd))))

  (func (export "sock_accept") (param $fd i32) (param i32 i32) (result i32)
    (call $no-socket (local.get $fd)))
  (func (export "sock_recv") (param $fd i32) (param i32 i32 i32 i32 i32) (result i32)
    (call $no-socket (local.get $fd)))
  (func (export "sock_send") (param $fd i32) (param i32 i32 i32 i32) (result i32)
    (call $no-socket (local.get $fd)))
  (func (export "sock_shutdown") (param $fd i32) (param i32) (result i32)
    (call $no-socket (local.get $fd)))

  (func (export "wasi:cli/run@0.2.0#run") (result i32)
    (call $main)
    (i32.const 0))
)
