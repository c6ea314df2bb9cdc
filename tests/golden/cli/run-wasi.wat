;;$ wadjet run % one two --three
;;$ wadjet run --env GREETING=hello % env
;;$ wadjet run % a b c d e f
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $show (param $text i32) (param $size i32)
    (local $i i32)
    (loop $next
      (if (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $i))))
        (then (i32.store8 (i32.add (local.get $text) (local.get $i)) (i32.const 10))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $size))))
    (i32.store (i32.const 8) (local.get $text))
    (i32.store (i32.const 12) (local.get $size))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))
  (func (export "_start")
    (drop (call $args_sizes (i32.const 0) (i32.const 4)))
    (drop (call $args (i32.const 64) (i32.const 1024)))
    (call $show (i32.const 1024) (i32.load (i32.const 4)))
    (drop (call $env_sizes (i32.const 32) (i32.const 36)))
    (if (i32.load (i32.const 32))
      (then
        (drop (call $env (i32.const 64) (i32.const 1024)))
        (call $show (i32.const 1024) (i32.load (i32.const 36)))))
    (call $exit (i32.load (i32.const 0)))))
;;$ wadjet run % one two --three
;;| input.wat
;;| one
;;| two
;;| --three
;;= 4
;;$ wadjet run --env GREETING=hello % env
;;| input.wat
;;| env
;;| GREETING=hello
;;= 2
;;$ wadjet run % a b c d e f
;;| input.wat
;;| a
;;| b
;;| c
;;| d
;;| e
;;| f
;;= 7
