;; flood fills what is not its own in the request headers, as its configuration's letter says, and lets the request go:
;; l 2,000 lines of the log; o 2,000 lines printed; m 2,000 metrics; k 2,000 shared keys; v 100 shared values of 60 kB; q 200 queues; i 5,000
;; items of a queue; c 200 calls to the upstream svc; p 2,000 properties of the stream; P of the root; H 40 fields of
;; 60 kB; F 4,000 small fields; t a tick every millisecond in every request.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick_every (param i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $share (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) "x-flood-aaaaaa\n")
  (data (i32.const 96) "svc")
  (data (i32.const 128) "\40\00\00\00\0f\00\00\00") ;; the line above, for fd_write
  (data (i32.const 512)
    "\03\00\00\00" "\07\00\00\00\03\00\00\00" "\05\00\00\00\08\00\00\00" "\0a\00\00\00\03\00\00\00"
    ":method\00GET\00" ":path\00/default\00" ":authority\00svc\00")
  (global $what (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
    (global.set $what (i32.load8_u (i32.const 4096)))
    (memory.fill (i32.const 65536) (i32.const 120) (i32.const 60000))
    (i32.const 1))
  (func (export "proxy_on_tick") (param i32))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32))
  (func $is (param $letter i32) (result i32) (i32.eq (global.get $what) (local.get $letter)))
  (func $another (param $n i32) (local $i i32)
    (loop $digit
      (i32.store8 offset=72 (local.get $i) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15))))
      (local.set $n (i32.shr_u (local.get $n) (i32.const 4)))
      (br_if $digit (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 6)))))
  (func $once
    (if (call $is (i32.const 108)) (then (drop (call $log (i32.const 2) (i32.const 64) (i32.const 14)))))
    (if (call $is (i32.const 111)) (then (drop (call $write (i32.const 1) (i32.const 128) (i32.const 1) (i32.const 256)))))
    (if (call $is (i32.const 109)) (then (drop (call $define (i32.const 0) (i32.const 64) (i32.const 14) (i32.const 0)))))
    (if (call $is (i32.const 107)) (then
      (drop (call $share (i32.const 64) (i32.const 14) (i32.const 64) (i32.const 14) (i32.const 0)))))
    (if (call $is (i32.const 118)) (then
      (drop (call $share (i32.const 64) (i32.const 14) (i32.const 65536) (i32.const 60000) (i32.const 0)))))
    (if (call $is (i32.const 113)) (then (drop (call $register (i32.const 64) (i32.const 14) (i32.const 0)))))
    (if (call $is (i32.const 105)) (then
      (drop (call $register (i32.const 96) (i32.const 3) (i32.const 0)))
      (drop (call $enqueue (i32.load (i32.const 0)) (i32.const 64) (i32.const 14)))))
    (if (call $is (i32.const 99)) (then
      (drop (call $call (i32.const 96) (i32.const 3) (i32.const 512) (i32.const 70) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 5000) (i32.const 12)))))
    (if (i32.or (call $is (i32.const 112)) (call $is (i32.const 80))) (then
      (drop (call $set_property (i32.const 64) (i32.const 14) (i32.const 65536) (i32.const 1000)))))
    (if (call $is (i32.const 72)) (then
      (drop (call $add (i32.const 0) (i32.const 64) (i32.const 14) (i32.const 65536) (i32.const 60000)))))
    (if (call $is (i32.const 70)) (then
      (drop (call $add (i32.const 0) (i32.const 64) (i32.const 14) (i32.const 65536) (i32.const 1)))))
    (if (call $is (i32.const 116)) (then (drop (call $tick_every (i32.const 1))))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $n i32) (local $times i32)
    (local.set $times (i32.const 2000))
    (if (call $is (i32.const 118)) (then (local.set $times (i32.const 100))))
    (if (i32.or (call $is (i32.const 113)) (call $is (i32.const 99))) (then (local.set $times (i32.const 200))))
    (if (call $is (i32.const 105)) (then (local.set $times (i32.const 5000))))
    (if (call $is (i32.const 72)) (then (local.set $times (i32.const 40))))
    (if (call $is (i32.const 70)) (then (local.set $times (i32.const 4000))))
    (if (i32.or (call $is (i32.const 80)) (call $is (i32.const 116))) (then (drop (call $effective (i32.const 1)))))
    (loop $again
      (call $another (local.get $n))
      (call $once)
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $times))))
    (i32.const 0)))
