;;$ wadjet run %
;;$ wadjet run --tier interpreter %
;;$ wadjet run --invoke spin --timeout 0.1 %
;;$ wadjet run --invoke big --max-memory 64KiB %
(module
  (tag $oops (param i32))
  (memory 1 100)
  (func $divide (param $by i32) (result i32) (i32.div_s (i32.const 1) (local.get $by)))
  (func $_start (export "_start") (drop (call $divide (i32.const 0))))
  (func $deep (export "deep") (call $deep))
  (func (export "spin") (loop (br 0)))
  (func (export "big") (result i32) (memory.grow (i32.const 1)))
  (func (export "throw") (throw $oops (i32.const 7))))
;;$ wadjet run %
;;! wadjet: trap: input.wat: integer divide by zero
;;!   at divide
;;!   at _start
;;= 134
;;$ wadjet run --tier interpreter %
;;! wadjet: trap: input.wat: integer divide by zero
;;!   at divide
;;!   at _start
;;= 134
;;$ wadjet run --invoke spin --timeout 0.1 %
;;! wadjet: error: input.wat: time limit reached
;;!   at function 3
;;= 124
;;$ wadjet run --invoke big --max-memory 64KiB %
;;| -1
