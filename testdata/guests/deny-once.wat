;; deny-once answers 403 with the body "not today" in its first call with a request's body, and believes that this was that: it lets
;; all that comes later pass.
(module
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "not today")
  (global $heap (mut i32) (i32.const 4096))
  (global $denied (mut i32) (i32.const 0))
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))

  (func (export "proxy_on_request_body") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (if (i32.eq (global.get $denied) (local.get $id)) (then (return (i32.const 0))))
    (global.set $denied (local.get $id))
    (drop (call $answer (i32.const 403) (i32.const 0) (i32.const 0)
      (i32.const 16) (i32.const 9)
      (i32.const 0) (i32.const 0)
      (i32.const -1)))
    (i32.const 1)))
