;; Bulk operations as they are told, alone and in a loop without calls, in which metering keeps the fuel in a local.
(module
  (memory (export "memory") 1 2)
  (data $d "0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
  (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32) (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
  (func (export "all") (param $to i32) (param $from i32) (param $length i32) (local $n i32)
    (loop $again
      (memory.fill (i32.add (local.get $to) (local.get $n)) (i32.add (local.get $n) (i32.const 33)) (local.get $length))
      (memory.init $d (i32.add (local.get $from) (local.get $n)) (local.get $n) (i32.and (local.get $length) (i32.const 63)))
      (memory.copy (local.get $to) (i32.add (local.get $from) (local.get $n)) (local.get $length))
      (memory.copy (i32.add (local.get $to) (local.get $n)) (local.get $to) (local.get $length))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 4)))))
  (func (export "drop") (param i32 i32 i32) (data.drop $d)))
