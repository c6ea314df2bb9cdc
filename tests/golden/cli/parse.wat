;;$ wadjet parse % -o out.wasm
;;$ wadjet print out.wasm
;;$ wadjet parse --no-names % -o out.wasm
;;$ wadjet print out.wasm
(module $m (func $f (param $x i32) (result i32) local.get $x))
;;$ wadjet parse % -o out.wasm
;;$ wadjet print out.wasm
;;| (module $m
;;|   (type (;0;) (func (param i32) (result i32)))
;;|   (func $f (;0;) (type 0) (param $x i32) (result i32)
;;|     local.get $x
;;|   )
;;| )
;;$ wadjet parse --no-names % -o out.wasm
;;$ wadjet print out.wasm
;;| (module
;;|   (type (;0;) (func (param i32) (result i32)))
;;|   (func (;0;) (type 0) (param i32) (result i32)
;;|     local.get 0
;;|   )
;;| )
