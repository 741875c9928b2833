;; ugly-names imports and exports what clears the terminal of whoever prints it as it is.
(module
  (import "env" "\1b[2Jproxy_log" (func (param i32)))
  (memory (export "memory\0a") 1)
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1\07")))
