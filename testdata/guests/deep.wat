;; deep calls itself as often as it is told, and counts how often that was. It is no filter.
(module
  (memory (export "memory") 1)
  (func $deep (export "deep") (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get $n) (i32.const 1)))))
      (else (i32.const 0)))))
