;; scan-body reads a request body and counts its "e", to measure what a loop in a guest costs. It
;; pauses, which is no use, when there is none.
(module
  (import "env" "proxy_get_buffer_bytes"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; The body is always put at the same place, so that it can be called for ever.
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))

  (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $eos i32) (result i32)
    (local $at i32) (local $end i32) (local $count i32)
    (if (call $get (i32.const 0) (i32.const 0) (i32.const 0x7fffffff) (i32.const 0) (i32.const 4))
      (then (return (i32.const 1))))
    (local.set $at (i32.load (i32.const 0)))
    (local.set $end (i32.add (local.get $at) (i32.load (i32.const 4))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 101))
          (then (local.set $count (i32.add (local.get $count) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.eqz (local.get $count))))
