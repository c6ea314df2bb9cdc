;; Objects and exceptions: trees that become garbage at once, and throws across ten frames.
(module
  (type $node (struct (field $left (ref null $node)) (field $right (ref null $node))))
  (tag $tag (param i32))

  (func $make (param $depth i32) (result (ref $node))
    (if (i32.eqz (local.get $depth)) (then (return (struct.new_default $node))))
    (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
    (struct.new $node (call $make (local.get $depth)) (call $make (local.get $depth))))

  (func $count (param $tree (ref null $node)) (result i32)
    (if (ref.is_null (local.get $tree)) (then (return (i32.const 0))))
    (i32.add (i32.const 1)
      (i32.add (call $count (struct.get $node $left (local.get $tree)))
               (call $count (struct.get $node $right (local.get $tree))))))

  ;; makes and counts `n` trees of 65,535 nodes
  (func (export "trees") (param $n i32) (result i32) (local $sum i32)
    (loop $each
      (local.set $sum (i32.add (local.get $sum) (call $count (call $make (i32.const 15)))))
      (br_if $each (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  (func $deep (param $frames i32) (param $value i32)
    (if (i32.eqz (local.get $frames)) (then (throw $tag (local.get $value))))
    (call $deep (i32.sub (local.get $frames) (i32.const 1)) (local.get $value))
    (if (i32.eqz (local.get $value)) (then (unreachable))))

  ;; throws and catches `n` times
  (func (export "throws") (param $n i32) (result i32) (local $sum i32)
    (loop $each
      (local.set $sum (i32.add (local.get $sum)
        (block $caught (result i32)
          (try_table (catch $tag $caught) (call $deep (i32.const 10) (i32.const 1)))
          (i32.const 0))))
      (br_if $each (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))
