;;$ wadjet validate %
;;$ wadjet run %
;;$ wadjet print --json %
;;$ wadjet strip %
;;$ wadjet print nothing-here.wasm
(module
  (func $f (result i32)
    i32.cnst 1))
;;$ wadjet validate %
;;! wadjet: error: input.wat: unknown operator i32.cnst (3:5)
;;!     i32.cnst 1))
;;!     ^
;;= 1
;;$ wadjet run %
;;! wadjet: error: input.wat: unknown operator i32.cnst (3:5)
;;!     i32.cnst 1))
;;!     ^
;;= 1
;;$ wadjet print --json %
;;! wadjet: error: unrecognized arguments: --json (see `wadjet print --help`)
;;= 2
;;$ wadjet strip %
;;! wadjet: error: input.wat: this is text; `wadjet parse input.wat` makes a binary of it
;;= 1
;;$ wadjet print nothing-here.wasm
;;! wadjet: error: nothing-here.wasm: No such file or directory
;;= 1
