//! Filters for the logsieve agent, in Zig. An author writes a file with some of these, and exports it:
//!
//!     pub fn record(record: Record) void            // judges one record at a time
//!     pub fn batch(batch: Batch) !void              // looks at neighbours, holds back, or uses patterns
//!     pub const Settings = struct { ... };          // the operator's settings: fields with defaults
//!     pub fn configure(settings: Settings) !void    // once, before the first batch
//!
//!     pub const panic = logsieve.panic;             // the agent's log says what ended the filter
//!     comptime {
//!         logsieve.exportFilter(@This());
//!     }
//!
//! An error in `configure` refuses the settings, and one in `batch` says that the whole batch cannot be
//! judged: `return logsieve.fail("no table {s}", .{name})` says why. Text is bytes: log lines need not be
//! UTF-8, and may be empty. What the kit hands out is valid until the function that it was handed to
//! returns (settings stay), and so is what `allocator` gives; what is handed to the kit is copied. What a
//! filter keeps from one call to the next must not matter for what comes out.
const std = @import("std");
const c = @import("c.zig");

pub const Error = error{Failed};

/// A record: what is in it, and what shall become of it. A record that nothing is done to passes as it is,
/// and costs nothing. Discarding beats replacing, and replacing beats splicing, in whatever order they
/// are called; of several texts, times or routes the last counts.
pub const Record = struct {
    in: *c.Batch,
    /// Its place in the batch, from 0.
    at: usize,

    pub fn text(self: Record) []const u8 {
        return c.ls_record(self.in, self.at).bytes();
    }

    /// Nanoseconds since the Unix epoch.
    pub fn time(self: Record) u64 {
        return c.ls_time(self.in, self.at);
    }

    pub fn stream(self: Record) Stream {
        return if (c.ls_stream(self.in, self.at) == 2) .stderr else .stdout;
    }

    /// Does not forward the record. Records added to it are still forwarded.
    pub fn discard(self: Record) void {
        c.ls_discard(self.in, self.at);
    }

    pub fn replace(self: Record, new: []const u8) void {
        c.ls_replace(self.in, self.at, .of(new));
    }

    /// Puts `new` in place of the bytes start..end, whatever was spliced before.
    pub fn splice(self: Record, start: usize, end: usize, new: []const u8) void {
        c.ls_splice(self.in, self.at, start, end, .of(new));
    }

    /// Forwards one more record after this one, with its stream, time and route.
    pub fn add(self: Record, new: []const u8) void {
        c.ls_add(self.in, self.at, .of(new));
    }

    pub fn setTime(self: Record, nanoseconds: u64) void {
        c.ls_set_time(self.in, self.at, nanoseconds);
    }

    /// Sends it to another destination, one of those that the operator lets this filter choose.
    pub fn route(self: Record, destination: []const u8) void {
        c.ls_route(self.in, self.at, .of(destination));
    }
};

pub const Stream = enum { stdout, stderr };

/// Records of one container, in the order of its log: at least one.
pub const Batch = struct {
    in: *c.Batch,

    pub fn len(self: Batch) usize {
        return c.ls_count_records(self.in);
    }

    pub fn record(self: Batch, at: usize) Record {
        return .{ .in = self.in, .at = at };
    }

    /// Nothing may be held back: the container is quiet or has ended.
    pub fn isLast(self: Batch) bool {
        return c.ls_is_last(self.in);
    }

    /// Shows the last `count` records again, in front of the next batch: their event is not complete yet.
    /// Not when the batch is the last, and no held record may be changed.
    pub fn hold(self: Batch, held: usize) void {
        c.ls_hold(self.in, held);
    }
};

/// Regular expressions, run by the agent at native speed. Compile them in `configure`.
pub const Patterns = struct {
    set: c.Patterns,

    pub fn compile(expressions: []const []const u8) Error!Patterns {
        var texts: [64]c.Text = undefined;
        if (expressions.len > texts.len) return failIn(&.{"more than 64 patterns"});
        for (expressions, texts[0..expressions.len]) |expression, *text| text.* = .of(expression);
        var made: Patterns = undefined;
        const why = c.ls_compile(&made.set, &texts, expressions.len) orelse return made;
        return failIn(&.{std.mem.span(why)});
    }

    /// Every match in the batch in hand: by record, then by place.
    pub fn find(self: Patterns) []const Found {
        var found: [*]const Found = undefined;
        const len = c.ls_find_all(self.set, &found);
        return found[0..len];
    }

    /// The records in which any pattern matches. Cheaper than `find`.
    pub fn records(self: Patterns) []const u32 {
        var found: [*]const u32 = undefined;
        const len = c.ls_find_records(self.set, &found);
        return found[0..len];
    }
};

pub const Found = c.Found;

/// A fact about the container that wrote the batch, by OpenTelemetry name: `k8s.pod.name`.
pub fn origin(name: []const u8) ?[]const u8 {
    var value: c.Text = undefined;
    return if (c.ls_origin(zero(name), &value)) value.bytes() else null;
}

pub const Level = enum(u8) { debug = 'd', info = 'i', warn = 'w', err = 'e' };

/// Writes to the agent's log: 10 messages a second.
pub fn log(level: Level, text: []const u8) void {
    c.ls_log(@backingInt(level), .of(text));
}

/// Adds to a counter, which the agent shows as a metric: `[a-z][a-z0-9_]*`, at most 32 names.
pub fn count(name: []const u8, by: u64) void {
    c.ls_count(zero(name), by);
}

/// For tests, natively: `zig test filter.zig kit/native/testing.c -lc`. Shows the lines of a log to the filter, in
/// one batch that is the last, and gives back the lines that would be forwarded; or `refused: ` and what the
/// filter says of its settings (JSON) or of the batch. Patterns are run by the agent, and not here.
pub fn run(settings: [:0]const u8, lines: [:0]const u8) []const u8 {
    return std.mem.span(c.ls_run(settings, lines));
}

/// What `origin` knows from now on, in tests.
pub fn setFact(name: [:0]const u8, value: [:0]const u8) void {
    c.ls_set_fact(name, value);
}

/// Memory until the call ends; nothing of it needs to be freed.
pub const allocator: std.mem.Allocator = .{ .ptr = undefined, .vtable = &.{
    .alloc = allocate,
    .resize = std.mem.Allocator.noResize,
    .remap = std.mem.Allocator.noRemap,
    .free = std.mem.Allocator.noFree,
} };

fn allocate(_: *anyopaque, len: usize, alignment: std.mem.Alignment, _: usize) ?[*]u8 {
    return if (alignment.toByteUnits() <= 16) c.ls_allocate(len) else null;
}

/// The message of the error that is on its way; longer ones are cut by the agent as well.
var message: [1024]u8 = undefined;

/// An error, in words.
pub fn fail(comptime format: []const u8, arguments: anytype) Error {
    const text = std.fmt.bufPrint(message[0 .. message.len - 1], format, arguments) catch
        message[0 .. message.len - 1];
    return failed(text.len);
}

/// The same in words that only need to be put together, for the kit: a format is code for each.
noinline fn failIn(words: []const []const u8) Error {
    var len: usize = 0;
    for (words) |word| {
        const fits = @min(word.len, message.len - 1 - len);
        @memcpy(message[len..][0..fits], word[0..fits]);
        len += fits;
    }
    return failed(len);
}

fn failed(said: usize) Error {
    var len = said;
    if (len == message.len - 1) {
        // Cut off, and not in the middle of a character: what is said has to be UTF-8.
        while (len > 0 and message[len - 1] & 0xc0 == 0x80) len -= 1;
        if (len > 0 and message[len - 1] >= 0xc0) len -= 1;
    }
    message[len] = 0;
    return error.Failed;
}

/// Where a panic ends: the agent's log says why, and the call ends as a trap. Zig's own way would bring along
/// all of its means to print. In the filter's file: `pub const panic = logsieve.panic;`
pub const panic = std.debug.FullPanic(giveUp);

fn giveUp(why: []const u8, _: ?usize) noreturn {
    log(.err, why);
    @trap();
}

/// Makes a file the filter of its module. Once, in the file itself.
pub fn exportFilter(comptime Filter: type) void {
    if (!@hasDecl(Filter, "record") and !@hasDecl(Filter, "batch"))
        @compileError("the filter has neither `record` nor `batch`");
    if (!@hasDecl(Filter, "panic"))
        @compileError("the filter has no `pub const panic = logsieve.panic;`, and nobody would see why it ends");
    const calls = struct {
        fn configure(given: *const c.Settings) callconv(.c) ?[*:0]const u8 {
            return inWords(if (@hasDecl(Filter, "Settings")) configured(Filter, given) else refused(given));
        }

        fn process(in: *c.Batch) callconv(.c) ?[*:0]const u8 {
            const batch: Batch = .{ .in = in };
            if (@hasDecl(Filter, "batch")) return inWords(Filter.batch(batch));
            for (0..batch.len()) |at| Filter.record(batch.record(at));
            return null;
        }
    };
    @export(&calls.configure, .{ .name = "filter_configure" });
    @export(&calls.process, .{ .name = "filter_batch" });
}

fn inWords(result: anytype) ?[*:0]const u8 {
    result catch |err| {
        if (err != error.Failed) failIn(&.{nameOf(err)}) catch {};
        return @ptrCast(&message);
    };
    return null;
}

/// `@errorName` would bring the names of all errors of the standard library along.
fn nameOf(err: anytype) []const u8 {
    switch (err) {
        inline else => |one| return comptime @errorName(one),
    }
}


fn refused(given: *const c.Settings) Error!void {
    const none = [_]?[*:0]const u8{null};
    return known(given, &none);
}

fn known(given: *const c.Settings, names: [*]const ?[*:0]const u8) Error!void {
    var key: c.Text = undefined;
    if (c.ls_unknown_key(given, names, &key)) return failIn(&.{ "settings: there is no `", key.bytes(), "`" });
}

fn configured(comptime Filter: type, given: *const c.Settings) !void {
    const names = comptime std.meta.fieldNames(Filter.Settings);
    comptime var ended: [names.len + 1]?[*:0]const u8 = undefined;
    inline for (names, 0..) |name, n| ended[n] = name;
    ended[names.len] = null;
    const all = ended;
    try known(given, &all);
    var settings: Filter.Settings = .{};
    inline for (names) |name| try read(given, name, &@field(settings, name));
    try Filter.configure(settings);
}

/// Reads a setting into its field, which keeps what it is where the setting is left out.
fn read(given: *const c.Settings, comptime name: [:0]const u8, field: anytype) Error!void {
    const fits, const what = switch (@TypeOf(field.*)) {
        bool => .{ c.ls_get_bool(given, name, field), "true or false" },
        f64 => .{ c.ls_get_number(given, name, field), "a number" },
        []const u8 => .{ readText(given, name, field), "a text" },
        []const []const u8 => .{ readTexts(given, name, field), "a list of at most 64 texts" },
        else => @compileError("a setting is a bool, an f64, a text or a list of texts: " ++ name),
    };
    if (!fits) return failIn(&.{ "settings: `", name, "` is not ", what });
}

fn readText(given: *const c.Settings, name: [:0]const u8, field: *[]const u8) bool {
    var text: c.Text = .of(field.*);
    defer field.* = text.bytes();
    return c.ls_get_text(given, name, &text);
}

fn readTexts(given: *const c.Settings, name: [:0]const u8, field: *[]const []const u8) bool {
    var texts: [64]c.Text = undefined;
    var len: usize = texts.len + 1;
    if (!c.ls_get_texts(given, name, &texts, texts.len, &len)) return false;
    if (len > texts.len) return true;
    // Made in `configure`, so it stays.
    const list = allocator.alloc([]const u8, len) catch return false;
    for (texts[0..len], list) |text, *item| item.* = text.bytes();
    field.* = list;
    return true;
}

/// A text that ends with a zero, as C wants it.
fn zero(text: []const u8) [*:0]const u8 {
    const copy = allocator.alloc(u8, text.len + 1) catch return "";
    @memcpy(copy[0..text.len], text);
    copy[text.len] = 0;
    return @ptrCast(copy.ptr);
}
