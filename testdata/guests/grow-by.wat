;; grow-by has one page of memory. grow asks for another again and again in a loop without calls, and says how often it got
;; one; at-once asks for so many at once. It is no filter.
(module
  (memory (export "memory") 1)
  (func (export "grow") (param $times i32) (result i32) (local $got i32)
    (loop $again
      (local.set $got (i32.add (local.get $got) (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $got))
  (func (export "at-once") (param $pages i32) (result i32) (memory.grow (local.get $pages))))
