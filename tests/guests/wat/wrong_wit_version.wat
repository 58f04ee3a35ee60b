;; A filter for a contract that this agent does not know: it has all that a filter needs, under another
;; version's name.
(component
  (instance $filter)
  (export "logsieve:filter/filter@0.9.0" (instance $filter))
)
