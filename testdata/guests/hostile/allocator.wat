;; allocator has an allocator that does not do what it should while the request's fields are handed over, as its
;; configuration's letter says: 0 has nothing; o gives what lies outside of the memory; e what begins inside and ends
;; outside; s always the same, where the name of the property lies that is being asked for; m an odd address; n each time
;; another, a new page each; h calls the host, which must not serve it; z is asked for nothing and gives nothing.
;; What it got is compared with what it should have got.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "plugin_name")
  (global $what (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func $is (param $letter i32) (result i32) (i32.eq (global.get $what) (local.get $letter)))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (if (i32.eqz (local.get $size)) (then (unreachable))) ;; nobody asks for nothing
    (if (call $is (i32.const 48)) (then (return (i32.const 0))))
    (if (call $is (i32.const 111)) (then (return (i32.const 0x7fff0000))))
    (if (call $is (i32.const 101)) (then (return (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))))
    (if (call $is (i32.const 115)) (then (return (i32.const 64))))
    (if (call $is (i32.const 109)) (then (return (i32.const 4099))))
    (if (call $is (i32.const 110)) (then (return (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))))
    (if (call $is (i32.const 104)) (then
      (if (i32.eqz (call $property (i32.const 64) (i32.const 11) (i32.const 8) (i32.const 12))) (then (unreachable)))
      (if (i32.eqz (call $answer (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))
        (then (unreachable)))))
    (i32.const 8192))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
    (global.set $what (i32.load8_u (i32.const 8192)))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $n i32) (local $status i32)
    (loop $again
      (i32.store (i32.const 0) (i32.const 0))
      (local.set $status (call $pairs (i32.const 0) (i32.const 0) (i32.const 4)))
      (if (i32.or (call $is (i32.const 48)) (i32.or (call $is (i32.const 111)) (call $is (i32.const 101))))
        ;; INVALID_MEMORY_ACCESS, and nothing was written
        (then
          (if (i32.ne (local.get $status) (i32.const 6)) (then (unreachable)))
          (if (i32.load (i32.const 0)) (then (unreachable))))
        (else (if (local.get $status) (then (unreachable)))))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 50))))
    (i32.store offset=0 (i32.const 64) (i32.const 0x67756c70)) ;; "plug", in case it was overwritten
    (i32.store offset=4 (i32.const 64) (i32.const 0x6e5f6e69)) ;; "in_n"
    (i32.store offset=8 (i32.const 64) (i32.const 0x00656d61)) ;; "ame"
    (local.set $status (call $property (i32.const 64) (i32.const 11) (i32.const 0) (i32.const 4)))
    (i32.const 0)))
