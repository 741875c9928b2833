;; remember-table traps in the second request that an instance sees, which it tells by its table: an instance of it cannot be put back.
(module
  (memory (export "memory") 1)
  (table $t 1 funcref)
  (elem declare func $f)
  (func $f)
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (i32.eqz (ref.is_null (table.get $t (i32.const 0)))) (then (unreachable)))
    (table.set $t (i32.const 0) (ref.func $f))
    (i32.const 0)))
