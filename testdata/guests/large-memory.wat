;; large-memory has 32 MiB from the start, and writes to the first and the last of it in each request; fill fills it.
(module
  (memory (export "memory") 512)
  (global $heap (mut i32) (i32.const 4096))
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))
  (func $fill (export "fill") (memory.fill (i32.const 0) (i32.const 7) (i32.const 33554432)))

  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (if (i32.or (i32.load (i32.const 8)) (i32.load (i32.const 33554424))) (then (unreachable)))
    (i32.store (i32.const 8) (i32.const 1))
    (i32.store (i32.const 33554424) (i32.const 1))
    (i32.const 0)))
