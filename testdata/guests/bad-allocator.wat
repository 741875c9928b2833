;; bad-allocator has an allocator that answers what "mode" was set to: 0 no memory, 1 a trap, 2 an
;; address far outside of the memory, 3 grows the memory and gives the new page, 4 calls the host.
(module
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (global $mode (mut i32) (i32.const 0))
  (data (i32.const 16) "name")
  (func (export "mode") (param $mode i32) (global.set $mode (local.get $mode)))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (block $host (block $grow (block $outside (block $trap (block $none
      (br_table $none $trap $outside $grow $host (global.get $mode)))
      (return (i32.const 0)))
      (unreachable))
      (return (i32.const 0x7fff0000)))
      (return (i32.mul (memory.grow (i32.const 1)) (i32.const 65536))))
    ;; What the host answers inside of the allocator goes to 128 and 132.
    (i32.store (i32.const 128) (call $property (i32.const 16) (i32.const 4) (i32.const 136) (i32.const 140)))
    (i32.store (i32.const 132) (call $log (i32.const 2) (i32.const 16) (i32.const 4)))
    (i32.const 1024))
  ;; property asks the host for a property, whose value lands where the allocator says.
  (func (export "property") (result i32)
    (call $property (i32.const 16) (i32.const 4) (i32.const 8) (i32.const 12))))
