;;$ wadjet objdump --json %.wasm
(module
  (import "env" "print" (func (param i32)))
  (func $main (export "_start") (call 0 (i32.const 1))))
;;$ wadjet objdump --json %.wasm
;;| {
;;|   "file": "input.wasm",
;;|   "size": 75,
;;|   "sections": [
;;|     {
;;|       "id": 1,
;;|       "name": "type",
;;|       "custom": false,
;;|       "start": 10,
;;|       "size": 8,
;;|       "count": 2
;;|     },
;;|     {
;;|       "id": 2,
;;|       "name": "import",
;;|       "custom": false,
;;|       "start": 20,
;;|       "size": 13,
;;|       "count": 1
;;|     },
;;|     {
;;|       "id": 3,
;;|       "name": "function",
;;|       "custom": false,
;;|       "start": 35,
;;|       "size": 2,
;;|       "count": 1
;;|     },
;;|     {
;;|       "id": 7,
;;|       "name": "export",
;;|       "custom": false,
;;|       "start": 39,
;;|       "size": 10,
;;|       "count": 1
;;|     },
;;|     {
;;|       "id": 10,
;;|       "name": "code",
;;|       "custom": false,
;;|       "start": 51,
;;|       "size": 8,
;;|       "count": 1
;;|     },
;;|     {
;;|       "id": 0,
;;|       "name": "name",
;;|       "custom": true,
;;|       "start": 61,
;;|       "size": 14,
;;|       "count": null
;;|     }
;;|   ],
;;|   "types": [
;;|     "(func (param i32))",
;;|     "(func)"
;;|   ],
;;|   "imports": [
;;|     {
;;|       "module": "env",
;;|       "name": "print",
;;|       "kind": "func",
;;|       "type": "(type 0) (param i32)"
;;|     }
;;|   ],
;;|   "exports": [
;;|     {
;;|       "name": "_start",
;;|       "kind": "func",
;;|       "index": 1
;;|     }
;;|   ],
;;|   "functions": [
;;|     {
;;|       "index": 1,
;;|       "name": "main",
;;|       "type": 1,
;;|       "start": 53,
;;|       "size": 6
;;|     }
;;|   ],
;;|   "producers": {},
;;|   "features": []
;;| }
