;; remember traps in a request when anything is left of an earlier one: in memory, low and at its very end, in its globals, or in its
;; root context's tick. It has no state but these, so that a host can put it back.
(module
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "kept")
  (data (i32.const 32) "configured")
  (global $word (mut i32) (i32.const 7))
  (global $long (mut i64) (i64.const -1))
  (global $real (mut f64) (f64.const 0.5))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    ;; What the start leaves is what every request is to find.
    (i32.store (i32.const 64) (i32.const 42))
    (global.set $word (i32.const 8))
    (drop (call $set_property (i32.const 32) (i32.const 10) (i32.const 16) (i32.const 4)))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $effective (i32.const 1)))
    (if (i32.or
          (i32.or
            (i32.or (i32.load (i32.const 1000)) (i32.load (i32.const 131068)))
            (i32.ne (i32.load (i32.const 64)) (i32.const 42)))
          (i32.or
            (i32.or (i32.ne (global.get $word) (i32.const 8)) (i64.ne (global.get $long) (i64.const -1)))
            (i32.or
              (f64.ne (global.get $real) (f64.const 0.5))
              (i32.or
                (i32.eqz (call $get_property (i32.const 16) (i32.const 4) (i32.const 2000) (i32.const 2004)))
                (call $get_property (i32.const 32) (i32.const 10) (i32.const 2000) (i32.const 2004))))))
      (then (unreachable)))
    (i32.store (i32.const 1000) (i32.const 1))
    (i32.store (i32.const 131068) (i32.const 1))
    (i32.store (i32.const 64) (i32.const 1))
    (global.set $word (i32.const 1))
    (global.set $long (i64.const 1))
    (global.set $real (f64.const 1))
    (drop (call $set_property (i32.const 16) (i32.const 4) (i32.const 16) (i32.const 4)))
    (i32.const 0)))
