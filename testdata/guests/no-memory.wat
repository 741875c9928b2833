;; no-memory counts for ever when it is configured, and has no memory: nothing could interrupt it. It is refused.
(module
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 0))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (local $x f64)
    (loop $on
      (local.set $x (f64.sqrt (f64.add (local.get $x) (f64.const 1))))
      (br $on))
    (unreachable)))
