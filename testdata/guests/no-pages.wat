;; no-pages has a memory of nothing, which cannot grow, and loops: it is interrupted all the same.
(module
  (memory (export "memory") 0 0)
  (func (export "spin") (result i32)
    (local $x f64)
    (loop $on
      (local.set $x (f64.sqrt (f64.add (local.get $x) (f64.const 1))))
      (br $on))
    (unreachable)))
