//! A worked example that uses every call of the kit: it does to a record what its text says.
//!
//! Commands, with `; ` between them: `drop`, `replace X`, `splice 0..3 X`, `add X`, `set-time MS`,
//! `route X`, `origin NAME`, `stream`, `time`, `count NAME`, `log X`, `fail X`. Other words do nothing.
//! Settings: `patterns` marks every match, or with `drop_matching` drops the records that have one;
//! `join` joins records that begin with a tab to the one before them.
const std = @import("std");
const logsieve = @import("kit/logsieve.zig");
const Batch = logsieve.Batch;
const Record = logsieve.Record;

pub const Settings = struct {
    patterns: []const []const u8 = &.{},
    drop_matching: bool = false,
    join: bool = false,
};

var settings: Settings = .{};
var patterns: ?logsieve.Patterns = null;

pub fn configure(given: Settings) !void {
    settings = given;
    if (given.patterns.len > 0) patterns = try .compile(given.patterns);
}

pub fn batch(records: Batch) !void {
    if (settings.join) return join(records);
    if (patterns) |set| return mark(records, set);
    for (0..records.len()) |at| {
        const record = records.record(at);
        var commands = std.mem.splitSequence(u8, record.text(), "; ");
        while (commands.next()) |command| try obey(record, command);
    }
}

const Command = enum { drop, replace, splice, add, @"set-time", route, origin, stream, time, count, log, fail };

fn obey(record: Record, command: []const u8) !void {
    const space = std.mem.indexOfScalar(u8, command, ' ') orelse command.len;
    const rest = command[@min(space + 1, command.len)..];
    switch (std.meta.stringToEnum(Command, command[0..space]) orelse return) {
        .drop => record.discard(),
        .replace => record.replace(rest),
        .splice => try splice(record, rest),
        .add => record.add(rest),
        .@"set-time" => record.setTime(try std.fmt.parseInt(u64, rest, 10) * std.time.ns_per_ms),
        .route => record.route(rest),
        .origin => record.replace(logsieve.origin(rest) orelse "unknown"),
        .stream => record.replace(@tagName(record.stream())),
        .time => record.replace(try std.fmt.bufPrint(&number, "{d}", .{record.time() / std.time.ns_per_ms})),
        .count => logsieve.count(rest, 1),
        .log => logsieve.log(.info, rest),
        .fail => return logsieve.fail("{s}", .{rest}),
    }
}

/// Room for a number in words: what is handed to the kit is copied.
var number: [24]u8 = undefined;

/// `0..3 text`
fn splice(record: Record, command: []const u8) !void {
    const space = std.mem.indexOfScalar(u8, command, ' ') orelse command.len;
    var range = std.mem.splitSequence(u8, command[0..space], "..");
    const start = try std.fmt.parseInt(usize, range.first(), 10);
    const end = try std.fmt.parseInt(usize, range.rest(), 10);
    record.splice(start, end, command[@min(space + 1, command.len)..]);
}

fn mark(records: Batch, set: logsieve.Patterns) !void {
    if (settings.drop_matching) {
        for (set.records()) |at| records.record(at).discard();
        return;
    }
    for (set.find()) |found| {
        const name = try std.fmt.bufPrint(&number, "[{d}]", .{found.pattern});
        records.record(found.at).splice(found.start, found.end, name);
    }
}

/// The last event may go on in the next batch, so it is held until more comes, or nothing will.
fn join(records: Batch) !void {
    var start: usize = 0;
    while (start < records.len()) {
        var end = start + 1;
        while (end < records.len() and std.mem.startsWith(u8, records.record(end).text(), "\t")) end += 1;
        if (end == records.len() and !records.isLast()) {
            records.hold(end - start);
        } else if (end > start + 1) {
            const lines = try logsieve.allocator.alloc([]const u8, end - start);
            lines[0] = records.record(start).text();
            for (lines[1..], start + 1..) |*line, at| {
                line.* = records.record(at).text()[1..];
                records.record(at).discard();
            }
            records.record(start).replace(try std.mem.join(logsieve.allocator, "|", lines));
        }
        start = end;
    }
}

pub const panic = logsieve.panic;
comptime {
    logsieve.exportFilter(@This());
}
