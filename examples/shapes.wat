;; The core module of shapes.wasm, which is made by
;;   wadjet component embed shapes.wit shapes.wat | wadjet component new - -o shapes.wasm
(module
  (import "example:shapes/log@1.0.0" "message" (func $message (param i32 i32)))
  (import "[export]example:shapes/shapes@1.0.0" "[resource-new]pen"
    (func $new_pen (param i32) (result i32)))
  (memory (export "memory") 17)
  (data (i32.const 0) "Hello, ")
  (data (i32.const 16) "division by zero")
  ;; what is returned by its address lies at 64; what comes in begins at 1024, after the pens
  (global $free (mut i32) (i32.const 0x10000))
  (global $pens (mut i32) (i32.const 1024))

  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.and (i32.const -16)
      (i32.add (i32.const 15) (i32.add (global.get $free) (local.get $size))))))
  (func $forget (global.set $free (i32.const 0x10000)))

  (func $point (param $x f64) (param $y f64)
    (f64.store (i32.const 72) (local.get $x))
    (f64.store (i32.const 80) (local.get $y)))

  (func (export "example:shapes/shapes@1.0.0#area")
    (param $case i32) (param $a f64) (param $b f64) (result f64)
    (if (i32.eqz (local.get $case)) (then (return
      (f64.mul (f64.const 3.141592653589793) (f64.mul (local.get $a) (local.get $a))))))
    (if (i32.eq (local.get $case) (i32.const 1)) (then (return
      (f64.mul (local.get $a) (local.get $b)))))
    (f64.const 0))

  (func (export "example:shapes/shapes@1.0.0#mirror")
    (param $x f64) (param $y f64) (param $axis i32) (result i32)
    (if (local.get $axis)
      (then (call $point (f64.neg (local.get $x)) (local.get $y)))
      (else (call $point (local.get $x) (f64.neg (local.get $y)))))
    (i32.const 72))

  (func (export "example:shapes/shapes@1.0.0#middle")
    (param $at i32) (param $count i32) (result i32)
    (local $left i32) (local $x f64) (local $y f64)
    (call $forget)
    (i32.store8 (i32.const 64) (i32.ne (local.get $count) (i32.const 0)))
    (local.set $left (local.get $count))
    (loop $each
      (if (local.get $left) (then
        (local.set $x (f64.add (local.get $x) (f64.load (local.get $at))))
        (local.set $y (f64.add (local.get $y) (f64.load offset=8 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $each))))
    (call $point
      (f64.div (local.get $x) (f64.convert_i32_u (local.get $count)))
      (f64.div (local.get $y) (f64.convert_i32_u (local.get $count))))
    (i32.const 64))

  (func (export "example:shapes/shapes@1.0.0#divide")
    (param $x f64) (param $y f64) (param $by f64) (result i32)
    (if (f64.eq (local.get $by) (f64.const 0))
      (then
        (i32.store8 (i32.const 64) (i32.const 1))
        (i32.store (i32.const 72) (i32.const 16))
        (i32.store (i32.const 76) (i32.const 16)))
      (else
        (i32.store8 (i32.const 64) (i32.const 0))
        (call $point (f64.div (local.get $x) (local.get $by))
          (f64.div (local.get $y) (local.get $by)))))
    (i32.const 64))

  (func (export "example:shapes/shapes@1.0.0#[constructor]pen")
    (param $x f64) (param $y f64) (result i32)
    (f64.store (global.get $pens) (local.get $x))
    (f64.store offset=8 (global.get $pens) (local.get $y))
    (call $new_pen (global.get $pens))
    (global.set $pens (i32.add (global.get $pens) (i32.const 16))))
  (func (export "example:shapes/shapes@1.0.0#[method]pen.move")
    (param $pen i32) (param $x f64) (param $y f64) (result i32)
    (f64.store (local.get $pen) (f64.add (f64.load (local.get $pen)) (local.get $x)))
    (f64.store offset=8 (local.get $pen)
      (f64.add (f64.load offset=8 (local.get $pen)) (local.get $y)))
    (local.get $pen))
  (func (export "example:shapes/shapes@1.0.0#[dtor]pen") (param $pen i32)
    (call $message (i32.const 40) (i32.const 14)))
  (data (i32.const 40) "a pen was lost")

  (func (export "hello") (param $name i32) (param $size i32) (result i32)
    (call $forget)
    (memory.copy (i32.const 0x80007) (local.get $name) (local.get $size))
    (memory.copy (i32.const 0x80000) (i32.const 0) (i32.const 7))
    (i32.store8 (i32.add (i32.const 0x80007) (local.get $size)) (i32.const 33))
    (i32.store (i32.const 64) (i32.const 0x80000))
    (i32.store (i32.const 68) (i32.add (local.get $size) (i32.const 8)))
    (call $message (i32.const 0x80000) (i32.add (local.get $size) (i32.const 8)))
    (i32.const 64))
)
