;; assemblyscript-abort imports what AssemblyScript's compiler leaves to the host where it is not told otherwise.
(module
  (import "env" "abort" (func (param i32 i32 i32 i32)))
  (import "env" "seed" (func (result f64)))
  (memory (export "memory") 1)
  (func (export "malloc") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1")))
