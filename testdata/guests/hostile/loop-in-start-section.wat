;; loop-in-start-section has a start section, which runs while a module is instantiated, before anybody can stop it.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func $start (loop $for_ever (br $for_ever)))
  (start $start))
