;; deny answers 403 with the body "not today" and details "deny.wat" in the request headers.
(module
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "not today")
  (data (i32.const 32) "deny.wat")
  (global $heap (mut i32) (i32.const 4096))
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))

  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (drop (call $answer (i32.const 403)
      (i32.const 32) (i32.const 8)
      (i32.const 16) (i32.const 9)
      (i32.const 0) (i32.const 0)
      (i32.const -1)))
    (i32.const 1)))
