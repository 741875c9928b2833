;; queue-worker registers the queue "jobs" when it is configured. A request's field x-job is put into it. On
;; proxy_on_queue_ready it takes items and logs each as "job:" and the item; the item "crash" traps. The first byte of
;; its configuration says how many it takes at a time: '1', 'a' for all, 'n' for none, when it logs "none".
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $mode (mut i32) (i32.const 0))
  (data (i32.const 16) "jobs")
  (data (i32.const 32) "x-job")
  (data (i32.const 48) "none")
  (data (i32.const 1024) "job:")
  ;; What the host hands over is put behind "job:".
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1028))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $buffer (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
    (global.set $mode (i32.load8_u (i32.const 1028)))
    ;; the queue's id is at 8
    (i32.eqz (call $register (i32.const 16) (i32.const 4) (i32.const 8))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (i32.eqz (call $header (i32.const 0) (i32.const 32) (i32.const 5) (i32.const 0) (i32.const 4)))
      (then (drop (call $enqueue (i32.load (i32.const 8)) (i32.const 1028) (i32.load (i32.const 4))))))
    (i32.const 0))
  (func (export "proxy_on_queue_ready") (param $root i32) (param $queue i32)
    (if (i32.eq (global.get $mode) (i32.const 110)) ;; n
      (then (drop (call $log (i32.const 2) (i32.const 48) (i32.const 4))) (return)))
    (loop $more
      (if (call $dequeue (local.get $queue) (i32.const 0) (i32.const 4)) (then (return)))
      (if (i32.eq (i32.load (i32.const 1028)) (i32.const 0x73617263)) ;; cras
        (then unreachable))
      (drop (call $log (i32.const 2) (i32.const 1024) (i32.add (i32.const 4) (i32.load (i32.const 4)))))
      (br_if $more (i32.eq (global.get $mode) (i32.const 97)))))) ;; a
