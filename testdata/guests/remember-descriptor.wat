;; remember-descriptor traps in a request that finds its standard output closed, and closes it.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)) (then (unreachable)))
    (drop (call $close (i32.const 1)))
    (i32.const 0)))
