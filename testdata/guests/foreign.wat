;; foreign calls the foreign function that the request's x-function names with the bytes of x-arguments, and puts what comes of
;; it into the request: x-status (two digits) and, when the status is OK, x-result. A request without x-function passes. When it is
;; configured it calls demo.start, whose result it does not want, and logs what it answers.
(module
  (import "env" "proxy_get_header_map_value"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value"
    (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_call_foreign_function"
    (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 64)
  (data (i32.const 16) "x-function")
  (data (i32.const 32) "x-arguments")
  (data (i32.const 48) "x-status")
  (data (i32.const 64) "x-result")
  (data (i32.const 80) "demo.start")
  (global $heap (mut i32) (i32.const 4096))
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))

  ;; digits writes a status, 0 to 99, to address 128.
  (func $digits (param $status i32)
    (i32.store8 (i32.const 128) (i32.add (i32.const 48) (i32.div_u (local.get $status) (i32.const 10))))
    (i32.store8 (i32.const 129) (i32.add (i32.const 48) (i32.rem_u (local.get $status) (i32.const 10)))))

  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (call $digits (call $call (i32.const 80) (i32.const 10) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $log (i32.const 2) (i32.const 128) (i32.const 2)))
    (i32.const 1))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (local $status i32)
    (global.set $heap (i32.const 4096))
    (if (call $get (i32.const 0) (i32.const 16) (i32.const 10) (i32.const 256) (i32.const 260))
      (then (return (i32.const 0))))
    (i64.store (i32.const 264) (i64.const 0))
    (drop (call $get (i32.const 0) (i32.const 32) (i32.const 11) (i32.const 264) (i32.const 268)))
    (local.set $status (call $call
      (i32.load (i32.const 256)) (i32.load (i32.const 260)) (i32.load (i32.const 264)) (i32.load (i32.const 268))
      (i32.const 272) (i32.const 276)))
    (call $digits (local.get $status))
    (drop (call $add (i32.const 0) (i32.const 48) (i32.const 8) (i32.const 128) (i32.const 2)))
    (if (i32.eqz (local.get $status))
      (then (drop (call $add (i32.const 0)
        (i32.const 64) (i32.const 8) (i32.load (i32.const 272)) (i32.load (i32.const 276))))))
    (i32.const 0)))
