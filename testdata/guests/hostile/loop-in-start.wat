;; loop-in-start never comes back from _start: its filter must not come up, nor stop the gateway that tries.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "_start") (loop $for_ever (br $for_ever))))
