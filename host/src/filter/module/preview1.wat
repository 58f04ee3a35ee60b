;; WASI preview 1 with nothing behind it, for programs whose compiler knows no other target (Go, C with
;; stdio): no files, no environment, no arguments. What is written to standard output and error goes to
;; the agent's log; the clock is a counter (1 us a call); randomness is a fixed sequence, so nothing
;; secret may come from it; exit traps.
;;
;; The adapter that everybody uses would call WASI 0.2, and traps under Go: a collection that begins
;; inside `cabi_realloc` reads the clock, and a call out of a component is forbidden there. This one
;; calls out only to write. It keeps no memory of its own, since Go believes that all of it is Go's.
(module
  (import "env" "memory" (memory 0))
  (import "logsieve:filter/report@0.1.0" "log" (func $log (param i32 i32 i32)))
  (global $random (mut i64) (i64.const 0x9e3779b97f4a7c15))
  (global $now (mut i64) (i64.const 1000000000))

  (func $two_zeros (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.const 0))
    (i32.store (local.get 1) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $two_zeros))
  (export "environ_sizes_get" (func $two_zeros))
  (func $done (param i32 i32) (result i32) (i32.const 0))
  (export "args_get" (func $done))
  (export "environ_get" (func $done))
  (export "fd_fdstat_set_flags" (func $done))
  (func (export "fd_close") (param i32) (result i32) (i32.const 0))
  (func (export "sched_yield") (result i32) (i32.const 0))
  (func (export "proc_exit") (param i32) unreachable)
  (func (export "adapter_monotonic_clock_set_paused") (param i32))

  ;; No file but the three standard ones, and no folder: 8 is EBADF, 70 ESPIPE.
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 70))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32)
    (i32.store (local.get 3) (i32.const 0))
    (i32.const 0))
  (func (export "fd_fdstat_get") (param $fd i32) (param $out i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get $out) (i64.const 2)) ;; a character device, no flags
    (i64.store offset=8 (local.get $out) (i64.const 0))
    (i64.store offset=16 (local.get $out) (i64.const 0))
    (i32.const 0))

  ;; The rest is of files and sockets, which nobody can have opened. A program that is linked with it may
  ;; never call it: Zig's and C's ways to print are.
  (func $fd (param i32) (result i32) (i32.const 8))
  (export "fd_datasync" (func $fd))
  (export "fd_sync" (func $fd))
  (export "proc_raise" (func $fd))
  (func $fd_i32 (param i32 i32) (result i32) (i32.const 8))
  (export "fd_filestat_get" (func $fd_i32))
  (export "fd_renumber" (func $fd_i32))
  (export "fd_tell" (func $fd_i32))
  (export "sock_shutdown" (func $fd_i32))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func $fd_i64_i64 (param i32 i64 i64) (result i32) (i32.const 8))
  (export "fd_allocate" (func $fd_i64_i64))
  (export "fd_fdstat_set_rights" (func $fd_i64_i64))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func $fd_at (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (export "fd_pread" (func $fd_at))
  (export "fd_pwrite" (func $fd_at))
  (export "fd_readdir" (func $fd_at))
  (func $three (param i32 i32 i32) (result i32) (i32.const 8))
  (export "path_create_directory" (func $three))
  (export "path_remove_directory" (func $three))
  (export "path_unlink_file" (func $three))
  (export "sock_accept" (func $three))
  (func $five (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (export "path_filestat_get" (func $five))
  (export "path_symlink" (func $five))
  (export "sock_send" (func $five))
  (func $six (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (export "path_readlink" (func $six))
  (export "path_rename" (func $six))
  (export "sock_recv" (func $six))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))

  (func (export "fd_write") (param $fd i32) (param $iov i32) (param $count i32) (param $written i32) (result i32)
    (local $sum i32)
    (if (i32.ge_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 2))
      (then (return (i32.const 8))))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $count)))
        (call $say
          ;; `info` for standard output, `error` for standard error
          (i32.sub (i32.shl (local.get $fd) (i32.const 1)) (i32.const 1))
          (i32.load (local.get $iov))
          (i32.add (i32.load (local.get $iov)) (i32.load offset=4 (local.get $iov))))
        (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $iov))))
        (local.set $iov (i32.add (local.get $iov) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  ;; Logs the lines in at..end. What is not UTF-8 is passed over, as it would be an error to log it.
  (func $say (param $level i32) (param $at i32) (param $end i32)
    (local $start i32) (local $len i32)
    (local.set $start (local.get $at))
    (loop $next
      (local.set $len
        (if (result i32) (i32.lt_u (local.get $at) (local.get $end))
          (then (call $character (local.get $at) (local.get $end)))
          (else (i32.const 0))))
      ;; A line ends at its newline, at a byte that is not UTF-8, and at the end.
      (if (i32.and
            (i32.ne (local.get $len) (i32.const 0))
            (i32.ne (i32.load8_u (local.get $at)) (i32.const 10)))
        (then
          (local.set $at (i32.add (local.get $at) (local.get $len)))
          (br $next)))
      (if (i32.lt_u (local.get $start) (local.get $at))
        (then (call $log (local.get $level) (local.get $start) (i32.sub (local.get $at) (local.get $start)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $start (local.get $at))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))

  ;; The length of the UTF-8 character that begins at `at`, or 0 where none does.
  (func $character (param $at i32) (param $end i32) (result i32)
    (local $first i32) (local $len i32) (local $second i32) (local $least i32) (local $most i32)
    (local.set $first (i32.load8_u (local.get $at)))
    (if (i32.lt_u (local.get $first) (i32.const 0x80)) (then (return (i32.const 1))))
    (if (i32.lt_u (local.get $first) (i32.const 0xc2)) (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $first) (i32.const 0xf4)) (then (return (i32.const 0))))
    (local.set $len
      (i32.add (i32.const 2)
        (i32.add (i32.ge_u (local.get $first) (i32.const 0xe0)) (i32.ge_u (local.get $first) (i32.const 0xf0)))))
    (if (i32.gt_u (local.get $len) (i32.sub (local.get $end) (local.get $at))) (then (return (i32.const 0))))
    ;; The second byte rules out what is too long, surrogates, and what lies behind the last character.
    (local.set $least (i32.const 0x80))
    (local.set $most (i32.const 0xbf))
    (if (i32.eq (local.get $first) (i32.const 0xe0)) (then (local.set $least (i32.const 0xa0))))
    (if (i32.eq (local.get $first) (i32.const 0xed)) (then (local.set $most (i32.const 0x9f))))
    (if (i32.eq (local.get $first) (i32.const 0xf0)) (then (local.set $least (i32.const 0x90))))
    (if (i32.eq (local.get $first) (i32.const 0xf4)) (then (local.set $most (i32.const 0x8f))))
    (local.set $second (i32.load8_u offset=1 (local.get $at)))
    (if (i32.lt_u (local.get $second) (local.get $least)) (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $second) (local.get $most)) (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $len) (i32.const 2))
      (then
        (if (i32.ne (i32.and (i32.load8_u offset=2 (local.get $at)) (i32.const 0xc0)) (i32.const 0x80))
          (then (return (i32.const 0))))))
    (if (i32.gt_u (local.get $len) (i32.const 3))
      (then
        (if (i32.ne (i32.and (i32.load8_u offset=3 (local.get $at)) (i32.const 0xc0)) (i32.const 0x80))
          (then (return (i32.const 0))))))
    (local.get $len))

  (func (export "clock_res_get") (param i32) (param $out i32) (result i32)
    (i64.store (local.get $out) (i64.const 1000))
    (i32.const 0))
  (func (export "clock_time_get") (param i32 i64) (param $out i32) (result i32)
    (global.set $now (i64.add (global.get $now) (i64.const 1000)))
    (i64.store (local.get $out) (global.get $now))
    (i32.const 0))

  ;; Every subscription is ready at once; a sleep moves the clock.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $ready i32) (result i32)
    (i64.store (local.get $out) (i64.load (local.get $in)))
    (i64.store offset=8 (local.get $out) (i64.const 0))
    (global.set $now (i64.add (global.get $now) (i64.const 1000000)))
    (i32.store (local.get $ready) (i32.const 1))
    (i32.const 0))

  (func (export "random_get") (param $at i32) (param $count i32) (result i32)
    (local $x i64)
    (local.set $x (global.get $random))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $count)))
        (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
        (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
        (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
        (i32.store8 (local.get $at) (i32.wrap_i64 (local.get $x)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (global.set $random (local.get $x))
    (i32.const 0))
)
