;; wants-resource asks, by the property sluice.references, that what the resource in a request's path is be found out before it is
;; called, and puts into the request what it then reads: x-id from docker.resource.full_id, x-owner from docker.resource.owner. It
;; tries to say so itself first, which nobody is to believe.
(module
  (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value"
    (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "sluice\00references")
  (data (i32.const 48) "resource")
  (data (i32.const 64) "docker\00resource\00full_id")
  (data (i32.const 96) "docker\00resource\00owner")
  (data (i32.const 128) "x-id")
  (data (i32.const 144) "x-owner")
  (data (i32.const 160) "forged")
  (global $heap (mut i32) (i32.const 4096))
  (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (local.get $at))
  (func (export "proxy_abi_version_0_2_1"))

  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (i32.eqz (call $set (i32.const 16) (i32.const 17) (i32.const 48) (i32.const 8))))

  ;; show reads a property and adds it as a field, if there is one.
  (func $show (param $path i32) (param $path_size i32) (param $name i32) (param $name_size i32)
    (drop (call $set (local.get $path) (local.get $path_size) (i32.const 160) (i32.const 6)))
    (if (i32.eqz (call $get (local.get $path) (local.get $path_size) (i32.const 256) (i32.const 260)))
      (then (drop (call $add (i32.const 0) (local.get $name) (local.get $name_size)
        (i32.load (i32.const 256)) (i32.load (i32.const 260)))))))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (global.set $heap (i32.const 4096))
    (call $show (i32.const 64) (i32.const 23) (i32.const 128) (i32.const 4))
    (call $show (i32.const 96) (i32.const 21) (i32.const 144) (i32.const 7))
    (i32.const 0)))
