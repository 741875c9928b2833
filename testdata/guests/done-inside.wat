;; done-inside calls proxy_done twice inside of proxy_on_done, which then answers false. It logs "done" where
;; the first call answers OK, "again" where the second answers NOT_FOUND, and "log" and "delete" in
;; the callbacks of that name.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_done" (func $done (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "log")
  (data (i32.const 32) "delete")
  (data (i32.const 48) "done")
  (data (i32.const 64) "again")
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_done") (param $id i32) (result i32)
    (if (i32.eqz (call $done))
      (then (drop (call $log (i32.const 2) (i32.const 48) (i32.const 4)))))
    (if (i32.eq (call $done) (i32.const 1))
      (then (drop (call $log (i32.const 2) (i32.const 64) (i32.const 5)))))
    (i32.const 0))
  (func (export "proxy_on_log") (param i32) (drop (call $log (i32.const 2) (i32.const 16) (i32.const 3))))
  (func (export "proxy_on_delete") (param i32) (drop (call $log (i32.const 2) (i32.const 32) (i32.const 6)))))
