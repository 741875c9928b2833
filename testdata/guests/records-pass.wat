;; records-pass asks for the records of streams and lets each pass.
(module
  (import "env" "proxy_set_property" (func $ask (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "sluice\00response_body")
  (data (i32.const 48) "records")
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $ask (i32.const 16) (i32.const 20) (i32.const 48) (i32.const 7)))
    (i32.const 1))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0)))
