;; hungry takes as much of something as a request's x-hungry says, and answers 200 with how often it got it, in decimal. The
;; header is a letter and a number of times: b1000 (goes round a loop a thousand times), m (grows its memory by a page), k (sets a
;; key of its own, with 100 bytes), g (gets that key), q (puts 100 bytes into the queue q), w (takes what is first in it), l (logs
;; 100 bytes), d (defines a counter of its own), h (calls the upstream svc, and does not wait). B is b without an answer: the
;; request goes on. Without the header, and on a tick, it does nothing; on a body it goes round the loop once for each byte.
(module
  (import "env" "proxy_get_header_map_value"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $fetch (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call"
    (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "x-hungry")
  (data (i32.const 32) "q")
  (data (i32.const 36) "svc")
  (data (i32.const 48) "hungry_0000")                     ;; a name; its last four bytes count
  (data (i32.const 128) "one hundred bytes, ")             ;; what is stored and said
  ;; :method GET, :path /, :authority svc
  (data (i32.const 256)
    "\03\00\00\00" "\07\00\00\00\03\00\00\00" "\05\00\00\00\01\00\00\00" "\0a\00\00\00\03\00\00\00"
    ":method\00GET\00:path\00/\00:authority\00svc\00")
  (global $heap (mut i32) (i32.const 4096))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (if (i32.gt_u (i32.add (global.get $heap) (local.get $size)) (i32.const 60000))
      (then (global.set $heap (i32.const 4096))))          ;; nothing is kept for long
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_tick") (param i32))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32))

  (func $burn (param $times i32)
    (block $end
      (loop $again
        (br_if $end (i32.eqz (local.get $times)))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $again))))

  ;; letters a to p for the four hexadecimal digits of $n, at 55
  (func $number (param $n i32)
    (i32.store8 (i32.const 55) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 12)) (i32.const 15))))
    (i32.store8 (i32.const 56) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 8)) (i32.const 15))))
    (i32.store8 (i32.const 57) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $n) (i32.const 4)) (i32.const 15))))
    (i32.store8 (i32.const 58) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15)))))

  ;; takes once; 0 is a success
  (func $take (param $what i32) (param $n i32) (result i32)
    (call $number (local.get $n))
    (if (i32.or (i32.eq (local.get $what) (i32.const 98)) (i32.eq (local.get $what) (i32.const 66)))    ;; b, B
      (then (call $burn (i32.const 1)) (return (i32.const 0))))
    (if (i32.eq (local.get $what) (i32.const 109))         ;; m
      (then (return (i32.eq (memory.grow (i32.const 1)) (i32.const -1)))))
    (if (i32.eq (local.get $what) (i32.const 107))         ;; k
      (then (return (call $set (i32.const 48) (i32.const 11) (i32.const 128) (i32.const 100) (i32.const 0)))))
    (if (i32.eq (local.get $what) (i32.const 113))         ;; q
      (then
        (drop (call $register (i32.const 32) (i32.const 1) (i32.const 8)))
        (return (call $enqueue (i32.load (i32.const 8)) (i32.const 128) (i32.const 100)))))
    (if (i32.eq (local.get $what) (i32.const 103))         ;; g
      (then (return (call $fetch (i32.const 48) (i32.const 11) (i32.const 0) (i32.const 4) (i32.const 8)))))
    (if (i32.eq (local.get $what) (i32.const 119))         ;; w
      (then
        (drop (call $register (i32.const 32) (i32.const 1) (i32.const 8)))
        (return (call $dequeue (i32.load (i32.const 8)) (i32.const 0) (i32.const 4)))))
    (if (i32.eq (local.get $what) (i32.const 108))         ;; l
      (then (return (call $log (i32.const 2) (i32.const 128) (i32.const 100)))))
    (if (i32.eq (local.get $what) (i32.const 100))         ;; d
      (then (return (call $define (i32.const 0) (i32.const 48) (i32.const 11) (i32.const 8)))))
    (if (i32.eq (local.get $what) (i32.const 104))         ;; h
      (then (return (call $call (i32.const 36) (i32.const 3) (i32.const 256) (i32.const 63)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 5000) (i32.const 8)))))
    (i32.const 1))

  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (local $at i32) (local $end i32) (local $times i32) (local $i i32) (local $got i32) (local $what i32)
    (if (call $get (i32.const 0) (i32.const 16) (i32.const 8) (i32.const 0) (i32.const 4))
      (then (return (i32.const 0))))
    (local.set $at (i32.load (i32.const 0)))
    (local.set $end (i32.add (local.get $at) (i32.load (i32.const 4))))
    (local.set $what (i32.load8_u (local.get $at)))
    (block $read
      (loop $digit
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $read (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $times (i32.add (i32.mul (local.get $times) (i32.const 10)) (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
        (br $digit)))
    (block $taken
      (loop $more
        (br_if $taken (i32.ge_u (local.get $i) (local.get $times)))
        (if (i32.eqz (call $take (local.get $what) (local.get $i)))
          (then (local.set $got (i32.add (local.get $got) (i32.const 1)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $more)))
    (if (i32.eq (local.get $what) (i32.const 66)) (then (return (i32.const 0))))
    ;; decimal, backwards from 120
    (local.set $at (i32.const 120))
    (loop $digits
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $got) (i32.const 10))))
      (local.set $got (i32.div_u (local.get $got) (i32.const 10)))
      (br_if $digits (local.get $got)))
    (drop (call $answer (i32.const 200) (i32.const 0) (i32.const 0) (local.get $at) (i32.sub (i32.const 120) (local.get $at))
      (i32.const 0) (i32.const 0) (i32.const -1)))
    (i32.const 1))

  (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $eos i32) (result i32)
    (call $burn (local.get $size))
    (i32.const 0)))
