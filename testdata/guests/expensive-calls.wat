;; expensive-calls makes a thousand host calls with 30 MB each in one callback.
(module
  (import "env" "proxy_set_header_map_pairs" (func $set (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $prop (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 512)
  (data (i32.const 16) "p")
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  ;; copies 30 MiB in the host, a thousand times
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $n i32)
    (loop $l
      (drop (call $prop (i32.const 16) (i32.const 1) (i32.const 65536) (i32.const 30000000)))
      (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
    (i32.const 0)))
