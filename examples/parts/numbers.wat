;; a core module for the world `counter` of numbers.wit
(module
  (import "demo:parts/log@1.0.0" "say" (func $say (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "counting")
  (func (export "demo:parts/numbers@1.0.0#next") (param $n i32) (result i32)
    (call $say (i32.const 16) (i32.const 8))
    (i32.add (local.get $n) (i32.const 1))))
