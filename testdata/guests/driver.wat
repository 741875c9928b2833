;; driver calls any function of the ABI, of WASI and of emscripten with any arguments.
;;
;; From outside, put up to 12 arguments as u32 at address 256 and call the export "call" with the
;; number of the function, in the order of the imports below. An i64 takes two places, the lower
;; half first. The result is the status, or WASI's errno; 0 where a function has none.
;;
;; As a filter, it asks the foreign function "drive.it" in each of its callbacks what to do, again and
;; again, and shows it all of its memory, in which the function writes (host/hosttest/driver.go):
;;
;;   224  the callback's second argument             228  its first: the context that it is for
;;   232  where the allocator stands
;;   236  the number of the callback, below         240  what the last call answered, -1 for the first time
;;   244  what the callback is to answer            248  the function to call
;;   252  how often, at least once                  256  its arguments
;;
;; A status other than OK ends the callback. The allocator hands out memory from 32768 on, in steps of
;; 16 bytes, and from there again after a call of the export "free", or of "drive.it", and of a function that
;; is to be called again.
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
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $clock_res_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_advise" (func $fd_advise (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_allocate" (func $fd_allocate (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_datasync" (func $fd_datasync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $fd_fdstat_set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_rights" (func $fd_fdstat_set_rights (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get" (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_times" (func $fd_filestat_set_times (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_sync" (func $fd_sync (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_tell" (func $fd_tell (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get" (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_set_times" (func $path_filestat_set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link" (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink" (func $path_readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory" (func $path_remove_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "proc_raise" (func $proc_raise (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $sock_recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $sock_shutdown (param i32 i32) (result i32)))
  (import "env" "emscripten_notify_memory_growth" (func $emscripten_notify_memory_growth (param i32)))
  (import "env" "pthread_equal" (func $pthread_equal (param i32 i32) (result i32)))
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
    $call_continue_request $call_continue_response $call_clear_route_cache
    $call_args_get $call_args_sizes_get $call_clock_res_get $call_clock_time_get
    $call_environ_get $call_environ_sizes_get $call_fd_advise $call_fd_allocate $call_fd_close
    $call_fd_datasync $call_fd_fdstat_get $call_fd_fdstat_set_flags $call_fd_fdstat_set_rights
    $call_fd_filestat_get $call_fd_filestat_set_size $call_fd_filestat_set_times $call_fd_pread
    $call_fd_prestat_dir_name $call_fd_prestat_get $call_fd_pwrite $call_fd_read
    $call_fd_readdir $call_fd_renumber $call_fd_seek $call_fd_sync $call_fd_tell $call_fd_write
    $call_path_create_directory $call_path_filestat_get $call_path_filestat_set_times
    $call_path_link $call_path_open $call_path_readlink $call_path_remove_directory
    $call_path_rename $call_path_symlink $call_path_unlink_file $call_poll_oneoff
    $call_proc_exit $call_proc_raise $call_random_get $call_sched_yield $call_sock_accept
    $call_sock_recv $call_sock_send $call_sock_shutdown $call_emscripten_notify_memory_growth
    $call_pthread_equal))
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

  (func $call_args_get (param $a i32) (result i32)
    (call $args_get
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_args_sizes_get (param $a i32) (result i32)
    (call $args_sizes_get
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_clock_res_get (param $a i32) (result i32)
    (call $clock_res_get
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_clock_time_get (param $a i32) (result i32)
    (call $clock_time_get
      (i32.load offset=0 (local.get $a))
      (i64.load offset=4 (local.get $a))
      (i32.load offset=12 (local.get $a))))
  (func $call_environ_get (param $a i32) (result i32)
    (call $environ_get
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_environ_sizes_get (param $a i32) (result i32)
    (call $environ_sizes_get
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_fd_advise (param $a i32) (result i32)
    (call $fd_advise
      (i32.load offset=0 (local.get $a))
      (i64.load offset=4 (local.get $a))
      (i64.load offset=12 (local.get $a))
      (i32.load offset=20 (local.get $a))))
  (func $call_fd_allocate (param $a i32) (result i32)
    (call $fd_allocate
      (i32.load offset=0 (local.get $a))
      (i64.load offset=4 (local.get $a))
      (i64.load offset=12 (local.get $a))))
  (func $call_fd_close (param $a i32) (result i32)
    (call $fd_close
      (i32.load offset=0 (local.get $a))))
  (func $call_fd_datasync (param $a i32) (result i32)
    (call $fd_datasync
      (i32.load offset=0 (local.get $a))))
  (func $call_fd_fdstat_get (param $a i32) (result i32)
    (call $fd_fdstat_get
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_fd_fdstat_set_flags (param $a i32) (result i32)
    (call $fd_fdstat_set_flags
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_fd_fdstat_set_rights (param $a i32) (result i32)
    (call $fd_fdstat_set_rights
      (i32.load offset=0 (local.get $a))
      (i64.load offset=4 (local.get $a))
      (i64.load offset=12 (local.get $a))))
  (func $call_fd_filestat_get (param $a i32) (result i32)
    (call $fd_filestat_get
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_fd_filestat_set_size (param $a i32) (result i32)
    (call $fd_filestat_set_size
      (i32.load offset=0 (local.get $a))
      (i64.load offset=4 (local.get $a))))
  (func $call_fd_filestat_set_times (param $a i32) (result i32)
    (call $fd_filestat_set_times
      (i32.load offset=0 (local.get $a))
      (i64.load offset=4 (local.get $a))
      (i64.load offset=12 (local.get $a))
      (i32.load offset=20 (local.get $a))))
  (func $call_fd_pread (param $a i32) (result i32)
    (call $fd_pread
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i64.load offset=12 (local.get $a))
      (i32.load offset=20 (local.get $a))))
  (func $call_fd_prestat_dir_name (param $a i32) (result i32)
    (call $fd_prestat_dir_name
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_fd_prestat_get (param $a i32) (result i32)
    (call $fd_prestat_get
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_fd_pwrite (param $a i32) (result i32)
    (call $fd_pwrite
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i64.load offset=12 (local.get $a))
      (i32.load offset=20 (local.get $a))))
  (func $call_fd_read (param $a i32) (result i32)
    (call $fd_read
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))))
  (func $call_fd_readdir (param $a i32) (result i32)
    (call $fd_readdir
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i64.load offset=12 (local.get $a))
      (i32.load offset=20 (local.get $a))))
  (func $call_fd_renumber (param $a i32) (result i32)
    (call $fd_renumber
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_fd_seek (param $a i32) (result i32)
    (call $fd_seek
      (i32.load offset=0 (local.get $a))
      (i64.load offset=4 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_fd_sync (param $a i32) (result i32)
    (call $fd_sync
      (i32.load offset=0 (local.get $a))))
  (func $call_fd_tell (param $a i32) (result i32)
    (call $fd_tell
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_fd_write (param $a i32) (result i32)
    (call $fd_write
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))))
  (func $call_path_create_directory (param $a i32) (result i32)
    (call $path_create_directory
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_path_filestat_get (param $a i32) (result i32)
    (call $path_filestat_get
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_path_filestat_set_times (param $a i32) (result i32)
    (call $path_filestat_set_times
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i64.load offset=16 (local.get $a))
      (i64.load offset=24 (local.get $a))
      (i32.load offset=32 (local.get $a))))
  (func $call_path_link (param $a i32) (result i32)
    (call $path_link
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))
      (i32.load offset=20 (local.get $a))
      (i32.load offset=24 (local.get $a))))
  (func $call_path_open (param $a i32) (result i32)
    (call $path_open
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))
      (i64.load offset=20 (local.get $a))
      (i64.load offset=28 (local.get $a))
      (i32.load offset=36 (local.get $a))
      (i32.load offset=40 (local.get $a))))
  (func $call_path_readlink (param $a i32) (result i32)
    (call $path_readlink
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))
      (i32.load offset=20 (local.get $a))))
  (func $call_path_remove_directory (param $a i32) (result i32)
    (call $path_remove_directory
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_path_rename (param $a i32) (result i32)
    (call $path_rename
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))
      (i32.load offset=20 (local.get $a))))
  (func $call_path_symlink (param $a i32) (result i32)
    (call $path_symlink
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_path_unlink_file (param $a i32) (result i32)
    (call $path_unlink_file
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_poll_oneoff (param $a i32) (result i32)
    (call $poll_oneoff
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))))
  (func $call_proc_exit (param $a i32) (result i32)
    (call $proc_exit
      (i32.load offset=0 (local.get $a)))
    (i32.const 0))
  (func $call_proc_raise (param $a i32) (result i32)
    (call $proc_raise
      (i32.load offset=0 (local.get $a))))
  (func $call_random_get (param $a i32) (result i32)
    (call $random_get
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_sched_yield (param $a i32) (result i32)
    (call $sched_yield))
  (func $call_sock_accept (param $a i32) (result i32)
    (call $sock_accept
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))))
  (func $call_sock_recv (param $a i32) (result i32)
    (call $sock_recv
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))
      (i32.load offset=20 (local.get $a))))
  (func $call_sock_send (param $a i32) (result i32)
    (call $sock_send
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))
      (i32.load offset=8 (local.get $a))
      (i32.load offset=12 (local.get $a))
      (i32.load offset=16 (local.get $a))))
  (func $call_sock_shutdown (param $a i32) (result i32)
    (call $sock_shutdown
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))
  (func $call_emscripten_notify_memory_growth (param $a i32) (result i32)
    (call $emscripten_notify_memory_growth
      (i32.load offset=0 (local.get $a)))
    (i32.const 0))
  (func $call_pthread_equal (param $a i32) (result i32)
    (call $pthread_equal
      (i32.load offset=0 (local.get $a))
      (i32.load offset=4 (local.get $a))))

  (func $step (export "call") (param $function i32) (result i32)
    (call_indirect (type $entry) (i32.const 256) (local.get $function)))

  (func $run (param $callback i32) (param $context i32) (param $about i32) (result i32)
    (local $status i32) (local $left i32)
    (local.set $status (i32.const -1))
    (loop $next
      (i32.store (i32.const 224) (local.get $about))
      (i32.store (i32.const 228) (local.get $context))
      (i32.store (i32.const 232) (global.get $heap))
      (i32.store (i32.const 236) (local.get $callback))
      (i32.store (i32.const 240) (local.get $status))
      (i32.store (i32.const 244) (i32.const 0))
      (i64.store (i32.const 248) (i64.const 0x74692e6576697264)) ;; "drive.it"
      (global.set $heap (i32.const 32768))
      (if (call $proxy_call_foreign_function
            (i32.const 248) (i32.const 8) (i32.const 0) (i32.const 131072) (i32.const 0) (i32.const 0))
        (then (return (i32.load (i32.const 244)))))
      (local.set $left (i32.load (i32.const 252)))
      (loop $again
        (local.set $status (call $step (i32.load (i32.const 248))))
        (if (i32.gt_s (local.tee $left (i32.sub (local.get $left) (i32.const 1))) (i32.const 0)) (then
          (global.set $heap (i32.const 32768))
          (br $again))))
      (br $next))
    (unreachable))

  ;; The callbacks in the order of their numbers. Those that are asked whether they succeed do, where they
  ;; are to answer 0.
  (func (export "proxy_on_vm_start") (param $id i32) (param $about i32) (result i32)
    (i32.eqz (call $run (i32.const 0) (local.get $id) (local.get $about))))
  (func (export "proxy_on_configure") (param $id i32) (param $about i32) (result i32)
    (i32.eqz (call $run (i32.const 1) (local.get $id) (local.get $about))))
  (func (export "proxy_on_context_create") (param $id i32) (param $about i32)
    (drop (call $run (i32.const 2) (local.get $id) (local.get $about))))
  (func (export "proxy_on_tick") (param $id i32)
    (drop (call $run (i32.const 3) (local.get $id) (i32.const 0))))
  (func (export "proxy_on_queue_ready") (param $id i32) (param $about i32)
    (drop (call $run (i32.const 4) (local.get $id) (local.get $about))))
  (func (export "proxy_on_request_headers") (param $id i32) (param $about i32) (param i32) (result i32)
    (call $run (i32.const 5) (local.get $id) (local.get $about)))
  (func (export "proxy_on_request_body") (param $id i32) (param $about i32) (param i32) (result i32)
    (call $run (i32.const 6) (local.get $id) (local.get $about)))
  (func (export "proxy_on_request_trailers") (param $id i32) (param $about i32) (result i32)
    (call $run (i32.const 7) (local.get $id) (local.get $about)))
  (func (export "proxy_on_response_headers") (param $id i32) (param $about i32) (param i32) (result i32)
    (call $run (i32.const 8) (local.get $id) (local.get $about)))
  (func (export "proxy_on_response_body") (param $id i32) (param $about i32) (param i32) (result i32)
    (call $run (i32.const 9) (local.get $id) (local.get $about)))
  (func (export "proxy_on_response_trailers") (param $id i32) (param $about i32) (result i32)
    (call $run (i32.const 10) (local.get $id) (local.get $about)))
  (func (export "proxy_on_new_connection") (param $id i32) (result i32)
    (call $run (i32.const 11) (local.get $id) (i32.const 0)))
  (func (export "proxy_on_downstream_data") (param $id i32) (param $about i32) (param i32) (result i32)
    (call $run (i32.const 12) (local.get $id) (local.get $about)))
  (func (export "proxy_on_upstream_data") (param $id i32) (param $about i32) (param i32) (result i32)
    (call $run (i32.const 13) (local.get $id) (local.get $about)))
  (func (export "proxy_on_downstream_connection_close") (param $id i32) (param $about i32)
    (drop (call $run (i32.const 14) (local.get $id) (local.get $about))))
  (func (export "proxy_on_upstream_connection_close") (param $id i32) (param $about i32)
    (drop (call $run (i32.const 15) (local.get $id) (local.get $about))))
  (func (export "proxy_on_http_call_response") (param $id i32) (param $about i32) (param i32 i32 i32)
    (drop (call $run (i32.const 16) (local.get $id) (local.get $about))))
  (func (export "proxy_on_grpc_receive_initial_metadata") (param $id i32) (param $about i32) (param i32)
    (drop (call $run (i32.const 17) (local.get $id) (local.get $about))))
  (func (export "proxy_on_grpc_receive") (param $id i32) (param $about i32) (param i32)
    (drop (call $run (i32.const 18) (local.get $id) (local.get $about))))
  (func (export "proxy_on_grpc_receive_trailing_metadata") (param $id i32) (param $about i32) (param i32)
    (drop (call $run (i32.const 19) (local.get $id) (local.get $about))))
  (func (export "proxy_on_grpc_close") (param $id i32) (param $about i32) (param i32)
    (drop (call $run (i32.const 20) (local.get $id) (local.get $about))))
  (func (export "proxy_on_foreign_function") (param $id i32) (param $about i32) (param i32)
    (drop (call $run (i32.const 21) (local.get $id) (local.get $about))))
  (func (export "proxy_on_done") (param $id i32) (result i32)
    (i32.eqz (call $run (i32.const 22) (local.get $id) (i32.const 0))))
  (func (export "proxy_on_log") (param $id i32)
    (drop (call $run (i32.const 23) (local.get $id) (i32.const 0))))
  (func (export "proxy_on_delete") (param $id i32)
    (drop (call $run (i32.const 24) (local.get $id) (i32.const 0)))))
