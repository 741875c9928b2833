;; wrong-arity exports its callback for the request body with four parameters.
(module
  (memory (export "memory") 1)
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_body") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
