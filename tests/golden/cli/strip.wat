;;$ wadjet strip %.wasm -o stripped.wasm
;;$ wadjet objdump -h stripped.wasm
;;$ wadjet strip --all %.wasm -o stripped.wasm
;;$ wadjet objdump -h stripped.wasm
;;$ wadjet strip --delete "^no" --keep note %.wasm -o stripped.wasm
;;$ wadjet objdump -h stripped.wasm
;;$ wadjet strip --delete "(" %.wasm -o stripped.wasm
(module $named
  (@custom "note" (before first) "1")
  (@custom "nothing" (after type) "2")
  (@custom "dylink.0" (after func) "")
  (func $f))
;;$ wadjet strip %.wasm -o stripped.wasm
;;$ wadjet objdump -h stripped.wasm
;;| stripped.wasm: module, 56 bytes
;;|
;;|   id  section                           start        end       size    items
;;|    1  type                         0x0000000a 0x0000000e          4        1
;;|    3  function                     0x00000010 0x00000012          2        1
;;|    0  custom "dylink.0"            0x00000014 0x0000001d          9
;;|   10  code                         0x0000001f 0x00000023          4        1
;;|    0  custom "name"                0x00000025 0x00000038         19
;;|
;;$ wadjet strip --all %.wasm -o stripped.wasm
;;$ wadjet objdump -h stripped.wasm
;;| stripped.wasm: module, 24 bytes
;;|
;;|   id  section                           start        end       size    items
;;|    1  type                         0x0000000a 0x0000000e          4        1
;;|    3  function                     0x00000010 0x00000012          2        1
;;|   10  code                         0x00000014 0x00000018          4        1
;;|
;;$ wadjet strip --delete "^no" --keep note %.wasm -o stripped.wasm
;;$ wadjet objdump -h stripped.wasm
;;| stripped.wasm: module, 64 bytes
;;|
;;|   id  section                           start        end       size    items
;;|    0  custom "note"                0x0000000a 0x00000010          6
;;|    1  type                         0x00000012 0x00000016          4        1
;;|    3  function                     0x00000018 0x0000001a          2        1
;;|    0  custom "dylink.0"            0x0000001c 0x00000025          9
;;|   10  code                         0x00000027 0x0000002b          4        1
;;|    0  custom "name"                0x0000002d 0x00000040         19
;;|
;;$ wadjet strip --delete "(" %.wasm -o stripped.wasm
;;! wadjet: error: --delete: missing ), unterminated subpattern at position 0
;;= 2
