;; large-grower has two megabytes of memory from the start, and grow gives it another page. It is no filter.
(module
  (memory (export "memory") 32)
  (func (export "grow") (param $times i32) (result i32) (memory.grow (local.get $times))))
