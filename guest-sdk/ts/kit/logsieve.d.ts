// Filters for the logsieve agent, in TypeScript: the types of `logsieve.js`, which is the kit of JavaScript.
//
// A filter is a module `filter.ts` that exports one of two functions, and one more if it has settings:
//
//     export function record(record: Record): void      // judges one record at a time
//     export function batch(batch: Batch): void         // looks at neighbours, holds back, or uses patterns
//     export function configure(settings: Settings): void // the operator's settings; once, before the first batch
//
// An exception in `configure` refuses the settings, and one in the others says that the whole batch
// cannot be judged; in both cases the operator is shown its message. What a filter keeps from one call
// to the next must not matter for what comes out: several instances run side by side.

/** Text of records: every character is one byte (so that offsets are bytes, and what is not UTF-8 stays
 * whole). ASCII looks as usual, `utf8(record.text)` decodes the rest, and `bytes(string)` is the way back. */
export type Bytes = string;

/** What the operator wrote, as JSON has it. Nothing is checked before `configure` does. */
export type Settings = { readonly [key: string]: unknown };

/** One record: what is in it, and what shall become of it. A record that nothing is done to passes as
 * it is, and costs nothing. Discarding beats replacing, and replacing beats splicing, in whatever order
 * they are called; of several texts, times or routes the last counts. */
export interface Record {
  /** Its place in the batch, from 0. */
  readonly at: number;
  readonly text: Bytes;
  /** When it was written: milliseconds since the Unix epoch, to the microsecond. */
  readonly time: number;
  readonly stream: 'stdout' | 'stderr';
  /** Does not forward the record. Records added to it are still forwarded. */
  discard(): void;
  replace(text: Bytes | Uint8Array): void;
  /** Puts `text` in place of the bytes start..end, whatever was spliced before. */
  splice(start: number, end: number, text: Bytes | Uint8Array): void;
  /** Forwards one more record after this one, with its stream, time and route. */
  add(text: Bytes | Uint8Array): void;
  /** Gives it another time: milliseconds since the Unix epoch. */
  setTime(milliseconds: number): void;
  /** Sends it to another destination, one of those that the operator lets this filter choose. */
  route(destination: string): void;
}

/** Records of one container, in the order of its log: at least one. */
export interface Batch extends Iterable<Record> {
  readonly length: number;
  /** Nothing may be held back: the container is quiet or has ended. */
  readonly isLast: boolean;
  record(at: number): Record;
  /** Shows the last records again, in front of the next batch: their event is not complete yet. Not when
   * the batch is the last, and no held record may be changed. */
  hold(count: number): void;
}

/** A match: in which record, of which pattern, and where in its bytes. */
export interface Found {
  readonly at: number;
  readonly pattern: number;
  readonly start: number;
  readonly end: number;
}

/** Regular expressions that the agent runs, at native speed. Make them in `configure`. */
export class Patterns {
  constructor(...expressions: string[]);
  /** Every match in the batch in hand: by record, then by place. */
  find(): Found[];
  /** The records in which any pattern matches. Cheaper than `find`. */
  records(): Iterable<number>;
}

/** A fact about the container that wrote the batch, by OpenTelemetry name (`k8s.pod.name`). */
export function origin(name: string): string | null | undefined;

/** Writes to the agent's log. 10 messages a second. */
export function log(message: unknown, level?: 'debug' | 'info' | 'warn' | 'error'): void;

/** Adds to a counter, which the agent shows as a metric: `[a-z][a-z0-9_]*`, at most 32 names. */
export function count(name: string, by?: number): void;

/** What bytes say as UTF-8; what is none shows as U+FFFD. */
export function utf8(text: Bytes): string;

/** A usual string as bytes. */
export function bytes(string: string): Bytes;

/** What a filter's module exports. */
export interface Author {
  configure?(settings: Settings): void;
  record?(record: Record): void;
  batch?(batch: Batch): void;
}

/** For tests, without Wasm: shows records to a filter, in one batch that is the last, and gives back the
 * texts that would be forwarded. */
export function run(author: Author, records: Iterable<Bytes>, settings?: Settings, facts?: { readonly [name: string]: string }): Bytes[];

declare global {
  /** What is printed goes to the agent's log. */
  const console: { [level in 'debug' | 'log' | 'info' | 'warn' | 'error']: (...values: unknown[]) => void };
}
