;; a component that is given numbers, and gives them twice
(component
  (import "demo:parts/numbers@1.0.0" (instance $numbers
    (export "next" (func (param "n" u32) (result u32)))))
  (alias export $numbers "next" (func $next))
  (core func $lowered (canon lower (func $next)))
  (core module $twice
    (import "" "next" (func $next (param i32) (result i32)))
    (func (export "skip") (param i32) (result i32) (call $next (call $next (local.get 0)))))
  (core instance $given (export "next" (func $lowered)))
  (core instance $made (instantiate $twice (with "" (instance $given))))
  (func $skip (param "n" u32) (result u32) (canon lift (core func $made "skip")))
  (export "skip" (func $skip)))
