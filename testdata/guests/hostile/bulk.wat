;; bulk works on much memory with few instructions in the request headers, again and again, as its configuration's letter
;; says: f memory.fill, c memory.copy, i memory.init, s a straight line of fills that calls itself, t table.fill,
;; T table.copy, I table.init, g table.grow, m memory.grow by nothing, r ref.func, which makes something of the
;; host's memory in some engines.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 48)
  (table $t 10000 funcref)
  (elem $e func $nothing $nothing $nothing $nothing $nothing $nothing $nothing $nothing)
  (data $d "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
  (global $what (mut i32) (i32.const 0))
  (func $nothing)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
    (global.set $what (i32.load8_u (i32.const 4096)))
    (i32.const 1))
  (func $fill (memory.fill (i32.const 65536) (i32.const 7) (i32.const 3000000)))
  (func $line (call $fill) (call $fill) (call $fill) (call $fill) (call $fill) (call $fill) (call $fill) (call $fill))
  (func $lines (call $line) (call $line) (call $line) (call $line) (call $line) (call $line) (call $line) (call $line))
  (func $pages (call $lines) (call $lines) (call $lines) (call $lines) (call $lines) (call $lines) (call $lines))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (i32.eq (global.get $what) (i32.const 115)) (then (call $pages) (return (i32.const 0))))
    (loop $again
      (if (i32.eq (global.get $what) (i32.const 102)) (then (call $fill)))
      (if (i32.eq (global.get $what) (i32.const 99)) (then
        (memory.copy (i32.const 65536) (i32.const 65544) (i32.const 3000000))))
      (if (i32.eq (global.get $what) (i32.const 105)) (then
        (memory.init $d (i32.const 65536) (i32.const 0) (i32.const 64))))
      (if (i32.eq (global.get $what) (i32.const 116)) (then
        (table.fill $t (i32.const 0) (ref.func $nothing) (i32.const 10000))))
      (if (i32.eq (global.get $what) (i32.const 84)) (then
        (table.copy (i32.const 0) (i32.const 1) (i32.const 9999))))
      (if (i32.eq (global.get $what) (i32.const 73)) (then
        (table.init $e (i32.const 0) (i32.const 0) (i32.const 8))))
      (if (i32.eq (global.get $what) (i32.const 103)) (then
        (drop (table.grow $t (ref.null func) (i32.const 1000)))))
      (if (i32.eq (global.get $what) (i32.const 109)) (then
        (drop (memory.grow (i32.const 0)))))
      (if (i32.eq (global.get $what) (i32.const 114)) (then
        (drop (ref.func $nothing)) (drop (ref.func $nothing)) (drop (ref.func $nothing))))
      (br $again))
    (i32.const 0)))
