;; rests counts down from its first argument, waits in a host call, and counts down from its second.
(module
  (import "env" "wait" (func $wait))
  (memory (export "memory") 1)
  (func $count (param $n i32)
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "work") (param $before i32) (param $after i32)
    (call $count (local.get $before))
    (call $wait)
    (call $count (local.get $after))))
