;; close-body-from-tick holds the request body, and closes the stream from its tick.
(module
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (memory (export "memory") 1)
  (global $id (mut i32) (i32.const 0))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (drop (call $tick (i32.const 50))) (i32.const 1))
  (func (export "proxy_on_request_body") (param $id i32) (param i32 i32) (result i32) (global.set $id (local.get $id)) (i32.const 1))
  (func (export "proxy_on_tick") (param i32)
    (if (global.get $id) (then (drop (call $effective (global.get $id))) (drop (call $close (i32.const 0)))))))
