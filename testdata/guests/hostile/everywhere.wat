;; everywhere does what the first letter of its configuration says in the callback that the second one names, and
;; behaves in all others.
;;
;; l loops, t traps, r calls itself without end, d as often as it may, which is no crime, but leaves a large stack behind. For
;; proxy_on_vm_start the letters are its VM configuration.
;;
;; v proxy_on_vm_start, c configure, n context_create (of a stream), h request_headers, b request_body, e request_trailers,
;; H response_headers, B response_body, E response_trailers, N new_connection, d downstream_data, u upstream_data, x downstream_connection_close,
;; y upstream_connection_close, D done, L log, K delete, t tick (every 10 ms), q queue_ready (each request puts an item
;; into its queue), a http_call_response, 1 to 4 the gRPC callbacks in their order (each request makes such a call to the
;; upstream svc), p the allocator, * all of them.
(module
  (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick_every (param i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_stream" (func $grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_send" (func $grpc_send (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "svc")
  (data (i32.const 32) "queue")
  (data (i32.const 48) "test.Service")
  (data (i32.const 64) "Echo")
  (data (i32.const 512)
    "\03\00\00\00" "\07\00\00\00\03\00\00\00" "\05\00\00\00\08\00\00\00" "\0a\00\00\00\03\00\00\00"
    ":method\00GET\00" ":path\00/default\00" ":authority\00svc\00")
  (global $what (mut i32) (i32.const 0))
  (global $where (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))

  (func $recurse (param $n i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get $n) (i32.const 1))) (local.get $n)))
  (func $deep (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (i32.add (call $deep (i32.sub (local.get $n) (i32.const 1))) (local.get $n)))
  (func $at (param $here i32)
    (if (i32.and (i32.ne (local.get $here) (global.get $where)) (i32.ne (global.get $where) (i32.const 42))) (then (return)))
    (if (i32.eq (global.get $what) (i32.const 100)) (then
      (drop (call $deep (i32.const 7000)))
      (return)))
    (if (i32.eq (global.get $what) (i32.const 108)) (then (loop $for_ever (br $for_ever))))
    (if (i32.eq (global.get $what) (i32.const 114)) (then (drop (call $recurse (i32.const 1)))))
    (unreachable))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (call $at (i32.const 112))
    (i32.const 4096))

  ;; learn reads two letters of a buffer.
  (func $learn (param $buffer i32)
    (if (i32.eqz (call $bytes (local.get $buffer) (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 4))) (then
      (if (i32.eq (i32.load (i32.const 4)) (i32.const 2)) (then
        (global.set $what (i32.load8_u (i32.const 4096)))
        (global.set $where (i32.load8_u (i32.const 4097))))))))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
    (call $learn (i32.const 6))
    (call $at (i32.const 118))
    (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (call $learn (i32.const 7))
    (call $at (i32.const 99))
    (if (i32.eq (global.get $where) (i32.const 116)) (then (drop (call $tick_every (i32.const 10)))))
    (if (i32.eq (global.get $where) (i32.const 113)) (then
      (drop (call $register (i32.const 32) (i32.const 5) (i32.const 8)))))
    (i32.const 1))
  (func (export "proxy_on_tick") (param i32) (call $at (i32.const 116)))
  (func (export "proxy_on_queue_ready") (param i32 i32) (call $at (i32.const 113)))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32) (call $at (i32.const 97)))
  (func (export "proxy_on_grpc_receive_initial_metadata") (param i32 i32 i32) (call $at (i32.const 49)))
  (func (export "proxy_on_grpc_receive") (param i32 i32 i32) (call $at (i32.const 50)))
  (func (export "proxy_on_grpc_receive_trailing_metadata") (param i32 i32 i32) (call $at (i32.const 51)))
  (func (export "proxy_on_grpc_close") (param i32 i32 i32) (call $at (i32.const 52)))

  (func (export "proxy_on_context_create") (param i32 i32) (call $at (i32.const 110)))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (call $at (i32.const 104))
    (if (i32.eq (global.get $where) (i32.const 112)) (then
      (drop (call $pairs (i32.const 0) (i32.const 0) (i32.const 4)))))
    (if (i32.eq (global.get $where) (i32.const 113)) (then
      (drop (call $enqueue (i32.load (i32.const 8)) (i32.const 32) (i32.const 5)))))
    (if (i32.eq (global.get $where) (i32.const 97)) (then
      (return (i32.eqz (call $http_call (i32.const 16) (i32.const 3) (i32.const 512) (i32.const 70) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 5000) (i32.const 12))))))
    (if (i32.and (i32.ge_u (global.get $where) (i32.const 49)) (i32.le_u (global.get $where) (i32.const 52))) (then
      (if (call $grpc_stream (i32.const 16) (i32.const 3) (i32.const 48) (i32.const 12) (i32.const 64) (i32.const 4)
        (i32.const 0) (i32.const 0) (i32.const 12)) (then (return (i32.const 0))))
      (drop (call $grpc_send (i32.load (i32.const 12)) (i32.const 32) (i32.const 5) (i32.const 1)))
      (return (i32.const 1))))
    (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $at (i32.const 98)) (i32.const 0))
  (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (call $at (i32.const 101)) (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (call $at (i32.const 72)) (i32.const 0))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (call $at (i32.const 66)) (i32.const 0))
  (func (export "proxy_on_response_trailers") (param i32 i32) (result i32) (call $at (i32.const 69)) (i32.const 0))
  (func (export "proxy_on_new_connection") (param i32) (result i32) (call $at (i32.const 78)) (i32.const 0))
  (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) (call $at (i32.const 100)) (i32.const 0))
  (func (export "proxy_on_upstream_data") (param i32 i32 i32) (result i32) (call $at (i32.const 117)) (i32.const 0))
  (func (export "proxy_on_downstream_connection_close") (param i32 i32) (call $at (i32.const 120)))
  (func (export "proxy_on_upstream_connection_close") (param i32 i32) (call $at (i32.const 121)))
  (func (export "proxy_on_done") (param i32) (result i32) (call $at (i32.const 68)) (i32.const 1))
  (func (export "proxy_on_log") (param i32) (call $at (i32.const 76)))
  (func (export "proxy_on_delete") (param i32) (call $at (i32.const 75))))
