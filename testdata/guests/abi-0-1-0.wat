;; abi-0-1-0 is built for version 0.1.0: its headers callbacks have no end_of_stream, a missing
;; header reads as empty, the configuration comes from proxy_get_configuration, and
;; proxy_continue_request is declared without a result. It sets x-config to its configuration,
;; x-missing to the value of a header that is not there, and pauses the request until its tick.
(module
  (import "env" "proxy_get_configuration" (func $configuration (param i32 i32) (result i32)))
  (import "env" "proxy_continue_request" (func $continue))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_get_header_map_value"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value"
    (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "x-config")
  (data (i32.const 32) "x-missing")
  (global $held (mut i32) (i32.const 0))
  (global $config (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0))
  (global $heap (mut i32) (i32.const 4096))
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_1_0"))

  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (if (call $configuration (i32.const 0) (i32.const 4)) (then (return (i32.const 0))))
    (global.set $config (i32.load (i32.const 0)))
    (global.set $length (i32.load (i32.const 4)))
    (drop (call $tick (i32.const 10)))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (result i32)
    (drop (call $replace (i32.const 0) (i32.const 16) (i32.const 8) (global.get $config) (global.get $length)))
    ;; OK, nothing
    (if (call $get (i32.const 0) (i32.const 32) (i32.const 9) (i32.const 0) (i32.const 4)) (then (unreachable)))
    (drop (call $replace (i32.const 0) (i32.const 32) (i32.const 9) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
    (global.set $held (local.get $id))
    (i32.const 1))
  (func (export "proxy_on_response_headers") (param $id i32) (param $n i32) (result i32) (i32.const 0))
  (func (export "proxy_on_tick") (param $root i32)
    (if (i32.eqz (global.get $held)) (then (return)))
    (drop (call $effective (global.get $held)))
    (call $continue)
    (global.set $held (i32.const 0))))
