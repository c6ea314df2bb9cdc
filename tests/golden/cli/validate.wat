;;$ wadjet validate %
;;$ wadjet validate --json %
;;$ wadjet validate %.wasm
(module
  (func (result i32)
    i64.const 1))
;;$ wadjet validate %
;;! wadjet: error: input.wat: type mismatch: instruction requires [i32] but stack has [i64]: expected i32, found i64 at operand 1 of the block (3:16, function 0)
;;!     i64.const 1))
;;!                ^
;;= 1
;;$ wadjet validate --json %
;;| [
;;|   {
;;|     "file": "input.wat",
;;|     "valid": false,
;;|     "error": "Invalid",
;;|     "message": "type mismatch: instruction requires [i32] but stack has [i64]: expected i32, found i64 at operand 1 of the block",
;;|     "offset": null,
;;|     "line": 3,
;;|     "column": 16,
;;|     "function": 0
;;|   }
;;| ]
;;= 1
;;$ wadjet validate %.wasm
;;! wadjet: error: input.wasm: type mismatch: instruction requires [i32] but stack has [i64]: expected i32, found i64 at operand 1 of the block (offset 0x1a, function 0)
;;= 1
