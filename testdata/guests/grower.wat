;; grower has one page of memory, and grow gives it another: 1 when it got it, 0 when it did not. It is no filter.
(module
  (memory (export "memory") 1)
  (func (export "grow") (result i32)
    (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
