;; storm makes one host call for ever in the request headers, the one that its configuration's letter names:
;; n the log's level, c the clock, e the effective context, h a field, p all fields, P a property, r a replaced field of
;; 60 kB, d a new metric of another name each time, s shared data of 60 kB, l a line of the log of 60 kB, f a foreign
;; function, R another question to the engine each time, j a question that is none, w a wait of a second, q a random number,
;; z a word to compress, y the objects that a request's body names, when it is called with that.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_log_level" (func $level (param i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $share (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) ":method")
  (data (i32.const 80) "plugin_name")
  (data (i32.const 96) "sluice.resolve")
  (data (i32.const 128) "{\"kind\":\"container\",\"ref\":\"c000000\"}")
  (data (i32.const 192) "no such function")
  (data (i32.const 224) "compress")
  (data (i32.const 240) "docker\00references")
  (global $what (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
    (global.set $what (i32.load8_u (i32.const 4096)))
    (i32.const 1))
  (func $is (param $letter i32) (result i32) (i32.eq (global.get $what) (local.get $letter)))
  ;; another writes the number n in six letters at an address.
  (func $another (param $at i32) (param $n i32) (local $i i32)
    (loop $digit
      (i32.store8 (i32.add (local.get $at) (local.get $i)) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15))))
      (local.set $n (i32.shr_u (local.get $n) (i32.const 4)))
      (br_if $digit (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 6)))))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (loop $again
      (if (call $is (i32.const 121)) (then
        (drop (call $property (i32.const 240) (i32.const 17) (i32.const 0) (i32.const 4)))
        (br $again))))
    (i32.const 0))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $n i32)
    (if (call $is (i32.const 121)) (then (return (i32.const 0))))
    (loop $again
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (if (call $is (i32.const 110)) (then (drop (call $level (i32.const 0)))))
      (if (call $is (i32.const 99)) (then (drop (call $now (i32.const 0)))))
      (if (call $is (i32.const 101)) (then (drop (call $effective (local.get $n)))))
      (if (call $is (i32.const 104)) (then (drop (call $get (i32.const 0) (i32.const 64) (i32.const 7) (i32.const 0) (i32.const 4)))))
      (if (call $is (i32.const 112)) (then (drop (call $pairs (i32.const 0) (i32.const 0) (i32.const 4)))))
      (if (call $is (i32.const 80)) (then (drop (call $property (i32.const 80) (i32.const 11) (i32.const 0) (i32.const 4)))))
      (if (call $is (i32.const 114)) (then (drop (call $replace (i32.const 0) (i32.const 80) (i32.const 6) (i32.const 65536) (i32.const 60000)))))
      (if (call $is (i32.const 100)) (then
        (call $another (i32.const 86) (local.get $n))
        (drop (call $define (i32.const 0) (i32.const 80) (i32.const 12) (i32.const 0)))))
      (if (call $is (i32.const 115)) (then
        (call $another (i32.const 86) (local.get $n))
        (drop (call $share (i32.const 80) (i32.const 12) (i32.const 65536) (i32.const 60000) (i32.const 0)))))
      (if (call $is (i32.const 108)) (then (drop (call $log (i32.const 2) (i32.const 65536) (i32.const 60000)))))
      (if (call $is (i32.const 102)) (then
        (drop (call $foreign (i32.const 192) (i32.const 16) (i32.const 65536) (i32.const 60000) (i32.const 0) (i32.const 4)))))
      (if (call $is (i32.const 82)) (then
        (call $another (i32.const 156) (local.get $n))
        (drop (call $foreign (i32.const 96) (i32.const 14) (i32.const 128) (i32.const 36) (i32.const 0) (i32.const 4)))))
      (if (call $is (i32.const 106)) (then
        (drop (call $foreign (i32.const 96) (i32.const 14) (i32.const 128) (i32.const 30) (i32.const 0) (i32.const 4)))))
      (if (call $is (i32.const 119)) (then
        (memory.fill (i32.const 1024) (i32.const 0) (i32.const 48))
        (i32.store (i32.const 1040) (i32.const 1))
        (i64.store (i32.const 1048) (i64.const 1000000000))
        (drop (call $poll (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 8)))))
      (if (call $is (i32.const 122)) (then
        (drop (call $foreign (i32.const 224) (i32.const 8) (i32.const 64) (i32.const 7) (i32.const 0) (i32.const 4)))))
      (if (call $is (i32.const 113)) (then (drop (call $random (i32.const 65536) (i32.const 60000)))))
      (br $again))
    (i32.const 0)))
