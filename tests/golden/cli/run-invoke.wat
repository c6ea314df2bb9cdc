;;$ wadjet run --invoke add % 2 -40
;;$ wadjet run --invoke swap % 0x10 1.5
;;$ wadjet run --invoke add % 1
;;$ wadjet run --invoke add % 1 x
;;$ wadjet run --invoke nothing %
(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "swap") (param i64 f64) (result f64 i64) (local.get 1) (local.get 0))
  (func (export "nothing")))
;;$ wadjet run --invoke add % 2 -40
;;| -38
;;$ wadjet run --invoke swap % 0x10 1.5
;;| 1.5
;;| 16
;;$ wadjet run --invoke add % 1
;;! wadjet: error: --invoke: add takes i32 i32; given: 1
;;= 2
;;$ wadjet run --invoke add % 1 x
;;! wadjet: error: --invoke: 'x' is no i32
;;= 2
;;$ wadjet run --invoke nothing %
