;; records asks for the records of streams, says of each "KIND/STREAM/END:bytes" in the log (END is 1 in the call that
;; ends the stream), and does what the record's first letter says; of a JSON object that of its first key:
;; D drops it, R replaces it, A appends "!", P holds it until the next tick, H holds it for good, X denies with the
;; reason "secret", T traps. Everything else passes.
(module
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $ask (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $read (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $write (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 64)
  (data (i32.const 16) "sluice\00response_body")
  (data (i32.const 48) "records")
  (data (i32.const 64) "docker\00record")
  (data (i32.const 80) "docker\00stream")
  (data (i32.const 96) "replaced")
  (data (i32.const 112) "{\"replaced\":1}")
  (data (i32.const 128) "!")
  (data (i32.const 144) "secret")
  (global $heap (mut i32) (i32.const 65536))
  (global $line (mut i32) (i32.const 0))  ;; end of the line at 2048
  (global $held (mut i32) (i32.const 0))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $ask (i32.const 16) (i32.const 20) (i32.const 48) (i32.const 7)))
    (drop (call $tick (i32.const 20)))
    (i32.const 1))

  ;; say appends bytes to the line, as far as there is room.
  (func $say (param $at i32) (param $size i32)
    (block $done
      (loop $next
        (br_if $done (i32.or (i32.eqz (local.get $size)) (i32.gt_u (global.get $line) (i32.const 60000))))
        (i32.store8 (global.get $line) (i32.load8_u (local.get $at)))
        (global.set $line (i32.add (global.get $line) (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $size (i32.sub (local.get $size) (i32.const 1)))
        (br $next))))
  (func $letter (param $c i32)
    (i32.store8 (i32.const 256) (local.get $c))
    (call $say (i32.const 256) (i32.const 1)))
  (func $sayProperty (param $path i32) (param $size i32)
    (if (i32.eqz (call $property (local.get $path) (local.get $size) (i32.const 0) (i32.const 4)))
      (then (call $say (i32.load (i32.const 0)) (i32.load (i32.const 4)))))
    (call $letter (i32.const 47)))

  (func (export "proxy_on_response_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
    (local $first i32) (local $object i32)
    (global.set $heap (i32.const 65536))
    (global.set $line (i32.const 2048))
    (call $sayProperty (i32.const 64) (i32.const 13))
    (call $sayProperty (i32.const 80) (i32.const 13))
    (call $letter (i32.add (i32.const 48) (local.get $end)))
    (call $letter (i32.const 58))
    (if (local.get $size)
      (then
        (drop (call $read (i32.const 1) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4)))
        (call $say (i32.load (i32.const 0)) (i32.load (i32.const 4)))
        (local.set $first (i32.load8_u (i32.load (i32.const 0))))
        (if (i32.eq (local.get $first) (i32.const 123)) ;; {
          (then
            (local.set $object (i32.const 1))
            (local.set $first (i32.load8_u (i32.add (i32.load (i32.const 0)) (i32.const 2))))))))
    (drop (call $log (i32.const 2) (i32.const 2048) (i32.sub (global.get $line) (i32.const 2048))))
    (if (i32.eq (local.get $first) (i32.const 68)) ;; D
      (then (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0x7fffffff) (i32.const 0) (i32.const 0)))))
    (if (i32.eq (local.get $first) (i32.const 82)) ;; R
      (then
        (if (local.get $object)
          (then (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0x7fffffff) (i32.const 112) (i32.const 14))))
          (else (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0x7fffffff) (i32.const 96) (i32.const 8)))))))
    (if (i32.eq (local.get $first) (i32.const 65)) ;; A
      (then (drop (call $write (i32.const 1) (i32.const 0x7fffffff) (i32.const 0) (i32.const 128) (i32.const 1)))))
    (if (i32.eq (local.get $first) (i32.const 88)) ;; X
      (then
        (drop (call $answer (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 144) (i32.const 6) (i32.const 0) (i32.const 0) (i32.const -1)))
        (return (i32.const 1))))
    (if (i32.eq (local.get $first) (i32.const 84)) ;; T
      (then (unreachable)))
    (if (i32.eq (local.get $first) (i32.const 80)) ;; P
      (then (global.set $held (local.get $id)) (return (i32.const 1))))
    (i32.eq (local.get $first) (i32.const 72))) ;; H

  (func (export "proxy_on_tick") (param i32)
    (if (global.get $held)
      (then
        (drop (call $effective (global.get $held)))
        (drop (call $continue (i32.const 1)))
        (global.set $held (i32.const 0))))))
