//! Drops records that hold one of some texts, and masks passwords.
const std = @import("std");
const logsieve = @import("kit/logsieve.zig");
const Record = logsieve.Record;

pub const Settings = struct {
    /// A record that holds one of these is not forwarded.
    drop: []const []const u8 = &.{"GET /healthz"},
};

var settings: Settings = .{};

pub fn configure(given: Settings) !void {
    settings = given;
}

pub fn record(it: Record) void {
    for (settings.drop) |text| {
        if (std.mem.indexOf(u8, it.text(), text) != null) return it.discard();
    }
    mask(it);
}

/// Puts stars in place of whatever stands behind `password=`.
fn mask(it: Record) void {
    const word = "password=";
    const text = it.text();
    var from: usize = 0;
    while (std.mem.indexOfPos(u8, text, from, word)) |at| {
        const start = at + word.len;
        from = std.mem.indexOfAnyPos(u8, text, start, " &\"\t") orelse text.len;
        if (from == start) continue;
        it.splice(start, from, "***");
        logsieve.count("passwords", 1);
    }
}

pub const panic = logsieve.panic;
comptime {
    logsieve.exportFilter(@This());
}

test "passwords are masked" {
    try std.testing.expectEqualStrings("password=*** ok\n", logsieve.run("{}", "password=secret ok\nGET /healthz\n"));
}

test "a misspelt setting is refused" {
    try std.testing.expectEqualStrings("refused: settings: there is no `dorp`", logsieve.run("{\"dorp\": []}", ""));
}
