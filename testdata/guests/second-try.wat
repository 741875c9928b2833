;; second-try refuses its configuration the first time that a filter of its vm_id is started, and takes it from then on: it finds what it
;; has left in their shared data.
(module
  (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "tried")
  (data (i32.const 32) "not yet")
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))

  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (if (i32.eqz (call $get (i32.const 16) (i32.const 5) (i32.const 64) (i32.const 68) (i32.const 72)))
      (then (return (i32.const 1))))
    (drop (call $set (i32.const 16) (i32.const 5) (i32.const 16) (i32.const 5) (i32.const 0)))
    (drop (call $log (i32.const 3) (i32.const 32) (i32.const 7)))
    (i32.const 0))
  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32) (i32.const 0)))
