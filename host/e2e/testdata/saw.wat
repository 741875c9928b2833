;; saw tells the engine what a filter has seen of a request: x-saw-path is its :path, and x-saw-body the FNV-1a hash of its
;; whole body in 16 hexadecimal digits, behind them its length in 8.
(module
  (import "env" "proxy_get_buffer_bytes"
    (func $body (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value"
    (func $add (param i32 i32 i32 i32 i32) (result i32)))
  ;; 25 MiB: more than a body may have.
  (memory (export "memory") 400)
  (data (i32.const 16) ":path")
  (data (i32.const 32) "x-saw-path")
  (data (i32.const 48) "x-saw-body")
  (data (i32.const 64) "0123456789abcdef")
  ;; What is read is done with before the next is.
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))

  ;; hex writes the last digits of a value so that they end before $end.
  (func $hex (param $value i64) (param $digits i32) (param $end i32)
    (loop $next
      (local.set $end (i32.sub (local.get $end) (i32.const 1)))
      (i32.store8 (local.get $end)
        (i32.load8_u (i32.add (i32.const 64) (i32.and (i32.wrap_i64 (local.get $value)) (i32.const 15)))))
      (local.set $value (i64.shr_u (local.get $value) (i64.const 4)))
      (br_if $next (local.tee $digits (i32.sub (local.get $digits) (i32.const 1))))))

  (func $tell (param $length i32)
    (local $at i32) (local $end i32) (local $hash i64)
    (local.set $hash (i64.const 0xcbf29ce484222325))
    (if (local.get $length)
      (then
        (if (call $body (i32.const 0) (i32.const 0) (i32.const 0x7fffffff) (i32.const 0) (i32.const 4)) (then (unreachable)))
        (local.set $at (i32.load (i32.const 0)))
        (local.set $length (i32.load (i32.const 4)))
        (local.set $end (i32.add (local.get $at) (local.get $length)))
        (loop $next
          (local.set $hash (i64.mul (i64.const 0x100000001b3)
            (i64.xor (local.get $hash) (i64.load8_u (local.get $at)))))
          (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $end))))))
    (call $hex (local.get $hash) (i32.const 16) (i32.const 112))
    (call $hex (i64.extend_i32_u (local.get $length)) (i32.const 8) (i32.const 120))
    (if (call $add (i32.const 0) (i32.const 48) (i32.const 10) (i32.const 96) (i32.const 24)) (then (unreachable)))
    (if (call $get (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 4)) (then (unreachable)))
    (if (call $add (i32.const 0) (i32.const 32) (i32.const 10) (i32.load (i32.const 0)) (i32.load (i32.const 4))) (then (unreachable))))

  ;; The head waits for those who read the body.
  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (if (local.get $eos) (then (call $tell (i32.const 0))))
    (i32.const 0))
  (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $eos i32) (result i32)
    (if (result i32) (local.get $eos)
      (then (call $tell (local.get $size)) (i32.const 0))
      (else (i32.const 1)))))
