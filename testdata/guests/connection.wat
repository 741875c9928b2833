;; connection takes part in connections that have left HTTP. It logs every callback: "new", "down:DATA" and "up:DATA",
;; "down.:DATA" and "up.:DATA" at the end of a direction, "downstream closed N" and "upstream closed N"; and it does what the first
;; letter of what it is shown says: of the request's field x-connection, or of the data, in upper case for the engine's.
;; d denies with the reason "no such input", c closes the stream, t traps, h holds for good, p holds until the next tick,
;; k lets it pass and closes the stream at the next tick, r replaces the data by "replaced". Everything else passes. With the field x-skip it asks to be spared what the client says.
(module
  (import "env" "proxy_get_header_map_value" (func $field (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $read (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $write (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $ask (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 64)
  (data (i32.const 16) "x-connection")
  (data (i32.const 32) "no such input")
  (data (i32.const 48) "replaced")
  (data (i32.const 64) "new")
  (data (i32.const 80) "down:")
  (data (i32.const 96) "down.:")
  (data (i32.const 112) "up:")
  (data (i32.const 128) "up.:")
  (data (i32.const 144) "downstream closed ?")
  (data (i32.const 176) "upstream closed ?")
  (data (i32.const 208) "sluice\00downstream_data")
  (data (i32.const 240) "skip")
  (data (i32.const 256) "x-skip")
  (global $heap (mut i32) (i32.const 65536))
  (global $held (mut i32) (i32.const 0))
  (global $way (mut i32) (i32.const 0))
  (global $kill (mut i32) (i32.const 0))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $tick (i32.const 20)))
    (i32.const 1))

  ;; act does what a letter says.
  (func $act (param $letter i32) (param $id i32) (param $way i32) (result i32)
    (if (i32.eq (local.get $letter) (i32.const 116)) (then (unreachable)))
    (if (i32.eq (local.get $letter) (i32.const 100)) (then
      (drop (call $answer (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 13) (i32.const 0) (i32.const 0) (i32.const -1)))
      (return (i32.const 1))))
    (if (i32.eq (local.get $letter) (i32.const 99)) (then
      (drop (call $close (local.get $way)))
      (return (i32.const 1))))
    (if (i32.eq (local.get $letter) (i32.const 104)) (then (return (i32.const 1))))
    (if (i32.eq (local.get $letter) (i32.const 112)) (then
      (global.set $held (local.get $id))
      (global.set $way (local.get $way))
      (return (i32.const 1))))
    (if (i32.eq (local.get $letter) (i32.const 107)) (then
      (global.set $held (local.get $id))
      (global.set $way (local.get $way))
      (global.set $kill (i32.const 1))))
    (if (i32.eq (local.get $letter) (i32.const 114)) (then
      (drop (call $write (local.get $way) (i32.const 0) (i32.const 2147483647) (i32.const 48) (i32.const 8)))))
    (i32.const 0))

  ;; show logs a text with the data behind it, and gives its first letter.
  (func $show (param $text i32) (param $length i32) (param $buffer i32) (result i32)
    (local $size i32) (local $letter i32)
    (global.set $heap (i32.const 65536))
    (memory.copy (i32.const 2048) (local.get $text) (local.get $length))
    (i32.store (i32.const 4) (i32.const 0))
    (if (i32.eqz (call $read (local.get $buffer) (i32.const 0) (i32.const 2147483647) (i32.const 0) (i32.const 4))) (then
      (local.set $size (i32.load (i32.const 4)))
      (if (local.get $size) (then
        (local.set $letter (i32.load8_u (i32.load (i32.const 0))))
        (memory.copy (i32.add (i32.const 2048) (local.get $length)) (i32.load (i32.const 0)) (local.get $size))))))
    (drop (call $log (i32.const 2) (i32.const 2048) (i32.add (local.get $length) (local.get $size))))
    (local.get $letter))

  (func (export "proxy_on_new_connection") (param $id i32) (result i32)
    (drop (call $log (i32.const 2) (i32.const 64) (i32.const 3)))
    (if (i32.eqz (call $field (i32.const 0) (i32.const 256) (i32.const 6) (i32.const 0) (i32.const 4))) (then
      (drop (call $ask (i32.const 208) (i32.const 22) (i32.const 240) (i32.const 4)))))
    (if (call $field (i32.const 0) (i32.const 16) (i32.const 12) (i32.const 0) (i32.const 4)) (then (return (i32.const 0))))
    (call $act (i32.load8_u (i32.load (i32.const 0))) (local.get $id) (i32.const 2)))
  (func (export "proxy_on_downstream_data") (param $id i32) (param $size i32) (param $end i32) (result i32)
    (call $act
      (call $show
        (select (i32.const 96) (i32.const 80) (local.get $end)) (select (i32.const 6) (i32.const 5) (local.get $end)) (i32.const 2))
      (local.get $id) (i32.const 2)))
  (func (export "proxy_on_upstream_data") (param $id i32) (param $size i32) (param $end i32) (result i32)
    (local $letter i32)
    (local.set $letter
      (call $show
        (select (i32.const 128) (i32.const 112) (local.get $end)) (select (i32.const 4) (i32.const 3) (local.get $end)) (i32.const 3)))
    (if (i32.or (i32.lt_u (local.get $letter) (i32.const 65)) (i32.gt_u (local.get $letter) (i32.const 90))) (then (return (i32.const 0))))
    (call $act (i32.add (local.get $letter) (i32.const 32)) (local.get $id) (i32.const 3)))
  (func (export "proxy_on_downstream_connection_close") (param $id i32) (param $peer i32)
    (i32.store8 (i32.const 162) (i32.add (local.get $peer) (i32.const 48)))
    (drop (call $log (i32.const 2) (i32.const 144) (i32.const 19))))
  (func (export "proxy_on_upstream_connection_close") (param $id i32) (param $peer i32)
    (i32.store8 (i32.const 192) (i32.add (local.get $peer) (i32.const 48)))
    (drop (call $log (i32.const 2) (i32.const 176) (i32.const 17))))
  (func (export "proxy_on_tick") (param i32)
    (if (i32.eqz (global.get $held)) (then (return)))
    (drop (call $effective (global.get $held)))
    (if (global.get $kill)
      (then (drop (call $close (global.get $way))))
      (else (drop (call $continue (global.get $way)))))
    (global.set $kill (i32.const 0))
    (global.set $held (i32.const 0))))
