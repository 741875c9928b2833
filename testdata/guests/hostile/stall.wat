;; stall holds a stream and never lets go of it, in the callback that its configuration's letter names: h request_headers,
;; b request_body, H response_headers, B response_body, N new_connection, d downstream_data, u upstream_data,
;; t request_trailers, T response_trailers.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $where (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
    (global.set $where (i32.load8_u (i32.const 4096)))
    (i32.const 1))
  (func $at (param $here i32) (result i32) (i32.eq (local.get $here) (global.get $where)))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $at (i32.const 104)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $at (i32.const 98)))
  (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (call $at (i32.const 116)))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (call $at (i32.const 72)))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (call $at (i32.const 66)))
  (func (export "proxy_on_response_trailers") (param i32 i32) (result i32) (call $at (i32.const 84)))
  (func (export "proxy_on_new_connection") (param i32) (result i32) (call $at (i32.const 78)))
  (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (call $at (i32.const 100)))
  (func (export "proxy_on_upstream_data") (param i32 i32 i32) (result i32) (call $at (i32.const 117))))
