;; route-metadata gives a request the property that a route of Envoy's may have for its Wasm filters, under the key auth: the
;; value of its field x-auth, if it has one.
(module
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "x-auth")
  (data (i32.const 32) "route_metadata\00filter_metadata\00envoy.filters.http.wasm\00auth")
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
    (if (i32.eqz (call $header (i32.const 0) (i32.const 16) (i32.const 6) (i32.const 256) (i32.const 260)))
      (then (drop (call $set (i32.const 32) (i32.const 59) (i32.load (i32.const 256)) (i32.load (i32.const 260))))))
    (i32.const 0)))
