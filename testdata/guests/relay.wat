;; relay calls the engine with the very head of the request, and answers with what comes of it: status and body, or 508 and why the
;; call failed. It does so for requests that have the header x-relay with another digit than the depth of calls that the request is
;; inside of (0 for a client's own), so that x-relay: 1 makes one call, and x-relay: 9 calls that call again.
(module
  (import "env" "proxy_get_header_map_value"
    (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs"
    (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property"
    (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes"
    (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_status" (func $status (param i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call"
    (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 16) "x-relay")
  (data (i32.const 32) "sluice\00callout_depth")
  (data (i32.const 64) "docker")
  (data (i32.const 80) ":status")
  ;; 96: outputs, where and how much. 112: the digit of the depth.
  (global $heap (mut i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))

  (func $answer (param $code i32)
    (drop (call $respond (local.get $code) (i32.const 0) (i32.const 0)
      (i32.load (i32.const 96)) (i32.load (i32.const 100)) (i32.const 0) (i32.const 0) (i32.const -1))))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (global.set $heap (i32.const 4096))
    (i32.store8 (i32.const 112) (i32.const 48))
    (if (i32.eqz (call $property (i32.const 32) (i32.const 20) (i32.const 96) (i32.const 100)))
      (then (i32.store8 (i32.const 112) (i32.load8_u (i32.load (i32.const 96))))))
    (if (call $header (i32.const 0) (i32.const 16) (i32.const 7) (i32.const 96) (i32.const 100))
      (then (return (i32.const 0))))
    (if (i32.eq (i32.load8_u (i32.load (i32.const 96))) (i32.load8_u (i32.const 112)))
      (then (return (i32.const 0))))
    (i64.store (i32.const 96) (i64.const 0))
    (drop (call $pairs (i32.const 0) (i32.const 96) (i32.const 100)))
    (if (call $call (i32.const 64) (i32.const 6) (i32.load (i32.const 96)) (i32.load (i32.const 100))
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 60000) (i32.const 104))
      (then
        (i64.store (i32.const 96) (i64.const 0))
        (call $answer (i32.const 500))))
    (i32.const 1))

  (func (export "proxy_on_http_call_response") (param $root i32) (param $id i32) (param $fields i32) (param i32 i32)
    (local $code i32)
    (global.set $heap (i32.const 4096))
    (local.set $code (i32.const 508))
    (i64.store (i32.const 96) (i64.const 0))
    (if (local.get $fields)
      (then
        (drop (call $header (i32.const 6) (i32.const 80) (i32.const 7) (i32.const 96) (i32.const 100)))
        (local.set $code (i32.add (i32.add
          (i32.mul (i32.sub (i32.load8_u (i32.load (i32.const 96))) (i32.const 48)) (i32.const 100))
          (i32.mul (i32.sub (i32.load8_u offset=1 (i32.load (i32.const 96))) (i32.const 48)) (i32.const 10)))
          (i32.sub (i32.load8_u offset=2 (i32.load (i32.const 96))) (i32.const 48))))
        (i64.store (i32.const 96) (i64.const 0))
        (drop (call $buffer (i32.const 4) (i32.const 0) (i32.const 0x7fffffff) (i32.const 96) (i32.const 100))))
      (else
        (drop (call $status (i32.const 104) (i32.const 96) (i32.const 100)))))
    (call $answer (local.get $code))))
