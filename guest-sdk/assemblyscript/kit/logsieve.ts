// Filters for the logsieve agent, in AssemblyScript.
//
// A filter is a module `assembly/filter.ts` that exports one of two functions, and one more if it has settings:
//
//     export function record(record: Record): void        // judges one record at a time
//     export function batch(batch: Batch): void           // looks at neighbours, holds back, or uses patterns
//     export function configure(settings: Settings): void // the operator's settings; once, before the first batch
//
// `return fail("...")` in `configure` refuses the settings, and in the others says that the whole batch cannot be
// judged. Text is bytes (`Text`): log lines need not be UTF-8, and may be empty. Texts of records are views, valid
// until the function that was handed them returns; `copy()` keeps one. Everything else is the garbage
// collector's. What a filter keeps from one call to the next must not matter for what comes out.
import * as agent from "./agent";
import { RETURNED } from "./agent";
import * as edits from "./edits";
import { SPLICED, Tag, VALUE } from "./edits";
import { fail } from "./fail";
import { allocate } from "./memory";
import { Text, lower } from "./text";

export { fail } from "./fail";
export { Settings } from "./settings";
export { Text } from "./text";

export enum Stream { Stdout = 1, Stderr = 2 }

/** The batch in hand. */
let text: usize = 0;
let ends: usize = 0;
let times: usize = 0;
let streams: usize = 0;

/** A record: what is in it, and what shall become of it. A record that nothing is done to passes as it is,
 * and costs nothing. Discarding beats replacing, and replacing beats splicing, in whatever order they
 * are called; of several texts, times or routes the last counts. What is written is a string or a `Text`. */
export class Record {
  constructor(
    /** Its place in the batch, from 0. */
    readonly at: i32,
  ) {}

  get text(): Text {
    const start = this.at ? load<u32>(ends + (this.at - 1) * 4) : 0;
    return new Text(text + start, load<u32>(ends + this.at * 4) - start);
  }

  /** Nanoseconds since the Unix epoch. */
  get time(): u64 {
    return load<u64>(times + this.at * 8);
  }

  get stream(): Stream {
    return <Stream>load<u8>(streams + this.at);
  }

  /** Does not forward the record. Records added to it are still forwarded. */
  discard(): void {
    edits.push(this.at, Tag.Drop);
  }

  replace<T>(new_: T): void {
    lower(new_, edits.push(this.at, Tag.Replace) + VALUE);
  }

  /** Puts another text in place of the bytes start..end, whatever was spliced before. */
  splice<T>(start: i32, end: i32, new_: T): void {
    const edit = edits.push(this.at, Tag.Splice, start);
    store<u32>(edit, end, VALUE + 4);
    lower(new_, edit + SPLICED);
  }

  /** Forwards one more record after this one, with its stream, time and route. */
  add<T>(new_: T): void {
    lower(new_, edits.push(this.at, Tag.Add) + VALUE);
  }

  /** Nanoseconds since the Unix epoch. */
  setTime(nanoseconds: u64): void {
    store<u64>(edits.push(this.at, Tag.SetTime), nanoseconds, VALUE);
  }

  /** Sends it to another destination, one of those that the operator lets this filter choose. */
  route<T>(destination: T): void {
    lower(destination, edits.push(this.at, Tag.Route) + VALUE);
  }
}

/** Records of one container, in the order of its log: at least one. */
export class Batch {
  /** How many records are held. */
  held: i32 = 0;

  constructor(
    readonly length: i32,
    /** Nothing may be held back: the container is quiet or has ended. */
    readonly isLast: bool,
  ) {}

  @operator("[]")
  record(at: i32): Record {
    if (<u32>at >= <u32>this.length) throw new RangeError("record " + at.toString() + " of a batch of " + this.length.toString());
    return new Record(at);
  }

  /** Shows the last `count` records again, in front of the next batch: their event is not complete yet. Not
   * when the batch is the last, and no held record may be changed. */
  hold(count: i32): void {
    this.held = count;
  }
}

/** A match: in which record, of which pattern, and where in its bytes. */
@unmanaged
export class Found {
  at: i32;
  pattern: i32;
  start: i32;
  end: i32;
}

/** Regular expressions that the agent runs, at native speed. Make them in `configure`. */
export class Patterns {
  private set: i32 = 0;

  constructor(expressions: string[]) {
    const list = allocate(expressions.length * 8);
    for (let i = 0; i < expressions.length; i++) lower(expressions[i], list + i * 8);
    agent.compile(list, expressions.length, RETURNED);
    if (load<u8>(RETURNED)) fail(String.UTF8.decodeUnsafe(load<usize>(RETURNED, 4), load<usize>(RETURNED, 8)));
    else this.set = load<i32>(RETURNED, 4);
  }

  /** Every match in the batch in hand: by record, then by place. */
  find(): Found[] {
    agent.find(this.set, RETURNED);
    const list = load<usize>(RETURNED);
    const found = new Array<Found>(load<i32>(RETURNED, 4));
    for (let i = 0; i < found.length; i++) found[i] = changetype<Found>(list + i * offsetof<Found>());
    return found;
  }

  /** The records in which any pattern matches. Cheaper than `find`. */
  records(): i32[] {
    agent.matches(this.set, RETURNED);
    const records = new Array<i32>(load<i32>(RETURNED, 4));
    memory.copy(records.dataStart, load<usize>(RETURNED), records.length * 4);
    return records;
  }
}

/** A fact about the container that wrote the batch, by OpenTelemetry name (`k8s.pod.name`), or null. */
export function origin(name: string): string | null {
  lower(name, RETURNED);
  agent.originGet(load<usize>(RETURNED), load<usize>(RETURNED, 4), RETURNED);
  if (!load<u8>(RETURNED)) return null;
  return String.UTF8.decodeUnsafe(load<usize>(RETURNED, 4), load<usize>(RETURNED, 8));
}

export enum Level { Debug, Info, Warn, Error }

/** Writes to the agent's log: 10 messages a second. */
export function log<T>(message: T, level: Level = Level.Info): void {
  lower(message, RETURNED);
  agent.reportLog(level, load<usize>(RETURNED), load<usize>(RETURNED, 4));
}

/** Adds to a counter, which the agent shows as a metric: `[a-z][a-z0-9_]*`, at most 32 names. */
export function count<T>(name: T, by: u64 = 1): void {
  lower(name, RETURNED);
  agent.reportCount(load<usize>(RETURNED), load<usize>(RETURNED, 4), by);
}

/** Columns of the batch that comes next. Not for authors. */
export function begin(text_: usize, ends_: usize, times_: usize, streams_: usize): void {
  text = text_;
  ends = ends_;
  times = times_;
  streams = streams_;
  edits.begin();
}
