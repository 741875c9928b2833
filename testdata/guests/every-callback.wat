;; every-callback exports the callbacks of HTTP and those of connections, as SDKs do, and traps in the latter.
(module
  (memory (export "memory") 1)
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_new_connection") (param i32) (result i32) (unreachable))
  (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (unreachable))
  (func (export "proxy_on_upstream_data") (param i32 i32 i32) (result i32) (unreachable))
  (func (export "proxy_on_downstream_connection_close") (param i32 i32) (unreachable))
  (func (export "proxy_on_upstream_connection_close") (param i32 i32) (unreachable)))
