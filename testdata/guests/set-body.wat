;; set-body puts its configuration in the place of every request's body.
(module
  (import "env" "proxy_get_buffer_bytes"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes"
    (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $heap (mut i32) (i32.const 4096))
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))
  ;; The configuration's address goes to 16, its length to 20.
  (func (export "proxy_on_configure") (param $id i32) (param $size i32) (result i32)
    (i32.eqz (call $get (i32.const 7) (i32.const 0) (local.get $size) (i32.const 16) (i32.const 20))))
  (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $eos i32) (result i32)
    (if (i32.eqz (local.get $eos)) (then (return (i32.const 1))))
    (drop (call $set (i32.const 0) (i32.const 0) (i32.const 0x7fffffff)
      (i32.load (i32.const 16)) (i32.load (i32.const 20))))
    (i32.const 0)))
