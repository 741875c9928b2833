;; callout makes calls to other services, as the request's fields tell it.
;;
;; A field holds a script, a letter a step (see $run). x-do is run in the request's headers stage, x-do-body,
;; x-do-response, x-do-response-body, x-do-trailers, x-do-response-trailers, x-do-done and x-do-log in the others, and x-then-N when the Nth answer to a call
;; of the stream comes. Calls go to the upstream "svc", and for HTTP to the path in x-path, which has 8 bytes, or to
;; /default. Every answer is logged: kind, id, numbers of the callback, body or message, status. At one without a script
;; it says proxy_done for the context that made the call.
;;
;; A configuration other than {} is the script of a tick, every 20 ms.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_done" (func $finish (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $set_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_get_status" (func $get_status (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_call" (func $grpc_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_stream" (func $grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_send" (func $grpc_send (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_cancel" (func $grpc_cancel (param i32) (result i32)))
  (import "env" "proxy_grpc_close" (func $grpc_close (param i32) (result i32)))
  (memory (export "memory") 4)

  ;; Strings.
  (data (i32.const 16) "svc")
  (data (i32.const 32) "x-do")
  (data (i32.const 48) "x-do-body")
  (data (i32.const 64) "x-do-response")
  (data (i32.const 80) "x-do-response-body")
  (data (i32.const 112) "x-do-done")
  (data (i32.const 128) "x-do-log")
  (data (i32.const 144) "x-then-?")
  (data (i32.const 160) "x-path")
  (data (i32.const 176) "x-answer")
  (data (i32.const 192) "x-status")
  (data (i32.const 208) "http ")
  (data (i32.const 224) "initial ")
  (data (i32.const 240) "message ")
  (data (i32.const 256) "trailing ")
  (data (i32.const 272) "close ")
  (data (i32.const 288) "refused ")
  (data (i32.const 304) "test.Service")
  (data (i32.const 320) "Echo")
  (data (i32.const 336) ":status")
  (data (i32.const 352) "ping")
  (data (i32.const 368) "/default")
  (data (i32.const 384) "docker")
  (data (i32.const 400) "x-do-trailers")
  (data (i32.const 416) "x-do-response-trailers")
  (data (i32.const 448) "x-note")
  ;; The fields of an HTTP call: :method GET, :path, :authority svc.
  (data (i32.const 512)
    "\03\00\00\00" "\07\00\00\00\03\00\00\00" "\05\00\00\00\08\00\00\00" "\0a\00\00\00\03\00\00\00"
    ":method\00GET\00" ":path\00/default\00" ":authority\00svc\00")
  ;; 600: outputs. 1024: the script of ticks. 2048: a line of the log. 16384: for each id of a context, modulo 1024, how
  ;; many answers came. 32768: for each id of a call the context that made it. 65536: the heap, which begins anew when a
  ;; callback begins.
  (global $heap (mut i32) (i32.const 65536))
  (global $ticks (mut i32) (i32.const 0))   ;; the length of their script
  (global $line (mut i32) (i32.const 2048)) ;; the end of the line
  (global $action (mut i32) (i32.const 0))  ;; what the callback answers
  (global $context (mut i32) (i32.const 1)) ;; for whom scripts run
  (global $call (mut i32) (i32.const 0))    ;; the last call's id
  (global $at (mut i32) (i32.const 0))      ;; what was read last
  (global $size (mut i32) (i32.const 0))

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))

  ;; put appends to the line; number a number; write logs the line.
  (func $put (param $at i32) (param $size i32)
    (memory.copy (global.get $line) (local.get $at) (local.get $size))
    (global.set $line (i32.add (global.get $line) (local.get $size))))
  (func $number (param $n i32)
    (if (i32.ge_u (local.get $n) (i32.const 10)) (then (call $number (i32.div_u (local.get $n) (i32.const 10)))))
    (i32.store8 (global.get $line) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
    (global.set $line (i32.add (global.get $line) (i32.const 1))))
  (func $space
    (i32.store8 (global.get $line) (i32.const 32))
    (global.set $line (i32.add (global.get $line) (i32.const 1))))
  (func $write
    (drop (call $log (i32.const 2) (i32.const 2048) (i32.sub (global.get $line) (i32.const 2048))))
    (global.set $line (i32.const 2048)))

  ;; read reads a field of a map; body a buffer; status the status. What there is not is empty.
  (func $read (param $map i32) (param $name i32) (param $length i32)
    (i64.store (i32.const 600) (i64.const 0))
    (drop (call $get_header (local.get $map) (local.get $name) (local.get $length) (i32.const 600) (i32.const 604)))
    (call $keep))
  (func $body (param $buffer i32)
    (i64.store (i32.const 600) (i64.const 0))
    (drop (call $get_buffer (local.get $buffer) (i32.const 0) (i32.const 0x7fffffff) (i32.const 600) (i32.const 604)))
    (call $keep))
  (func $status (result i32) ;; the code; 99 for none
    (i64.store (i32.const 600) (i64.const 0))
    (i32.store (i32.const 608) (i32.const 99))
    (drop (call $get_status (i32.const 608) (i32.const 600) (i32.const 604)))
    (call $keep)
    (i32.load (i32.const 608)))
  (func $keep
    (global.set $at (i32.load (i32.const 600)))
    (global.set $size (i32.load (i32.const 604))))

  ;; made notes who made a call, or that it was refused.
  (func $made (param $status i32)
    (if (local.get $status) (then
      (call $put (i32.const 288) (i32.const 8))
      (call $number (local.get $status))
      (call $write)
      (return)))
    (global.set $call (i32.load (i32.const 612)))
    (i32.store (call $caller (global.get $call)) (global.get $context)))
  (func $caller (param $call i32) (result i32)
    (i32.add (i32.const 32768) (i32.shl (i32.and (local.get $call) (i32.const 1023)) (i32.const 2))))

  (func $http (param $upstream i32) (param $length i32) (param $timeout i32)
    (call $read (i32.const 0) (i32.const 160) (i32.const 6))
    (memory.copy
      (i32.const 558)
      (select (global.get $at) (i32.const 368) (i32.eq (global.get $size) (i32.const 8)))
      (i32.const 8))
    (call $made (call $http_call
      (local.get $upstream) (local.get $length) (i32.const 512) (i32.const 70) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (local.get $timeout) (i32.const 612))))

  ;; run runs a script.
  (func $run (param $script i32) (param $size i32)
    (local $end i32)
    (local $op i32)
    (local.set $end (i32.add (local.get $script) (local.get $size)))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $script) (local.get $end)))
      (local.set $op (i32.load8_u (local.get $script)))
      (local.set $script (i32.add (local.get $script) (i32.const 1)))
      ;; p: the callback answers Pause, or that it is not done.
      (if (i32.eq (local.get $op) (i32.const 112)) (then (global.set $action (i32.const 1))))
      ;; c: an HTTP call. t: one that may take 50 ms. D: one of the engine.
      (if (i32.eq (local.get $op) (i32.const 99)) (then (call $http (i32.const 16) (i32.const 3) (i32.const 0))))
      (if (i32.eq (local.get $op) (i32.const 116)) (then (call $http (i32.const 16) (i32.const 3) (i32.const 50))))
      (if (i32.eq (local.get $op) (i32.const 68)) (then (call $http (i32.const 384) (i32.const 6) (i32.const 0))))
      ;; g: a gRPC call with the message "ping". G: a stream of gRPC.
      (if (i32.eq (local.get $op) (i32.const 103)) (then
        (call $made (call $grpc_call
          (i32.const 16) (i32.const 3) (i32.const 304) (i32.const 12) (i32.const 320) (i32.const 4)
          (i32.const 0) (i32.const 0) (i32.const 352) (i32.const 4) (i32.const 0) (i32.const 612)))))
      (if (i32.eq (local.get $op) (i32.const 71)) (then
        (call $made (call $grpc_stream
          (i32.const 16) (i32.const 3) (i32.const 304) (i32.const 12) (i32.const 320) (i32.const 4)
          (i32.const 0) (i32.const 0) (i32.const 612)))))
      ;; m: "ping" on the last stream. M: the same, and nothing more. z: closes it. k: cancels the last call.
      (if (i32.eq (local.get $op) (i32.const 109)) (then
        (drop (call $grpc_send (global.get $call) (i32.const 352) (i32.const 4) (i32.const 0)))))
      (if (i32.eq (local.get $op) (i32.const 77)) (then
        (drop (call $grpc_send (global.get $call) (i32.const 352) (i32.const 4) (i32.const 1)))))
      (if (i32.eq (local.get $op) (i32.const 122)) (then (drop (call $grpc_close (global.get $call)))))
      (if (i32.eq (local.get $op) (i32.const 107)) (then (drop (call $grpc_cancel (global.get $call)))))
      ;; 0, 1: continues the request, the response. s: closes the stream. x: traps.
      (if (i32.eq (local.get $op) (i32.const 48)) (then (drop (call $continue (i32.const 0)))))
      (if (i32.eq (local.get $op) (i32.const 49)) (then (drop (call $continue (i32.const 1)))))
      (if (i32.eq (local.get $op) (i32.const 115)) (then (drop (call $close (i32.const 0)))))
      (if (i32.eq (local.get $op) (i32.const 120)) (then (unreachable)))
      ;; d: answers 403 with the body of the call's answer, or with its status.
      (if (i32.eq (local.get $op) (i32.const 100)) (then
        (call $body (i32.const 4))
        (if (i32.eqz (global.get $size)) (then (drop (call $status))))
        (call $made2 (call $answer
          (i32.const 403) (i32.const 0) (i32.const 0) (global.get $at) (global.get $size) (i32.const 0) (i32.const 0) (i32.const -1)))))
      ;; h, H: puts the answer's body into the field x-answer of request, response. b, B: makes it their body.
      (if (i32.eq (local.get $op) (i32.const 104)) (then
        (call $body (i32.const 4))
        (call $made2 (call $set_header (i32.const 0) (i32.const 176) (i32.const 8) (global.get $at) (global.get $size)))))
      (if (i32.eq (local.get $op) (i32.const 72)) (then
        (call $body (i32.const 4))
        (call $made2 (call $set_header (i32.const 2) (i32.const 176) (i32.const 8) (global.get $at) (global.get $size)))))
      (if (i32.eq (local.get $op) (i32.const 98)) (then
        (call $body (i32.const 4))
        (call $made2 (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 0x7fffffff) (global.get $at) (global.get $size)))))
      (if (i32.eq (local.get $op) (i32.const 66)) (then
        (call $body (i32.const 4))
        (call $made2 (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 0x7fffffff) (global.get $at) (global.get $size)))))
      ;; n, N: logs the trailer x-note of request, response. w, W: puts the answer's body into it.
      (if (i32.eq (local.get $op) (i32.const 110)) (then (call $read (i32.const 1) (i32.const 448) (i32.const 6)) (call $shown) (call $write)))
      (if (i32.eq (local.get $op) (i32.const 78)) (then (call $read (i32.const 3) (i32.const 448) (i32.const 6)) (call $shown) (call $write)))
      (if (i32.eq (local.get $op) (i32.const 119)) (then
        (call $body (i32.const 4))
        (call $made2 (call $set_header (i32.const 1) (i32.const 448) (i32.const 6) (global.get $at) (global.get $size)))))
      (if (i32.eq (local.get $op) (i32.const 87)) (then
        (call $body (i32.const 4))
        (call $made2 (call $set_header (i32.const 3) (i32.const 448) (i32.const 6) (global.get $at) (global.get $size)))))
      (br $next))))
  ;; made2 logs what was refused.
  (func $made2 (param $status i32)
    (if (local.get $status) (then
      (call $put (i32.const 288) (i32.const 8))
      (call $number (local.get $status))
      (call $write))))

  ;; stage runs the script of a field for a context, and returns the action.
  (func $stage (param $id i32) (param $name i32) (param $size i32) (result i32)
    (global.set $heap (i32.const 65536))
    (global.set $action (i32.const 0))
    (global.set $context (local.get $id))
    (call $read (i32.const 0) (local.get $name) (local.get $size))
    (call $run (global.get $at) (global.get $size))
    (global.get $action))

  ;; told begins the line about a callback, and ended ends it and runs the script.
  (func $told (param $id i32) (param $what i32) (param $size i32)
    (global.set $heap (i32.const 65536))
    (global.set $call (local.get $id))
    (global.set $context (i32.load (call $caller (local.get $id))))
    (call $put (local.get $what) (local.get $size))
    (call $number (local.get $id)))
  (func $argument (param $n i32) (call $space) (call $number (local.get $n)))
  (func $shown (call $space) (call $put (global.get $at) (global.get $size)))
  (func $ended
    (local $count i32)
    (call $write)
    (local.set $count (i32.add (i32.const 16384) (i32.and (global.get $context) (i32.const 1023))))
    (i32.store8 (local.get $count) (i32.add (i32.load8_u (local.get $count)) (i32.const 1)))
    (i32.store8 (i32.const 151) (i32.add (i32.const 48) (i32.load8_u (local.get $count))))
    (call $read (i32.const 0) (i32.const 144) (i32.const 8))
    (if (i32.eqz (global.get $size)) (then ;; perhaps it was made at the end, and the context waits for this
      (drop (call $effective (global.get $context)))
      (drop (call $finish))))
    (call $run (global.get $at) (global.get $size)))

  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (call $body (i32.const 7))
    (if (i32.gt_u (global.get $size) (i32.const 2)) (then
      (memory.copy (i32.const 1024) (global.get $at) (global.get $size))
      (global.set $ticks (global.get $size))
      (drop (call $tick (i32.const 20)))))
    (i32.const 1))
  (func (export "proxy_on_tick") (param $root i32)
    (global.set $heap (i32.const 65536))
    (global.set $context (local.get $root))
    (call $run (i32.const 1024) (global.get $ticks)))
  (func (export "proxy_on_context_create") (param $id i32) (param i32)
    (i32.store8 (i32.add (i32.const 16384) (i32.and (local.get $id) (i32.const 1023))) (i32.const 0)))
  (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
    (call $stage (local.get $id) (i32.const 32) (i32.const 4)))
  (func (export "proxy_on_request_body") (param $id i32) (param i32 i32) (result i32)
    (call $stage (local.get $id) (i32.const 48) (i32.const 9)))
  (func (export "proxy_on_response_headers") (param $id i32) (param i32 i32) (result i32)
    (call $stage (local.get $id) (i32.const 64) (i32.const 13)))
  (func (export "proxy_on_response_body") (param $id i32) (param i32 i32) (result i32)
    (call $stage (local.get $id) (i32.const 80) (i32.const 18)))
  (func (export "proxy_on_request_trailers") (param $id i32) (param i32) (result i32)
    (call $stage (local.get $id) (i32.const 400) (i32.const 13)))
  (func (export "proxy_on_response_trailers") (param $id i32) (param i32) (result i32)
    (call $stage (local.get $id) (i32.const 416) (i32.const 22)))
  (func (export "proxy_on_done") (param $id i32) (result i32)
    (i32.eqz (call $stage (local.get $id) (i32.const 112) (i32.const 9))))
  (func (export "proxy_on_log") (param $id i32)
    (drop (call $stage (local.get $id) (i32.const 128) (i32.const 8))))

  (func (export "proxy_on_http_call_response") (param $root i32) (param $id i32) (param $fields i32) (param $size i32) (param $trailers i32)
    (call $told (local.get $id) (i32.const 208) (i32.const 5))
    (call $argument (local.get $fields))
    (call $argument (local.get $size))
    (call $argument (local.get $trailers))
    (call $read (i32.const 6) (i32.const 336) (i32.const 7)) (call $shown)
    (call $body (i32.const 4)) (call $shown)
    (call $argument (call $status)) (call $shown)
    (call $ended))
  (func (export "proxy_on_grpc_receive_initial_metadata") (param $root i32) (param $id i32) (param $fields i32)
    (call $told (local.get $id) (i32.const 224) (i32.const 8))
    (call $read (i32.const 4) (i32.const 192) (i32.const 8)) (call $shown)
    (call $write))
  (func (export "proxy_on_grpc_receive") (param $root i32) (param $id i32) (param $size i32)
    (call $told (local.get $id) (i32.const 240) (i32.const 8))
    (call $argument (local.get $size))
    (call $body (i32.const 5)) (call $shown)
    (call $argument (call $status))
    (call $ended))
  (func (export "proxy_on_grpc_receive_trailing_metadata") (param $root i32) (param $id i32) (param $fields i32)
    (call $told (local.get $id) (i32.const 256) (i32.const 9))
    (call $read (i32.const 5) (i32.const 192) (i32.const 8)) (call $shown)
    (call $write))
  (func (export "proxy_on_grpc_close") (param $root i32) (param $id i32) (param $code i32)
    (call $told (local.get $id) (i32.const 272) (i32.const 6))
    (call $argument (local.get $code))
    (call $argument (call $status)) (call $shown)
    (call $ended)))
