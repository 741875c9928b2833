;; rewrite-hold-trap makes of each request body one that can be read in two ways, and holds it; at the trailers it
;; replaces that once more, and traps.
(module
  (import "env" "proxy_set_buffer_bytes" (func $splice (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{\"HostConfig\":{\"Privileged\":false},\"hostconfig\":{\"Privileged\":true}}")
  (data (i32.const 128) "{}")
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $splice (i32.const 0) (i32.const 0) (i32.const 2147483647) (i32.const 16) (i32.const 68)))
    (i32.const 1))
  (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
    (drop (call $splice (i32.const 0) (i32.const 0) (i32.const 2147483647) (i32.const 128) (i32.const 2)))
    (unreachable)))
