;; trap-second traps in the second request that an instance sees.
(module
  (memory (export "memory") 1)
  (global $seen (mut i32) (i32.const 0))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (global.get $seen) (then (unreachable)))
    (global.set $seen (i32.const 1))
    (i32.const 0)))
