;;$ wadjet print --folded %
;;$ wadjet print %
(module
  (tag $oops (param i32))
  (func $work (param i32) (result i32)
    (block $done (result i32)
      (block $caught (result i32)
        (try_table (result i32) (catch $oops $caught)
          (br_if $done (i32.const 1) (local.get 0))
          (drop)
          (throw $oops (i32.const 7))))
      (i32.const 1)
      (i32.add)))
  (func (param i32 i64) (result i64 i32)
    local.get 1
    local.get 0
    block (param i64 i32) (result i32 i64)
      br_table 0 0 1
    end
    unreachable
    i32.add)
  (func (@name "a b") (param i32)
    (@metadata.code.branch_hint "\01")
    (if (local.get 0) (then (nop) (nop)) (else (return)))))
;;$ wadjet print --folded %
;;| (module
;;|   (type (;0;) (func (param i32)))
;;|   (type (;1;) (func (param i32) (result i32)))
;;|   (type (;2;) (func (param i32 i64) (result i64 i32)))
;;|   (type (;3;) (func (param i64 i32) (result i32 i64)))
;;|   (tag $oops (;0;) (type 0) (param i32))
;;|   (func $work (;0;) (type 1) (param i32) (result i32)
;;|     (block $done (result i32)
;;|       (i32.add
;;|         (block $caught (result i32)
;;|           (try_table (result i32) (catch $oops $caught)
;;|             (drop (br_if $done (i32.const 1) (local.get 0)))
;;|             (throw $oops (i32.const 7))
;;|           )
;;|         )
;;|         (i32.const 1))
;;|     )
;;|   )
;;|   (func (;1;) (type 2) (param i32 i64) (result i64 i32)
;;|     (local.get 1)
;;|     (local.get 0)
;;|     (block (;@1;) (type 3) (param i64 i32) (result i32 i64)
;;|       (br_table 0 (;@1;) 0 (;@1;) 1)
;;|     )
;;|     (unreachable)
;;|     (i32.add)
;;|   )
;;|   (func $"a b" (;2;) (type 0) (param i32)
;;|     (@metadata.code.branch_hint "\01")
;;|     (if (local.get 0)
;;|       (then
;;|         (nop)
;;|         (nop)
;;|       )
;;|       (else (return))
;;|     )
;;|   )
;;| )
;;$ wadjet print %
;;| (module
;;|   (type (;0;) (func (param i32)))
;;|   (type (;1;) (func (param i32) (result i32)))
;;|   (type (;2;) (func (param i32 i64) (result i64 i32)))
;;|   (type (;3;) (func (param i64 i32) (result i32 i64)))
;;|   (tag $oops (;0;) (type 0) (param i32))
;;|   (func $work (;0;) (type 1) (param i32) (result i32)
;;|     block $done (result i32)
;;|       block $caught (result i32)
;;|         try_table (result i32) (catch $oops $caught)
;;|           i32.const 1
;;|           local.get 0
;;|           br_if $done
;;|           drop
;;|           i32.const 7
;;|           throw $oops
;;|         end
;;|       end
;;|       i32.const 1
;;|       i32.add
;;|     end
;;|   )
;;|   (func (;1;) (type 2) (param i32 i64) (result i64 i32)
;;|     local.get 1
;;|     local.get 0
;;|     block (;@1;) (type 3) (param i64 i32) (result i32 i64)
;;|       br_table 0 (;@1;) 0 (;@1;) 1
;;|     end
;;|     unreachable
;;|     i32.add
;;|   )
;;|   (func $"a b" (;2;) (type 0) (param i32)
;;|     local.get 0
;;|     (@metadata.code.branch_hint "\01")
;;|     if
;;|       nop
;;|       nop
;;|     else
;;|       return
;;|     end
;;|   )
;;| )
