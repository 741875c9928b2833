;; trailers logs the calls with bodies and trailers: "request body SIZE END", "request trailers N", and the same of the response, with one
;; digit for each number. It holds a body that begins with h until it lets go of the trailers, and does with trailers what the first letter
;; of their field x-do says: d denies with the reason "not with this trailer", c closes the stream, t traps, p holds until the next tick, e
;; makes x-note "edited" and removes x-gone, f adds the field authorization, r replaces the body that it holds by "replaced", m adds 80 fields.
;; In the last call with a body that has no trailers it adds some, by what the body begins with: 1 to 4 x-note "edited", 2 authorization too; 3 then
;; traps, and 4 holds the body until the next tick. With a configuration of one letter it asks for the records of responses.
(module
  (import "env" "proxy_get_header_map_value" (func $field (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $read (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $write (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 8)
  (data (i32.const 16) "x-do")
  (data (i32.const 32) "not with this trailer")
  (data (i32.const 64) "x-note")
  (data (i32.const 80) "edited")
  (data (i32.const 96) "x-gone")
  (data (i32.const 112) "authorization")
  (data (i32.const 128) "replaced")
  (data (i32.const 144) "request body ? ?")
  (data (i32.const 176) "request trailers ?")
  (data (i32.const 208) "response body ? ?")
  (data (i32.const 240) "response trailers ?")
  (data (i32.const 272) "sluice\00response_body") (data (i32.const 304) "records")
  (global $heap (mut i32) (i32.const 65536))
  (global $held (mut i32) (i32.const 0))
  (global $way (mut i32) (i32.const 0))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_configure") (param i32) (param $size i32) (result i32)
    (if (i32.eq (local.get $size) (i32.const 1)) (then (drop (call $property (i32.const 272) (i32.const 20) (i32.const 304) (i32.const 7)))))
    (drop (call $tick (i32.const 20)))
    (i32.const 1))

  ;; body logs a call with a body, and pauses where it begins with h.
  (func $body (param $id i32) (param $text i32) (param $length i32) (param $buffer i32) (param $size i32) (param $end i32) (result i32)
    (global.set $heap (i32.const 65536))
    (i32.store8 (i32.sub (i32.add (local.get $text) (local.get $length)) (i32.const 3)) (i32.add (i32.const 48) (local.get $size)))
    (i32.store8 (i32.sub (i32.add (local.get $text) (local.get $length)) (i32.const 1)) (i32.add (i32.const 48) (local.get $end)))
    (drop (call $log (i32.const 2) (local.get $text) (local.get $length)))
    (i32.store (i32.const 4) (i32.const 0))
    (if (call $read (local.get $buffer) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)) (then (return (i32.const 0))))
    (if (i32.eqz (i32.load (i32.const 4))) (then (return (i32.const 0))))
    (if (local.get $end) (then (return (call $append (local.get $id) (local.get $buffer) (i32.load8_u (i32.load (i32.const 0)))))))
    (i32.eq (i32.load8_u (i32.load (i32.const 0))) (i32.const 104)))

  ;; append adds trailers where there are none.
  (func $append (param $id i32) (param $way i32) (param $letter i32) (result i32)
    (local $map i32)
    (if (i32.or (i32.lt_u (local.get $letter) (i32.const 49)) (i32.gt_u (local.get $letter) (i32.const 52))) (then (return (i32.const 0))))
    (local.set $map (select (i32.const 3) (i32.const 1) (local.get $way)))
    (drop (call $add (local.get $map) (i32.const 64) (i32.const 6) (i32.const 80) (i32.const 6)))
    (if (i32.eq (local.get $letter) (i32.const 50)) (then
      (drop (call $add (local.get $map) (i32.const 112) (i32.const 13) (i32.const 80) (i32.const 6)))))
    (if (i32.eq (local.get $letter) (i32.const 51)) (then (unreachable)))
    (if (i32.ne (local.get $letter) (i32.const 52)) (then (return (i32.const 0))))
    (global.set $held (local.get $id))
    (global.set $way (local.get $way))
    (i32.const 1))

  ;; trailers logs a call with trailers, and does what they say.
  (func $trailers (param $text i32) (param $length i32) (param $id i32) (param $way i32) (param $count i32) (result i32)
    (local $map i32) (local $letter i32) (local $n i32)
    (global.set $heap (i32.const 65536))
    (local.set $map (select (i32.const 3) (i32.const 1) (local.get $way)))
    (i32.store8 (i32.sub (i32.add (local.get $text) (local.get $length)) (i32.const 1)) (i32.add (i32.const 48) (local.get $count)))
    (drop (call $log (i32.const 2) (local.get $text) (local.get $length)))
    (if (call $field (local.get $map) (i32.const 16) (i32.const 4) (i32.const 0) (i32.const 4)) (then (return (i32.const 0))))
    (local.set $letter (i32.load8_u (i32.load (i32.const 0))))
    (if (i32.eq (local.get $letter) (i32.const 116)) (then (unreachable)))
    (if (i32.eq (local.get $letter) (i32.const 100)) (then
      (drop (call $answer (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 21) (i32.const 0) (i32.const 0) (i32.const -1)))
      (return (i32.const 1))))
    (if (i32.eq (local.get $letter) (i32.const 99)) (then
      (drop (call $close (local.get $way)))
      (return (i32.const 1))))
    (if (i32.eq (local.get $letter) (i32.const 112)) (then
      (global.set $held (local.get $id))
      (global.set $way (local.get $way))
      (return (i32.const 1))))
    (if (i32.eq (local.get $letter) (i32.const 101)) (then
      (drop (call $replace (local.get $map) (i32.const 64) (i32.const 6) (i32.const 80) (i32.const 6)))
      (drop (call $remove (local.get $map) (i32.const 96) (i32.const 6)))))
    (if (i32.eq (local.get $letter) (i32.const 102)) (then
      (drop (call $add (local.get $map) (i32.const 112) (i32.const 13) (i32.const 80) (i32.const 6)))))
    (if (i32.eq (local.get $letter) (i32.const 114)) (then
      (drop (call $write (local.get $way) (i32.const 0) (i32.const 2147483647) (i32.const 128) (i32.const 8)))))
    (if (i32.eq (local.get $letter) (i32.const 109)) (then
      (loop $more
        (drop (call $add (local.get $map) (i32.const 64) (i32.const 6) (i32.const 80) (i32.const 6)))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $n) (i32.const 80))))))
    (i32.const 0))

  (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
    (call $body (local.get $id) (i32.const 144) (i32.const 16) (i32.const 0) (local.get $size) (local.get $end)))
  (func (export "proxy_on_request_trailers") (param $id i32) (param $n i32) (result i32)
    (call $trailers (i32.const 176) (i32.const 18) (local.get $id) (i32.const 0) (local.get $n)))
  (func (export "proxy_on_response_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
    (call $body (local.get $id) (i32.const 208) (i32.const 17) (i32.const 1) (local.get $size) (local.get $end)))
  (func (export "proxy_on_response_trailers") (param $id i32) (param $n i32) (result i32)
    (call $trailers (i32.const 240) (i32.const 19) (local.get $id) (i32.const 1) (local.get $n)))
  (func (export "proxy_on_tick") (param i32)
    (if (global.get $held) (then
      (if (i32.eqz (call $effective (global.get $held))) (then (drop (call $continue (global.get $way)))))
      (global.set $held (i32.const 0))))))
