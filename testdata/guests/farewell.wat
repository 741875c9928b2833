;; farewell goes round a loop a million times in each of proxy_on_done, proxy_on_log and proxy_on_delete.
(module
  (memory (export "memory") 1)
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func $burn
    (local $left i32)
    (local.set $left (i32.const 1000000))
    (loop $again
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_done") (param i32) (result i32) (call $burn) (i32.const 1))
  (func (export "proxy_on_log") (param i32) (call $burn))
  (func (export "proxy_on_delete") (param i32) (call $burn)))
