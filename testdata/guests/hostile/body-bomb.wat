;; body-bomb makes the request's body longer and longer, 60 kB at a time, until it is not let, and lets it go.
(module
  (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $again
      (br_if $again (i32.eqz (call $set (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 65536) (i32.const 60000)))))
    (i32.const 0)))
