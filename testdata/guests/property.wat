;; property answers a request that has the header x-property, instead of the engine: with the value of the property of that
;; name, whose parts points stand between, with 404 if there is none, or with 500 if it could not be found out. Before that it
;; tries to set the property that x-set names to "forged".
(module
  (import "env" "proxy_get_header_map_value"
    (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property"
    (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property"
    (func $set (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "x-property")
  (data (i32.const 32) "x-set")
  (data (i32.const 48) "forged")
  (global $heap (mut i32) (i32.const 4096))
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))

  ;; split puts zeros in the place of points.
  (func $split (param $at i32) (param $size i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $size)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 46))
          (then (i32.store8 (local.get $at) (i32.const 0))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next))))

  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (local $status i32)
    (global.set $heap (i32.const 4096)) ;; nothing of the last request is needed any more
    ;; What a call returns is put at 64 and 68: where it is, and its size.
    (if (i32.eqz (call $header (i32.const 0) (i32.const 32) (i32.const 5) (i32.const 64) (i32.const 68)))
      (then
        (call $split (i32.load (i32.const 64)) (i32.load (i32.const 68)))
        (drop (call $set (i32.load (i32.const 64)) (i32.load (i32.const 68)) (i32.const 48) (i32.const 6)))))
    (if (call $header (i32.const 0) (i32.const 16) (i32.const 10) (i32.const 64) (i32.const 68))
      (then (return (i32.const 0))))
    (call $split (i32.load (i32.const 64)) (i32.load (i32.const 68)))
    (local.set $status
      (call $property (i32.load (i32.const 64)) (i32.load (i32.const 68)) (i32.const 72) (i32.const 76)))
    (if (i32.eqz (local.get $status))
      (then
        (drop (call $respond (i32.const 200) (i32.const 0) (i32.const 0)
          (i32.load (i32.const 72)) (i32.load (i32.const 76)) (i32.const 0) (i32.const 0) (i32.const -1))))
      (else
        (drop (call $respond
          (select (i32.const 404) (i32.const 500) (i32.eq (local.get $status) (i32.const 1)))
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))))
    (i32.const 1)))
