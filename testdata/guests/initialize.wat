;; initialize starts by _initialize and main, in this order, and has a _start that must not be
;; called. The global "steps" tells what ran, a decimal digit each: 1 _initialize, 2 main, 9
;; _start.
(module
  (memory (export "memory") 1)
  (global $steps (export "steps") (mut i32) (i32.const 0))
  (func $step (param $digit i32)
    (global.set $steps (i32.add (i32.mul (global.get $steps) (i32.const 10)) (local.get $digit))))
  (global $heap (mut i32) (i32.const 4096))
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))

  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32) (i32.const 0))
  (func (export "steps_taken") (result i32) (global.get $steps))
  (func (export "_initialize") (call $step (i32.const 1)))
  (func (export "main") (param $argc i32) (param $argv i32) (result i32) (call $step (i32.const 2)) (i32.const 0))
  (func (export "_start") (call $step (i32.const 9))))
