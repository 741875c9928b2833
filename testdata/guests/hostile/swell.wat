;; swell makes what passes it larger and larger, as its configuration's letter says: B the response's body, d what the client
;; says on a connection, u what the engine says on it, t the request's trailers, T the response's, each 60 kB at a time until
;; it is not let; l answers itself, with 900 kB or, where that is too much, with 60.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 16)
  (data (i32.const 64) "x-swell")
  (global $what (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
    (global.set $what (i32.load8_u (i32.const 4096)))
    (memory.fill (i32.const 65536) (i32.const 120) (i32.const 900000))
    (i32.const 1))
  (func $is (param $letter i32) (result i32) (i32.eq (global.get $what) (local.get $letter)))
  (func $buffer (param $letter i32) (param $buffer i32) (result i32)
    (if (call $is (local.get $letter)) (then
      (loop $again
        (br_if $again (i32.eqz (call $set (local.get $buffer) (i32.const -1) (i32.const 0) (i32.const 65536) (i32.const 60000)))))))
    (i32.const 0))
  (func $map (param $letter i32) (param $map i32) (result i32)
    (if (call $is (local.get $letter)) (then
      (loop $again
        (br_if $again (i32.eqz (call $add (local.get $map) (i32.const 64) (i32.const 7) (i32.const 65536) (i32.const 60000)))))))
    (i32.const 0))
  (func $say (param $size i32) (result i32)
    (call $answer (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 65536) (local.get $size) (i32.const 0) (i32.const 0) (i32.const -1)))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (call $is (i32.const 108)) (then
      (if (call $say (i32.const 900000)) (then (drop (call $say (i32.const 60000)))))
      (return (i32.const 1))))
    (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (call $buffer (i32.const 66) (i32.const 1)))
  (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (call $buffer (i32.const 100) (i32.const 2)))
  (func (export "proxy_on_upstream_data") (param i32 i32 i32) (result i32) (call $buffer (i32.const 117) (i32.const 3)))
  (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (call $map (i32.const 116) (i32.const 1)))
  (func (export "proxy_on_response_trailers") (param i32 i32) (result i32) (call $map (i32.const 84) (i32.const 3))))
