;; version marks each response in three places with the version of the module that was at work: x-request-version was remembered in the
;; request headers, x-response-version is written in the response headers, and the body's end is appended to. A response whose marks differ
;; was served by two versions. A request with x-deny is answered 403. Tests make other versions by exchanging the bytes of "version-A".
(module
  (import "env" "proxy_get_header_map_value"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value"
    (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property"
    (func $remember (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property"
    (func $recall (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes"
    (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "version-A")
  (data (i32.const 32) "x-deny")
  (data (i32.const 48) "x-request-version")
  (data (i32.const 80) "x-response-version")
  (data (i32.const 112) "e2e.version")

  ;; What the host hands over is read at once and never kept, so one place serves for everything; 60 KiB is more than any header here has.
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))

  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (if (i32.eqz (call $get (i32.const 0) (i32.const 32) (i32.const 6) (i32.const 0) (i32.const 4)))
      (then
        (drop (call $answer (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 9) (i32.const 0) (i32.const 0) (i32.const -1)))
        (return (i32.const 1))))
    (if (call $remember (i32.const 112) (i32.const 11) (i32.const 16) (i32.const 9)) (then (unreachable)))
    (i32.const 0))

  (func (export "proxy_on_response_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (if (i32.eqz (call $recall (i32.const 112) (i32.const 11) (i32.const 0) (i32.const 4)))
      (then (drop (call $add (i32.const 2) (i32.const 48) (i32.const 17) (i32.load (i32.const 0)) (i32.load (i32.const 4))))))
    (drop (call $add (i32.const 2) (i32.const 80) (i32.const 18) (i32.const 16) (i32.const 9)))
    (i32.const 0))

  (func (export "proxy_on_response_body") (param $id i32) (param $size i32) (param $eos i32) (result i32)
    (if (local.get $eos)
      (then (drop (call $set (i32.const 1) (i32.const 0x7fffffff) (i32.const 0) (i32.const 16) (i32.const 9)))))
    (i32.const 0)))
