// What the agent calls: a thin layer between the contract and `logsieve.ts`. Not for authors.
import * as author from "../assembly/filter";
import { RETURNED } from "./agent";
import * as edits from "./edits";
import { fail, failure, forget } from "./fail";
import { Batch, Record, begin } from "./logsieve";
import { reuse } from "./memory";
import { Settings } from "./settings";
import { lower } from "./text";

export { cabi_realloc } from "./memory";

// Names of the contract are no identifiers: `names.mjs` puts them in place of these.
export function configure(json: usize, length: usize): usize {
  const settings = new Settings();
  settings.parse(String.UTF8.decodeUnsafe(json, length));
  if (isDefined(author.configure)) author.configure(settings);
  settings.checkKeys();
  store<u8>(RETURNED, 0);
  return told();
}

export function process(
  text: usize, _bytes: usize,
  ends: usize, count: usize,
  times: usize, _times: usize,
  streams: usize, _streams: usize,
  isLast: bool,
): usize {
  begin(text, ends, times, streams);
  const batch = new Batch(<i32>count, isLast);
  if (isDefined(author.batch)) author.batch(batch);
  else for (let at = 0; at < <i32>count; at++) author.record(new Record(at));
  const why = edits.finish(ends, batch.length, batch.held, isLast);
  if (why !== null) fail(why);
  store<u8>(RETURNED, 0);
  store<usize>(RETURNED, edits.edits, 4);
  store<i32>(RETURNED, edits.count, 8);
  store<i32>(RETURNED, batch.held, 12);
  return told();
}

/** Puts the failure in place of what is in `RETURNED`, if there is one. */
function told(): usize {
  const why = failure;
  if (why === null) return RETURNED;
  forget();
  store<u8>(RETURNED, 1);
  lower(why, RETURNED + 4);
  return RETURNED;
}

/** The agent has read what was given back: nothing of the call is needed any more. */
export function after(_returned: usize): void {
  reuse();
  __collect();
}
