;; branches loops in the request headers in ways that a meter could overlook, as its configuration's letter says:
;; t by br_table, whose every target is the loop; e by a br_if at the loop's head, with nothing else on the way round;
;; b out of nested blocks; p by a loop with parameters and results; i in the arm of an if; n in loops inside of loops that
;; each end at once; d by a br_table whose default is the loop.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $what (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
    (global.set $what (i32.load8_u (i32.const 4096)))
    (i32.const 1))
  (func $is (param $letter i32) (result i32) (i32.eq (global.get $what) (local.get $letter)))
  (func $table (local $n i32)
    (loop $l
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_table $l $l $l $l $l (i32.and (local.get $n) (i32.const 3)))))
  (func $default
    (loop $l (block $a (block $b (br_table $a $b $l (i32.const 77))))))
  (func $empty (loop $l (br_if $l (i32.const 1))))
  (func $blocks
    (loop $l (block (block (block (block (block (block (block (block (br $l)))))))))))
  (func $parameters (drop (i32.const 1) (loop $l (param i32) (result i32) (i32.const 1) (i32.add) (br $l))))
  (func $arm (param $n i32)
    (if (local.get $n) (then (loop $l (br $l))) (else (loop $m (br $m)))))
  (func $inner (local $n i32)
    (loop $out
      (loop $in (loop $deep (br_if $deep (i32.const 0))) (br_if $in (i32.const 0)))
      (br $out)))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (call $is (i32.const 116)) (then (call $table)))
    (if (call $is (i32.const 100)) (then (call $default)))
    (if (call $is (i32.const 101)) (then (call $empty)))
    (if (call $is (i32.const 98)) (then (call $blocks)))
    (if (call $is (i32.const 112)) (then (call $parameters)))
    (if (call $is (i32.const 105)) (then (call $arm (i32.const 1))))
    (if (call $is (i32.const 110)) (then (call $inner)))
    (i32.const 0)))
