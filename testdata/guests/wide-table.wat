;; wide-table has one page of memory, and a table of 131,072 elements, which are the host's memory.
(module
  (memory (export "memory") 1)
  (table 131072 funcref)
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))
