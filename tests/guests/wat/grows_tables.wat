;; Takes places in a table, 10,000 at a time, until it is refused, and traps then. No compiler of the
;; languages that filters are written in makes a table grow, so this one is written by hand.
(component
  (type $records (instance
    (type $batch' (record
      (field "text" (list u8)) (field "ends" (list u32)) (field "times" (list u64))
      (field "streams" (list u8)) (field "last" bool)))
    (export "batch" (type $batch (eq $batch')))
    (type $splice' (record (field "start" u32) (field "end" u32) (field "text" (list u8))))
    (export "splice" (type $splice (eq $splice')))
    (type $change' (variant
      (case "drop") (case "replace" (list u8)) (case "splice" $splice) (case "set-time" u64)
      (case "route" string) (case "add" (list u8))))
    (export "change" (type $change (eq $change')))
    (type $edit' (record (field "at" u32) (field "change" $change)))
    (export "edit" (type $edit (eq $edit')))
    (type $outcome' (record (field "edits" (list $edit)) (field "hold" u32)))
    (export "outcome" (type $outcome (eq $outcome')))
  ))
  (import "logsieve:filter/records@0.1.0" (instance $imported (type $records)))
  (alias export $imported "batch" (type $batch))
  (alias export $imported "outcome" (type $outcome))

  (core module $module
    (memory (export "memory") 16)
    (table 1 funcref)
    (global $free (mut i32) (i32.const 1024))
    ;; The next free place, of any size: nothing is given back.
    (func (export "realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get $at) (local.get $bytes)))
      (local.get $at))
    ;; Zeroes at place 0 say `ok`.
    (func (export "configure") (param i32 i32) (result i32) (i32.const 0))
    (func (export "process") (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      (loop $more
        (br_if $more (i32.ne
          (table.grow 0 (ref.null func) (i32.const 10000))
          (i32.const -1))))
      unreachable)
  )
  (core instance $instance (instantiate $module))
  (alias core export $instance "memory" (core memory $memory))
  (alias core export $instance "realloc" (core func $realloc))

  (func $configure (param "settings" string) (result (result (error string)))
    (canon lift (core func $instance "configure") (memory $memory) (realloc $realloc)))
  (func $process (param "batch" $batch) (result (result $outcome (error string)))
    (canon lift (core func $instance "process") (memory $memory) (realloc $realloc)))
  (instance $filter
    (export "configure" (func $configure))
    (export "process" (func $process)))
  (export "logsieve:filter/filter@0.1.0" (instance $filter))
)
