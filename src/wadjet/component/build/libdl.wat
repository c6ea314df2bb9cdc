;; dlopen and its kin for libraries that are linked ahead of time: they are found in a table that
;; `link` lays out at __wasm_libdl_libraries: how many there are, and where; for each the length of its
;; name and where that is, how many symbols it has, and where; for each of these the length of its
;; name, where that is, and the symbol's address.
(module
  (@custom "dylink.0" (before first) "\01\04\60\02\00\00")
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "GOT.mem" "__wasm_libdl_libraries" (global $libraries (mut i32)))

  ;; what went wrong last, and all that can
  (data (global.get $base) "\00\00\00\00library not found\00symbol not found\00"
    "invalid library handle\00flags of dlopen are not supported\00")

  (func $fail (param $message i32)
    (i32.store (global.get $base) (i32.add (global.get $base) (local.get $message))))

  ;; whether a name that ends in 0 is the one of this length
  (func $is (param $name i32) (param $other i32) (param $length i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $length))
        (then (return (i32.eqz (i32.load8_u (local.get $name))))))
      (if (i32.ne (i32.load8_u (local.get $name)) (i32.load8_u (local.get $other)))
        (then (return (i32.const 0))))
      (local.set $name (i32.add (local.get $name) (i32.const 1)))
      (local.set $other (i32.add (local.get $other) (i32.const 1)))
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (br $next))
    unreachable)

  ;; the entry with a name, in a table of entries of a size; 0 if there is none
  (func $find (param $at i32) (param $count i32) (param $size i32) (param $name i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $count)) (then (return (i32.const 0))))
      (if (call $is (local.get $name) (i32.load offset=4 (local.get $at)) (i32.load (local.get $at)))
        (then (return (local.get $at))))
      (local.set $at (i32.add (local.get $at) (local.get $size)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next))
    unreachable)

  ;; whether something is a library
  (func $check (param $handle i32) (result i32)
    (local $offset i32)
    (local.set $offset (i32.sub (local.get $handle) (i32.load offset=4 (global.get $libraries))))
    (if (i32.eqz (i32.and (local.get $offset) (i32.const 15)))
      (then (if (i32.lt_u (i32.shr_u (local.get $offset) (i32.const 4))
                          (i32.load (global.get $libraries)))
        (then (return (i32.const 1))))))
    (call $fail (i32.const 39))
    (i32.const 0))

  ;; RTLD_LAZY, RTLD_NOW and RTLD_GLOBAL are all the same here
  (func (export "dlopen") (param $name i32) (param $flags i32) (result i32)
    (local $found i32)
    (if (i32.and (local.get $flags) (i32.const -260))
      (then (call $fail (i32.const 62)) (return (i32.const 0))))
    (local.set $found (call $find (i32.load offset=4 (global.get $libraries))
      (i32.load (global.get $libraries)) (i32.const 16) (local.get $name)))
    (if (i32.eqz (local.get $found)) (then (call $fail (i32.const 4))))
    (local.get $found))

  (func (export "dlsym") (param $library i32) (param $name i32) (result i32)
    (local $found i32)
    (if (i32.eqz (call $check (local.get $library))) (then (return (i32.const 0))))
    (local.set $found (call $find (i32.load offset=12 (local.get $library))
      (i32.load offset=8 (local.get $library)) (i32.const 12) (local.get $name)))
    (if (i32.eqz (local.get $found)) (then (call $fail (i32.const 22)) (return (i32.const 0))))
    (i32.load offset=8 (local.get $found)))

  (func (export "dlclose") (param $library i32) (result i32)
    (i32.sub (call $check (local.get $library)) (i32.const 1)))

  (func (export "dlerror") (result i32)
    (i32.load (global.get $base))
    (i32.store (global.get $base) (i32.const 0))))
