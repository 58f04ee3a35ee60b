// What the agent offers a filter, as the contract's canonical ABI has it. Not for authors.

@external("logsieve:filter/origin@0.1.0", "get")
export declare function originGet(name: usize, length: usize, found: usize): void;
@external("logsieve:filter/patterns@0.1.0", "[static]pattern-set.compile")
export declare function compile(patterns: usize, count: usize, made: usize): void;
@external("logsieve:filter/patterns@0.1.0", "[method]pattern-set.find")
export declare function find(set: i32, found: usize): void;
@external("logsieve:filter/patterns@0.1.0", "[method]pattern-set.matches")
export declare function matches(set: i32, found: usize): void;
@external("logsieve:filter/report@0.1.0", "log")
export declare function reportLog(level: i32, message: usize, length: usize): void;
@external("logsieve:filter/report@0.1.0", "count")
export declare function reportCount(name: usize, length: usize, by: u64): void;

/** Where the agent writes what a call gives back: no call gives back more than four words. */
export const RETURNED: usize = memory.data(16, 8);
