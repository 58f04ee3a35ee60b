//! The kit of C, which lies beneath: `logsieve.h` in Zig's words. Not for authors.
pub const Batch = opaque {};
pub const Settings = opaque {};
pub const Patterns = extern struct { handle: i32 };
pub const Found = extern struct { at: u32, pattern: u32, start: u32, end: u32 };

pub const Text = extern struct {
    ptr: [*]const u8,
    len: usize,

    pub fn of(text: []const u8) Text {
        return .{ .ptr = text.ptr, .len = text.len };
    }

    pub fn bytes(self: Text) []const u8 {
        return self.ptr[0..self.len];
    }
};

pub extern fn ls_count_records(batch: *const Batch) usize;
pub extern fn ls_record(batch: *const Batch, at: usize) Text;
pub extern fn ls_time(batch: *const Batch, at: usize) u64;
pub extern fn ls_stream(batch: *const Batch, at: usize) c_int;
pub extern fn ls_is_last(batch: *const Batch) bool;
pub extern fn ls_discard(batch: *Batch, at: usize) void;
pub extern fn ls_replace(batch: *Batch, at: usize, text: Text) void;
pub extern fn ls_splice(batch: *Batch, at: usize, start: usize, end: usize, text: Text) void;
pub extern fn ls_add(batch: *Batch, at: usize, text: Text) void;
pub extern fn ls_set_time(batch: *Batch, at: usize, nanoseconds: u64) void;
pub extern fn ls_route(batch: *Batch, at: usize, destination: Text) void;
pub extern fn ls_hold(batch: *Batch, count: usize) void;
pub extern fn ls_origin(name: [*:0]const u8, value: *Text) bool;
pub extern fn ls_compile(set: *Patterns, patterns: [*]const Text, count: usize) ?[*:0]const u8;
pub extern fn ls_find_all(set: Patterns, found: *[*]const Found) usize;
pub extern fn ls_find_records(set: Patterns, records: *[*]const u32) usize;
pub extern fn ls_log(level: u8, message: Text) void;
pub extern fn ls_count(name: [*:0]const u8, by: u64) void;
pub extern fn ls_get_text(settings: *const Settings, key: [*:0]const u8, value: *Text) bool;
pub extern fn ls_get_number(settings: *const Settings, key: [*:0]const u8, value: *f64) bool;
pub extern fn ls_get_bool(settings: *const Settings, key: [*:0]const u8, value: *bool) bool;
pub extern fn ls_get_texts(settings: *const Settings, key: [*:0]const u8, values: [*]Text, max: usize, count: *usize) bool;
pub extern fn ls_unknown_key(settings: *const Settings, known: [*]const ?[*:0]const u8, key: *Text) bool;
pub extern fn ls_allocate(bytes: usize) [*]u8;
pub extern fn ls_run(settings: [*:0]const u8, log: [*:0]const u8) [*:0]const u8;
pub extern fn ls_set_fact(name: [*:0]const u8, value: [*:0]const u8) void;
