;; driver calls any function of the ABI with any arguments.
;;
;; From outside, put up to 12 arguments as u32 at address 256 and call the export "call" with the
;; number of the function, in the order of the imports below. An i64 takes two places, the lower
;; half first. The result is the status.
;;
;; As a filter, it runs the program that its configuration is, once when it is configured:
;; u32 n; n times (u32 function, 12 times u32 argument); then bytes that are put at address 4096
;; before it runs. The status of step i is kept at 512 + 4 i. All numbers are little-endian.
;;
;; The allocator hands out memory from 32768 on, in steps of 16 bytes, and from there again after a
;; call of the export "free".
(module
  (import "env" "proxy_log" (func $proxy_log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_log_level" (func $proxy_get_log_level (param i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $proxy_get_current_time_nanoseconds (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $proxy_set_tick_period_milliseconds (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $proxy_set_effective_context (param i32) (result i32)))
  (import "env" "proxy_done" (func $proxy_done (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $proxy_get_buffer_bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $proxy_set_buffer_bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_status" (func $proxy_get_buffer_status (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_size" (func $proxy_get_header_map_size (param i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $proxy_get_header_map_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_header_map_pairs" (func $proxy_set_header_map_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $proxy_get_header_map_value (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $proxy_add_header_map_value (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $proxy_replace_header_map_value (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $proxy_remove_header_map_value (param i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $proxy_continue_stream (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $proxy_close_stream (param i32) (result i32)))
  (import "env" "proxy_get_status" (func $proxy_get_status (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $proxy_send_local_response (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $proxy_http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_call" (func $proxy_grpc_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_stream" (func $proxy_grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_send" (func $proxy_grpc_send (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_cancel" (func $proxy_grpc_cancel (param i32) (result i32)))
  (import "env" "proxy_grpc_close" (func $proxy_grpc_close (param i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $proxy_get_shared_data (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $proxy_set_shared_data (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $proxy_register_shared_queue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_resolve_shared_queue" (func $proxy_resolve_shared_queue (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $proxy_enqueue_shared_queue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_dequeue_shared_queue" (func $proxy_dequeue_shared_queue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $proxy_define_metric (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_record_metric" (func $proxy_record_metric (param i32 i64) (result i32)))
  (import "env" "proxy_increment_metric" (func $proxy_increment_metric (param i32 i64) (result i32)))
  (import "env" "proxy_get_metric" (func $proxy_get_metric (param i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $proxy_get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $proxy_set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_call_foreign_function" (func $proxy_call_foreign_function (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_configuration" (func $proxy_get_configuration (param i32 i32) (result i32)))
  (import "env" "proxy_continue_request" (func $proxy_continue_request (result i32)))
  (import "env" "proxy_continue_response" (func $proxy_continue_response (result i32)))
  (import "env" "proxy_clear_route_cache" (func $proxy_clear_route_cache (result i32)))
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 32768))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "free") (global.set $heap (i32.const 32768)))

  (type $entry (func (param i32) (result i32)))
  (table funcref (elem
    $call_log $call_get_log_level $call_get_current_time_nanoseconds
    $call_set_tick_period_milliseconds $call_set_effective_context $call_done
    $call_get_buffer_bytes $call_set_buffer_bytes $call_get_buffer_status
    $call_get_header_map_size $call_get_header_map_pairs $call_set_header_map_pairs
    $call_get_header_map_value $call_add_header_map_value $call_replace_header_map_value
    $call_remove_header_map_value $call_continue_stream $call_close_stream $call_get_status
    $call_send_local_response $call_http_call $call_grpc_call $call_grpc_stream
    $call_grpc_send $call_grpc_cancel $call_grpc_close $call_get_shared_data
    $call_set_shared_data $call_register_shared_queue $call_resolve_shared_queue
    $call_enqueue_shared_queue $call_dequeue_shared_queue $call_define_metric
    $call_record_metric $call_increment_metric $call_get_metric $call_get_property
    $call_set_property $call_call_foreign_function $call_get_configuration
    $call_continue_request $call_continue_response $call_clear_route_cache))
  (func $call_log (param $a i32) (result i32)
    (call $proxy_log
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_get_log_level (param $a i32) (result i32)
    (call $proxy_get_log_level
      (i32.load offset=0 (local.get $a))))
  (func $call_get_current_time_nanoseconds (param $a i32) (result i32)
    (call $proxy_get_current_time_nanoseconds
      (i32.load offset=0 (local.get $a))))
  (func $call_set_tick_period_milliseconds (param $a i32) (result i32)
    (call $proxy_set_tick_period_milliseconds
      (i32.load offset=0 (local.get $a))))
  (func $call_set_effective_context (param $a i32) (result i32)
    (call $proxy_set_effective_context
      (i32.load offset=0 (local.get $a))))
  (func $call_done (param $a i32) (result i32)
    (call $proxy_done))
  (func $call_get_buffer_bytes (param $a i32) (result i32)
    (call $proxy_get_buffer_bytes
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_set_buffer_bytes (param $a i32) (result i32)
    (call $proxy_set_buffer_bytes
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_get_buffer_status (param $a i32) (result i32)
    (call $proxy_get_buffer_status
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_get_header_map_size (param $a i32) (result i32)
    (call $proxy_get_header_map_size
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_get_header_map_pairs (param $a i32) (result i32)
    (call $proxy_get_header_map_pairs
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_set_header_map_pairs (param $a i32) (result i32)
    (call $proxy_set_header_map_pairs
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_get_header_map_value (param $a i32) (result i32)
    (call $proxy_get_header_map_value
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_add_header_map_value (param $a i32) (result i32)
    (call $proxy_add_header_map_value
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_replace_header_map_value (param $a i32) (result i32)
    (call $proxy_replace_header_map_value
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_remove_header_map_value (param $a i32) (result i32)
    (call $proxy_remove_header_map_value
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_continue_stream (param $a i32) (result i32)
    (call $proxy_continue_stream
      (i32.load offset=0 (local.get $a))))
  (func $call_close_stream (param $a i32) (result i32)
    (call $proxy_close_stream
      (i32.load offset=0 (local.get $a))))
  (func $call_get_status (param $a i32) (result i32)
    (call $proxy_get_status
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_send_local_response (param $a i32) (result i32)
    (call $proxy_send_local_response
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))
      (i32.load offset=20 (local.get $a))
      (i32.load offset=24 (local.get $a))
      (i32.load offset=28 (local.get $a))))
  (func $call_http_call (param $a i32) (result i32)
    (call $proxy_http_call
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))
      (i32.load offset=20 (local.get $a))
      (i32.load offset=24 (local.get $a))
      (i32.load offset=28 (local.get $a))
      (i32.load offset=32 (local.get $a))
      (i32.load offset=36 (local.get $a))))
  (func $call_grpc_call (param $a i32) (result i32)
    (call $proxy_grpc_call
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))
      (i32.load offset=20 (local.get $a))
      (i32.load offset=24 (local.get $a))
      (i32.load offset=28 (local.get $a))
      (i32.load offset=32 (local.get $a))
      (i32.load offset=36 (local.get $a))
      (i32.load offset=40 (local.get $a))
      (i32.load offset=44 (local.get $a))))
  (func $call_grpc_stream (param $a i32) (result i32)
    (call $proxy_grpc_stream
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))
      (i32.load offset=20 (local.get $a))
      (i32.load offset=24 (local.get $a))
      (i32.load offset=28 (local.get $a))
      (i32.load offset=32 (local.get $a))))
  (func $call_grpc_send (param $a i32) (result i32)
    (call $proxy_grpc_send
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))))
  (func $call_grpc_cancel (param $a i32) (result i32)
    (call $proxy_grpc_cancel
      (i32.load offset=0 (local.get $a))))
  (func $call_grpc_close (param $a i32) (result i32)
    (call $proxy_grpc_close
      (i32.load offset=0 (local.get $a))))
  (func $call_get_shared_data (param $a i32) (result i32)
    (call $proxy_get_shared_data
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_set_shared_data (param $a i32) (result i32)
    (call $proxy_set_shared_data
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_register_shared_queue (param $a i32) (result i32)
    (call $proxy_register_shared_queue
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_resolve_shared_queue (param $a i32) (result i32)
    (call $proxy_resolve_shared_queue
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_enqueue_shared_queue (param $a i32) (result i32)
    (call $proxy_enqueue_shared_queue
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_dequeue_shared_queue (param $a i32) (result i32)
    (call $proxy_dequeue_shared_queue
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_define_metric (param $a i32) (result i32)
    (call $proxy_define_metric
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))))
  (func $call_record_metric (param $a i32) (result i32)
    (call $proxy_record_metric
      (i32.load offset=0 (local.get $a))
      (i64.load offset=4 (local.get $a))))
  (func $call_increment_metric (param $a i32) (result i32)
    (call $proxy_increment_metric
      (i32.load offset=0 (local.get $a))
      (i64.load offset=4 (local.get $a))))
  (func $call_get_metric (param $a i32) (result i32)
    (call $proxy_get_metric
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_get_property (param $a i32) (result i32)
    (call $proxy_get_property
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))))
  (func $call_set_property (param $a i32) (result i32)
    (call $proxy_set_property
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))))
  (func $call_call_foreign_function (param $a i32) (result i32)
    (call $proxy_call_foreign_function
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))
      (i32.load offset=20 (local.get $a))))
  (func $call_get_configuration (param $a i32) (result i32)
    (call $proxy_get_configuration
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_continue_request (param $a i32) (result i32)
    (call $proxy_continue_request))
  (func $call_continue_response (param $a i32) (result i32)
    (call $proxy_continue_response))
  (func $call_clear_route_cache (param $a i32) (result i32)
    (call $proxy_clear_route_cache))

  (func $step (export "call") (param $function i32) (result i32)
    (call_indirect (type $entry) (i32.const 256) (local.get $function)))

  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (local $program i32) (local $steps i32) (local $i i32) (local $from i32)
    (if (i32.lt_u (local.get $size) (i32.const 4)) (then (return (i32.const 1))))
    (if (call $proxy_get_buffer_bytes (i32.const 7) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4))
      (then (return (i32.const 0))))
    (local.set $program (i32.load (i32.const 0)))
    (local.set $steps (i32.load (local.get $program)))
    (local.set $from (i32.add (i32.const 4) (i32.mul (local.get $steps) (i32.const 52))))
    (memory.copy (i32.const 4096)
      (i32.add (local.get $program) (local.get $from))
      (i32.sub (local.get $size) (local.get $from)))
    (loop $next
      (if (i32.ge_u (local.get $i) (local.get $steps)) (then (return (i32.const 1))))
      (local.set $from
        (i32.add (local.get $program) (i32.add (i32.const 4) (i32.mul (local.get $i) (i32.const 52)))))
      (memory.copy (i32.const 256) (i32.add (local.get $from) (i32.const 4)) (i32.const 48))
      (i32.store offset=512 (i32.mul (local.get $i) (i32.const 4)) (call $step (i32.load (local.get $from))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next))
    (unreachable)))
