;; grow takes memory in the request headers, as its configuration's letter says: p page by page until there is no more,
;; and then does what programs do that have run out of memory; k the same, and then goes on, with all that memory; a all
;; that there could be at once; w page by page, and writes to each, so that it is really there.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $what (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
    (global.set $what (i32.load8_u (i32.const 4096)))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $page i32)
    (if (i32.eq (global.get $what) (i32.const 97)) (then
      (if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then (unreachable)))
      (return (i32.const 0))))
    (block $full (loop $more
      (br_if $full (i32.eq (local.tee $page (memory.grow (i32.const 1))) (i32.const -1)))
      (if (i32.eq (global.get $what) (i32.const 119)) (then
        (memory.fill (i32.mul (local.get $page) (i32.const 65536)) (i32.const 1) (i32.const 65536))))
      (br $more)))
    (if (i32.eq (global.get $what) (i32.const 107)) (then (return (i32.const 0))))
    (unreachable)))
