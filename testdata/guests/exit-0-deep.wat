;; exit-0-deep ends _start with proc_exit(0) from inside of a recursion that takes more than half of the stack that a
;; guest may use, and recurs as deep in a callback.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) (i32.const 0))

  (func $deep (param $n i32) (param $leave i32) (result i32)
    (if (i32.eqz (local.get $n)) (then
      (if (local.get $leave) (then (call $exit (i32.const 0))))
      (return (i32.const 0))))
    (i32.mul (i32.const 3) (call $deep (i32.sub (local.get $n) (i32.const 1)) (local.get $leave))))
  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (call $deep (i32.const 7000) (i32.const 0)))
  (func (export "_start") (drop (call $deep (i32.const 7000) (i32.const 1)))))
