;; tardy asks for more time at the end of each stream and never calls proxy_done. It logs "log" and
;; "delete" in the callbacks of that name.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "log")
  (data (i32.const 32) "delete")
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_done") (param $id i32) (result i32) (i32.eq (local.get $id) (i32.const 1)))
  (func (export "proxy_on_log") (param $id i32)
    (if (i32.ne (local.get $id) (i32.const 1)) (then (drop (call $log (i32.const 2) (i32.const 16) (i32.const 3))))))
  (func (export "proxy_on_delete") (param $id i32)
    (if (i32.ne (local.get $id) (i32.const 1)) (then (drop (call $log (i32.const 2) (i32.const 32) (i32.const 6)))))))
