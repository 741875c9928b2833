;; remember-size traps in the second request that an instance sees, which it tells by the size of its memory: an instance of it cannot be
;; put back once it has grown.
(module
  (memory (export "memory") 1)
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (i32.ne (memory.size) (i32.const 1)) (then (unreachable)))
    (drop (memory.grow (i32.const 1)))
    (i32.const 0)))
