;; What the call and memory measurements run: a function, a loop of callbacks, a memory.
(module
  (import "host" "add" (func $host (param i32 i32) (result i32)))
  (memory (export "memory") 32)
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "callbacks") (param $n i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum (call $host (local.get $sum) (i32.const 1)))
      (br_if $again
        (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))
