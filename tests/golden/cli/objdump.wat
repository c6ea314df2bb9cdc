;;$ wadjet objdump -h %.wasm
;;$ wadjet objdump -x %.wasm
;;$ wadjet objdump -d %.wasm
;;$ wadjet objdump -s %.wasm
;;$ wadjet objdump -f 1 %.wasm
(module $m
  (import "env" "print" (func (param i32)))
  (memory (export "memory") 1 16)
  (global $top (mut i32) (i32.const 65536))
  (table 1 funcref)
  (elem (i32.const 0) func $main)
  (func $main (export "_start") (local $n i32) (local i64 i64)
    (local.set $n (i32.const 1000000))
    (block (loop (br_if 1 (i32.eqz (local.get $n))) (call 0 (global.get $top)) (br 0)))
    (f64.store offset=8 (i32.const 0) (f64.const 3.14)))
  (func $second (result v128) (v128.const i64x2 1 2))
  (data (i32.const 0) "some text, and \00\01\02")
  (@custom "note" "made by hand"))
;;$ wadjet objdump -h %.wasm
;;| input.wasm: module, 251 bytes
;;|
;;|   id  section                           start        end       size    items
;;|    1  type                         0x0000000a 0x00000016         12        3
;;|    2  import                       0x00000018 0x00000025         13        1
;;|    3  function                     0x00000027 0x0000002a          3        2
;;|    4  table                        0x0000002c 0x00000030          4        1
;;|    5  memory                       0x00000032 0x00000036          4        1
;;|    6  global                       0x00000038 0x00000040          8        1
;;|    7  export                       0x00000042 0x00000055         19        2
;;|    9  element                      0x00000057 0x0000005e          7        1
;;|   10  code                         0x00000060 0x000000a2         66        2
;;|   11  data                         0x000000a4 0x000000bc         24        1
;;|    0  custom "note"                0x000000be 0x000000cf         17
;;|    0  custom "name"                0x000000d1 0x000000fb         42
;;|
;;$ wadjet objdump -x %.wasm
;;| input.wasm: module, 251 bytes
;;|
;;| type[3]:
;;|   type[0] (func (param i32))
;;|   type[1] (func)
;;|   type[2] (func (result v128))
;;|
;;| import[1]:
;;|   func[0] <env.print> (type 0) (param i32) <- "env" "print"
;;|
;;| function[2]:
;;|   func[1] <main> (type 1)
;;|   func[2] <second> (type 2) (result v128)
;;|
;;| table[1]:
;;|   table[0] 1 funcref
;;|
;;| memory[1]:
;;|   memory[0] <memory> 1 16  (64 KiB to 1 MiB)
;;|
;;| global[1]:
;;|   global[0] <top> (mut i32) = i32.const 65536
;;|
;;| export[2]:
;;|   memory[0] <memory> -> "memory"
;;|   func[1] <main> -> "_start"
;;|
;;| element[1]:
;;|   elem[0] active (ref func), 1 item, table[0] at i32.const 0
;;|     [0] func[1] <main>
;;|
;;| code[2]:
;;|   00000062: func[1] <main> 43 bytes
;;|   0000008e: func[2] <second> 20 bytes
;;|
;;| data[1]:
;;|   data[0] active, 18 bytes, memory[0] <memory> at i32.const 0
;;|     00000000: 736f 6d65 2074 6578 742c 2061 6e64 2000  some text, and .
;;|     00000010: 0102                                     ..
;;|
;;| custom "note":
;;|   00000000: 6d61 6465 2062 7920 6861 6e64            made by hand
;;|
;;| custom "name":
;;|   module m
;;|   functions: 2
;;|   globals: 1
;;|   locals: 1
;;|
;;$ wadjet objdump -d %.wasm
;;| input.wasm: module, 251 bytes
;;|
;;| 000062 func[1] <main> (type 1):
;;|  000062: 02 01 7f 02 7e             | local[0] i32, local[1..2] i64
;;|  000067: 41 c0 84 3d                | i32.const 1000000
;;|  00006b: 21 00                      | local.set 0 <n>
;;|  00006d: 02 40                      | block (;@1;)
;;|  00006f: 03 40                      |   loop (;@2;)
;;|  000071: 20 00                      |     local.get 0 <n>
;;|  000073: 45                         |     i32.eqz
;;|  000074: 0d 01                      |     br_if 1 (;@1;)
;;|  000076: 23 00                      |     global.get 0 <top>
;;|  000078: 10 00                      |     call 0 <env.print>
;;|  00007a: 0c 00                      |     br 0 (;@2;)
;;|  00007c: 0b                         |   end
;;|  00007d: 0b                         | end
;;|  00007e: 41 00                      | i32.const 0
;;|  000080: 44 1f 85 eb 51 b8 1e 09 40 | f64.const 3.14
;;|  000089: 39 03 08                   | f64.store offset=8
;;|  00008c: 0b                         | end
;;|
;;| 00008e func[2] <second> (type 2) (result v128):
;;|  00008e: 00                         | no locals
;;|  00008f: fd 0c 01 00 00 00 00 00 00 | v128.const i32x4 0x00000001 0x00000000 0x00000002 0x00000000
;;|  000098: 00 02 00 00 00 00 00 00 00 |
;;|  0000a1: 0b                         | end
;;|
;;$ wadjet objdump -s %.wasm
;;| input.wasm: module, 251 bytes
;;|
;;| type:
;;| 0000000a: 0360 017f 0060 0000 6000 017b            .`...`..`..{
;;|
;;| import:
;;| 00000018: 0103 656e 7605 7072 696e 7400 00         ..env.print..
;;|
;;| function:
;;| 00000027: 0201 02                                  ...
;;|
;;| table:
;;| 0000002c: 0170 0001                                .p..
;;|
;;| memory:
;;| 00000032: 0101 0110                                ....
;;|
;;| global:
;;| 00000038: 017f 0141 8080 040b                      ...A....
;;|
;;| export:
;;| 00000042: 0206 6d65 6d6f 7279 0200 065f 7374 6172  ..memory..._star
;;| 00000052: 7400 01                                  t..
;;|
;;| element:
;;| 00000057: 0100 4100 0b01 01                        ..A....
;;|
;;| code:
;;| 00000060: 022b 0201 7f02 7e41 c084 3d21 0002 4003  .+....~A..=!..@.
;;| 00000070: 4020 0045 0d01 2300 1000 0c00 0b0b 4100  @ .E..#.......A.
;;| 00000080: 441f 85eb 51b8 1e09 4039 0308 0b14 00fd  D...Q...@9......
;;| 00000090: 0c01 0000 0000 0000 0002 0000 0000 0000  ................
;;| 000000a0: 000b                                     ..
;;|
;;| data:
;;| 000000a4: 0100 4100 0b12 736f 6d65 2074 6578 742c  ..A...some text,
;;| 000000b4: 2061 6e64 2000 0102                       and ...
;;|
;;| custom "note":
;;| 000000be: 046e 6f74 656d 6164 6520 6279 2068 616e  .notemade by han
;;| 000000ce: 64                                       d
;;|
;;| custom "name":
;;| 000000d1: 046e 616d 6500 0201 6d01 0f02 0104 6d61  .name...m.....ma
;;| 000000e1: 696e 0206 7365 636f 6e64 0206 0101 0100  in..second......
;;| 000000f1: 016e 0706 0100 0374 6f70                 .n.....top
;;|
;;$ wadjet objdump -f 1 %.wasm
;;| input.wasm: module, 251 bytes
;;|
;;| 000062 func[1] <main> (type 1):
;;|  000062: 02 01 7f 02 7e             | local[0] i32, local[1..2] i64
;;|  000067: 41 c0 84 3d                | i32.const 1000000
;;|  00006b: 21 00                      | local.set 0 <n>
;;|  00006d: 02 40                      | block (;@1;)
;;|  00006f: 03 40                      |   loop (;@2;)
;;|  000071: 20 00                      |     local.get 0 <n>
;;|  000073: 45                         |     i32.eqz
;;|  000074: 0d 01                      |     br_if 1 (;@1;)
;;|  000076: 23 00                      |     global.get 0 <top>
;;|  000078: 10 00                      |     call 0 <env.print>
;;|  00007a: 0c 00                      |     br 0 (;@2;)
;;|  00007c: 0b                         |   end
;;|  00007d: 0b                         | end
;;|  00007e: 41 00                      | i32.const 0
;;|  000080: 44 1f 85 eb 51 b8 1e 09 40 | f64.const 3.14
;;|  000089: 39 03 08                   | f64.store offset=8
;;|  00008c: 0b                         | end
;;|
