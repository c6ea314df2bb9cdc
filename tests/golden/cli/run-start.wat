;;$ wadjet run %
;;$ wadjet run --invoke missing %
(module
  (import "env" "log" (func $log (param i32)))
  (func $f)
  (start $f))
;;$ wadjet run %
;;! wadjet: error: input.wat: unknown import: 'env' 'log'
;;= 1
;;$ wadjet run --invoke missing %
;;! wadjet: error: input.wat: unknown import: 'env' 'log'
;;= 1
