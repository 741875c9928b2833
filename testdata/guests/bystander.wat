;; bystander puts "h" and how many heads its instance has been called with, in one digit, in the place of every request's body, for
;; whose end it waits. What a request's x-do begins with is done with its head: t (traps), c (adds x-changed).
(module
  (import "env" "proxy_get_header_map_value"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value"
    (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes"
    (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "x-do")
  (data (i32.const 32) "x-changed")
  (data (i32.const 48) "h")
  (global $heads (mut i32) (i32.const 0))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (local $do i32)
    (global.set $heads (i32.add (global.get $heads) (i32.const 1)))
    (if (call $get (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 0) (i32.const 4))
      (then (return (i32.const 0))))
    (local.set $do (i32.load8_u (i32.load (i32.const 0))))
    (if (i32.eq (local.get $do) (i32.const 116)) (then (unreachable)))          ;; t
    (if (i32.eq (local.get $do) (i32.const 99))                                 ;; c
      (then (drop (call $add (i32.const 0) (i32.const 32) (i32.const 9) (i32.const 48) (i32.const 1)))))
    (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32) (param $eos i32) (result i32)
    (if (i32.eqz (local.get $eos)) (then (return (i32.const 1))))
    (i32.store8 (i32.const 49) (i32.add (global.get $heads) (i32.const 48)))
    (drop (call $set (i32.const 0) (i32.const 0) (i32.const 0x7fffffff) (i32.const 48) (i32.const 2)))
    (i32.const 0)))
