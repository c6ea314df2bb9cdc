;;$ wadjet print %
;;$ wadjet print --folded %.wasm
;;$ wadjet print --no-names %
(module $shapes
  (type $point (struct (field $x f64) (field $y (mut f64))))
  (type $binary (func (param i32 i32) (result i32)))
  (import "env" "log" (func $log (param $what i32)))
  (global $count (mut i32) (i32.const 0))
  (memory $mem 1 2)
  (data $hello (i32.const 8) "hello\00\ff")
  (table $t 2 funcref)
  (elem (table $t) (i32.const 0) func $gcd $log)
  (func $gcd (export "gcd") (type $binary) (param $a i32) (param $b i32) (result i32)
    (local $r i32)
    (loop $again
      (local.set $r (i32.rem_u (local.get $a) (local.get $b)))
      (local.set $a (local.get $b))
      (local.set $b (local.get $r))
      (br_if $again (local.get $b)))
    (if (i32.eqz (local.get $a)) (then (call $log (local.get $r))))
    local.get $a)
  (func $length (param $p (ref $point)) (result f64)
    (f64.sqrt (f64.add
      (f64.mul (struct.get $point $x (local.get $p)) (struct.get $point $x (local.get $p)))
      (f64.mul (struct.get $point $y (local.get $p)) (struct.get $point $y (local.get $p))))))
  (func $"odd name" (result f32) f32.const 0.1 drop f32.const -nan:0x200000)
  (@custom "note" (after code) "made by hand"))
;;$ wadjet print %
;;| (module $shapes
;;|   (type $point (;0;) (struct (field $x f64) (field $y (mut f64))))
;;|   (type $binary (;1;) (func (param i32 i32) (result i32)))
;;|   (type (;2;) (func (param i32)))
;;|   (type (;3;) (func (param (ref $point)) (result f64)))
;;|   (type (;4;) (func (result f32)))
;;|   (import "env" "log" (func $log (;0;) (type 2) (param $what i32)))
;;|   (table $t (;0;) 2 funcref)
;;|   (memory $mem (;0;) 1 2)
;;|   (global $count (;0;) (mut i32) (i32.const 0))
;;|   (export "gcd" (func $gcd))
;;|   (elem (;0;) (i32.const 0) func $gcd $log)
;;|   (func $gcd (;1;) (type $binary) (param $a i32) (param $b i32) (result i32)
;;|     (local $r i32)
;;|     loop $again
;;|       local.get $a
;;|       local.get $b
;;|       i32.rem_u
;;|       local.set $r
;;|       local.get $b
;;|       local.set $a
;;|       local.get $r
;;|       local.set $b
;;|       local.get $b
;;|       br_if $again
;;|     end
;;|     local.get $a
;;|     i32.eqz
;;|     if
;;|       local.get $r
;;|       call $log
;;|     end
;;|     local.get $a
;;|   )
;;|   (func $length (;2;) (type 3) (param $p (ref $point)) (result f64)
;;|     local.get $p
;;|     struct.get $point $x
;;|     local.get $p
;;|     struct.get $point $x
;;|     f64.mul
;;|     local.get $p
;;|     struct.get $point $y
;;|     local.get $p
;;|     struct.get $point $y
;;|     f64.mul
;;|     f64.add
;;|     f64.sqrt
;;|   )
;;|   (func $"odd name" (;3;) (type 4) (result f32)
;;|     f32.const 0.1
;;|     drop
;;|     f32.const -nan:0x200000
;;|   )
;;|   (@custom "note" (after code) "made by hand")
;;|   (data $hello (;0;) (i32.const 8) "hello\00\ff")
;;| )
;;$ wadjet print --folded %.wasm
;;| (module $shapes
;;|   (type $point (;0;) (struct (field $x f64) (field $y (mut f64))))
;;|   (type $binary (;1;) (func (param i32 i32) (result i32)))
;;|   (type (;2;) (func (param i32)))
;;|   (type (;3;) (func (param (ref $point)) (result f64)))
;;|   (type (;4;) (func (result f32)))
;;|   (import "env" "log" (func $log (;0;) (type 2) (param $what i32)))
;;|   (table $t (;0;) 2 funcref)
;;|   (memory $mem (;0;) 1 2)
;;|   (global $count (;0;) (mut i32) (i32.const 0))
;;|   (export "gcd" (func $gcd))
;;|   (elem (;0;) (i32.const 0) func $gcd $log)
;;|   (func $gcd (;1;) (type $binary) (param $a i32) (param $b i32) (result i32)
;;|     (local $r i32)
;;|     (loop $again
;;|       (local.set $r (i32.rem_u (local.get $a) (local.get $b)))
;;|       (local.set $a (local.get $b))
;;|       (local.set $b (local.get $r))
;;|       (br_if $again (local.get $b))
;;|     )
;;|     (if (i32.eqz (local.get $a))
;;|       (then (call $log (local.get $r)))
;;|     )
;;|     (local.get $a)
;;|   )
;;|   (func $length (;2;) (type 3) (param $p (ref $point)) (result f64)
;;|     (f64.sqrt
;;|       (f64.add
;;|         (f64.mul (struct.get $point $x (local.get $p)) (struct.get $point $x (local.get $p)))
;;|         (f64.mul (struct.get $point $y (local.get $p)) (struct.get $point $y (local.get $p)))))
;;|   )
;;|   (func $"odd name" (;3;) (type 4) (result f32)
;;|     (drop (f32.const 0.1))
;;|     (f32.const -nan:0x200000)
;;|   )
;;|   (@custom "note" (after code) "made by hand")
;;|   (data $hello (;0;) (i32.const 8) "hello\00\ff")
;;| )
;;$ wadjet print --no-names %
;;| (module
;;|   (type (;0;) (struct (field f64 (mut f64))))
;;|   (type (;1;) (func (param i32 i32) (result i32)))
;;|   (type (;2;) (func (param i32)))
;;|   (type (;3;) (func (param (ref 0)) (result f64)))
;;|   (type (;4;) (func (result f32)))
;;|   (import "env" "log" (func (;0;) (type 2) (param i32)))
;;|   (table (;0;) 2 funcref)
;;|   (memory (;0;) 1 2)
;;|   (global (;0;) (mut i32) (i32.const 0))
;;|   (export "gcd" (func 1))
;;|   (elem (;0;) (i32.const 0) func 1 0)
;;|   (func (;1;) (type 1) (param i32 i32) (result i32)
;;|     (local i32)
;;|     loop (;@1;)
;;|       local.get 0
;;|       local.get 1
;;|       i32.rem_u
;;|       local.set 2
;;|       local.get 1
;;|       local.set 0
;;|       local.get 2
;;|       local.set 1
;;|       local.get 1
;;|       br_if 0 (;@1;)
;;|     end
;;|     local.get 0
;;|     i32.eqz
;;|     if
;;|       local.get 2
;;|       call 0
;;|     end
;;|     local.get 0
;;|   )
;;|   (func (;2;) (type 3) (param (ref 0)) (result f64)
;;|     local.get 0
;;|     struct.get 0 0
;;|     local.get 0
;;|     struct.get 0 0
;;|     f64.mul
;;|     local.get 0
;;|     struct.get 0 1
;;|     local.get 0
;;|     struct.get 0 1
;;|     f64.mul
;;|     f64.add
;;|     f64.sqrt
;;|   )
;;|   (func (;3;) (type 4) (result f32)
;;|     f32.const 0.1
;;|     drop
;;|     f32.const -nan:0x200000
;;|   )
;;|   (@custom "note" (after code) "made by hand")
;;|   (data (;0;) (i32.const 8) "hello\00\ff")
;;| )
