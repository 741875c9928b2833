;; events-of asks for the records of streams and drops those that do not contain the text that is its configuration. Of the
;; others it replaces those that contain "die" by {"status":"gone","Type":"container","Action":"gone","Actor":{}}.
(module
  (import "env" "proxy_set_property" (func $ask (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $read (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 64)
  (data (i32.const 16) "sluice\00response_body")
  (data (i32.const 48) "records")
  (data (i32.const 64) "\"die\"")
  (data (i32.const 128) "{\"status\":\"gone\",\"Type\":\"container\",\"Action\":\"gone\",\"Actor\":{}}")
  (global $heap (mut i32) (i32.const 65536))
  (global $text (mut i32) (i32.const 1024))
  (global $size (mut i32) (i32.const 0))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) (global.get $heap))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_configure") (param $id i32) (param $size i32) (result i32)
    ;; The configuration is a JSON text in quotes, which are not looked for.
    (global.set $heap (i32.const 1024))
    (drop (call $read (i32.const 7) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4)))
    (global.set $heap (i32.const 65536))
    (global.set $text (i32.const 1025))
    (global.set $size (i32.sub (local.get $size) (i32.const 2)))
    (drop (call $ask (i32.const 16) (i32.const 20) (i32.const 48) (i32.const 7)))
    (i32.const 1))

  ;; contains tells whether size bytes at $at have the text somewhere.
  (func $contains (param $at i32) (param $size i32) (param $text i32) (param $length i32) (result i32)
    (local $i i32)
    (block $no
      (loop $next
        (br_if $no (i32.lt_u (local.get $size) (local.get $length)))
        (local.set $i (i32.const 0))
        (block $differs
          (loop $letter
            (if (i32.eq (local.get $i) (local.get $length)) (then (return (i32.const 1))))
            (br_if $differs (i32.ne
              (i32.load8_u (i32.add (local.get $at) (local.get $i)))
              (i32.load8_u (i32.add (local.get $text) (local.get $i)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $letter)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $size (i32.sub (local.get $size) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  (func (export "proxy_on_response_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
    (if (i32.eqz (local.get $size)) (then (return (i32.const 0))))
    (drop (call $read (i32.const 1) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4)))
    (if (i32.eqz (call $contains (i32.load (i32.const 0)) (local.get $size) (global.get $text) (global.get $size)))
      (then (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0x7fffffff) (i32.const 0) (i32.const 0))))
      (else
        (if (call $contains (i32.load (i32.const 0)) (local.get $size) (i32.const 64) (i32.const 5))
          (then (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0x7fffffff) (i32.const 128) (i32.const 63)))))))
    (i32.const 0)))
