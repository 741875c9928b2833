;; pause-in-headers holds every request in its headers. Its tick, every 10 ms, continues the last
;; one.
(module
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (memory (export "memory") 1)
  (global $held (mut i32) (i32.const 0))
  (global $heap (mut i32) (i32.const 4096))
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))

  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (drop (call $tick (i32.const 10)))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (global.set $held (local.get $id))
    (i32.const 1))
  (func (export "proxy_on_tick") (param $root i32)
    (if (i32.eqz (global.get $held)) (then (return)))
    (drop (call $effective (global.get $held)))
    (drop (call $continue (i32.const 0)))
    (global.set $held (i32.const 0))))
