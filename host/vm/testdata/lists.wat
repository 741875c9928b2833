;; lists hands lists of any length to the functions of WASI that take one. Each list is at 4096: with memory as it is at the
;; start, buffers of no bytes and subscriptions to a clock that has rung.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_unstable" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 32)
  (func (export "fd_read") (param $n i32) (result i32)
    (call $read (i32.const 0) (i32.const 4096) (local.get $n) (i32.const 8)))
  (func (export "fd_pread") (param $n i32) (result i32)
    (call $pread (i32.const 0) (i32.const 4096) (local.get $n) (i64.const 0) (i32.const 8)))
  (func (export "fd_write") (param $n i32) (result i32)
    (call $write (i32.const 1) (i32.const 4096) (local.get $n) (i32.const 8)))
  (func (export "fd_pwrite") (param $n i32) (result i32)
    (call $pwrite (i32.const 1) (i32.const 4096) (local.get $n) (i64.const 0) (i32.const 8)))
  (func (export "poll_oneoff") (param $n i32) (result i32)
    (call $poll (i32.const 4096) (i32.const 1048576) (local.get $n) (i32.const 8))))
