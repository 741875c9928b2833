;; slow-tick asks for a tick every millisecond, and goes round a loop two million times in each, which takes longer.
(module
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (i32.eqz (call $tick (i32.const 1))))
  (func (export "proxy_on_tick") (param i32)
    (local $times i32)
    (local.set $times (i32.const 2000000))
    (loop $again
      (local.set $times (i32.sub (local.get $times) (i32.const 1)))
      (br_if $again (local.get $times)))))
