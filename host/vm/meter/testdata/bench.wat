;; Loops and calls to measure what metering costs.
(module
  (memory 1)
  (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 3)))
  (func $step (param i32) (result i32)
    (i32.xor (call $leaf (local.get 0)) (i32.const 5)))
  ;; calls a leaf and a step in a loop
  (func (export "calls") (param $n i32) (result i32) (local $s i32)
    (loop $l
      (local.set $s (call $step (local.get $s)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  ;; the smallest loop
  (func (export "count") (param $n i32) (result i32)
    (loop $l
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $n))
  ;; adds the bytes of memory, up to 65536
  (func (export "scan") (param $n i32) (result i32) (local $i i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $s))
  ;; the same, a nested loop for each 64 bytes
  (func (export "nested") (param $n i32) (result i32) (local $i i32) (local $e i32) (local $s i32)
    (loop $o
      (local.set $e (i32.add (local.get $i) (i32.const 64)))
      (loop $l
        (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (local.get $e))))
      (br_if $o (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $s))
  ;; a recursion that branches
  (func $fib (export "fib") (param $n i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else (i32.add
        (call $fib (i32.sub (local.get $n) (i32.const 1)))
        (call $fib (i32.sub (local.get $n) (i32.const 2)))))))
  (func (export "nothing") (param i32) (result i32) (local.get 0)))
