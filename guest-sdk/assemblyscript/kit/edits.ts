// Edits, collected in any order, sorted and checked when the batch is done.
//
// The contract wants them by record; for one record a drop, a replace or splices by place, then a time,
// a route and what is added. Sorting is stable, so what is added keeps its order and the last word of a
// kind is found behind the others. An edit lies in memory as the contract has it.
import { allocate } from "./memory";

/** In the contract's order. */
export const enum Tag { Drop, Replace, Splice, SetTime, Route, Add }

const BYTES = 32;
const TAG: usize = 8;
/** Address and length of a text, a time, or where a splice begins and ends, and behind that its text. */
export const VALUE: usize = 16;
export const SPLICED: usize = 24;
// No batch comes near it: the agent allows some 16 MiB of edits.
const EDITS_MAX: i32 = 1 << 20;

export let edits: usize = 0;
export let count: i32 = 0;
let room: i32 = 0;
let sorted: bool = true;

export function begin(): void {
  edits = allocate(0);
  count = 0;
  room = 0;
  sorted = true;
}

/** Adds an edit, and says where its value goes. A splice's place is part of the order. */
export function push(at: i32, tag: Tag, start: u32 = 0): usize {
  if (count == EDITS_MAX) throw new RangeError("the filter makes too many changes");
  if (count == room) {
    room = room ? room * 2 : 16;
    const former = edits;
    edits = allocate(room * BYTES);
    memory.copy(edits, former, count * BYTES);
  }
  const edit = edits + count++ * BYTES;
  store<u32>(edit, at);
  store<u8>(edit, tag, TAG);
  store<u32>(edit, start, VALUE);
  if (count > 1 && compare(edit - BYTES, edit) > 0) sorted = false;
  return edit;
}

function compare(a: usize, b: usize): i32 {
  const at = load<i32>(a) - load<i32>(b);
  if (at) return at;
  const tag = <i32>load<u8>(a, TAG) - <i32>load<u8>(b, TAG);
  if (tag || load<u8>(a, TAG) != Tag.Splice) return tag;
  const start = load<u32>(a, VALUE);
  const other = load<u32>(b, VALUE);
  return i32(start > other) - i32(start < other);
}

/** Merges the sorted halves of `count` edits over `spare`. */
function sort(list: usize, spare: usize, count: i32): void {
  if (count < 2) return;
  const half = count / 2;
  const middle = list + half * BYTES;
  sort(list, spare, half);
  sort(middle, spare, count - half);
  memory.copy(spare, list, count * BYTES);
  let left = spare;
  let right = spare + half * BYTES;
  const leftEnd = right;
  const rightEnd = spare + count * BYTES;
  for (let out = list; out < list + count * BYTES; out += BYTES) {
    const takesRight = left == leftEnd || (right < rightEnd && compare(right, left) < 0);
    memory.copy(out, takesRight ? right : left, BYTES);
    if (takesRight) right += BYTES;
    else left += BYTES;
  }
}

/** Whether `later`, the neighbour in order, is of no effect (or, of the same kind, `earlier` is). */
function beats(earlier: usize, later: usize): bool {
  const a: i32 = load<u8>(earlier, TAG);
  const b: i32 = load<u8>(later, TAG);
  if (load<u32>(earlier) != load<u32>(later)) return false;
  if (a == Tag.Drop || a == Tag.Replace) return b <= Tag.Splice;
  return a == b && (a == Tag.SetTime || a == Tag.Route);
}

function leaveOut(): void {
  let last: usize = 0;
  let end = edits;
  for (let i = 0; i < count; i++) {
    const edit = edits + i * BYTES;
    let to = end;
    if (last && beats(last, edit)) {
      // Of one kind the last word counts.
      if (load<u8>(last, TAG) != load<u8>(edit, TAG)) continue;
      to = last;
    }
    if (to != edit) memory.copy(to, edit, BYTES);
    last = to;
    end = to + BYTES;
  }
  count = <i32>(end - edits) / BYTES;
}

/** Puts them in order and checks them: null, or which rule of the contract is broken. */
export function finish(ends: usize, records: i32, held: i32, isLast: bool): string | null {
  if (held < 0 || held > records) return "the filter holds more records than the batch has";
  if (held && isLast) return "the filter holds records of a batch that is the last";
  if (!sorted) sort(edits, allocate(count * BYTES), count);
  leaveOut();
  if (count && load<i32>(edits + (count - 1) * BYTES) >= records - held) return "the filter changes a record that it also holds";
  let former: usize = 0;
  for (let i = 0; i < count; i++) {
    const edit = edits + i * BYTES;
    if (load<u8>(edit, TAG) != Tag.Splice) continue;
    const at = load<u32>(edit);
    const length = load<u32>(ends + at * 4) - (at ? load<u32>(ends + at * 4 - 4) : 0);
    const start = load<u32>(edit, VALUE);
    const end = load<u32>(edit, VALUE + 4);
    if (start > end || end > length) return "the filter splices outside a record";
    if (former && load<u32>(former) == at && load<u32>(former, VALUE + 4) > start) return "the filter splices parts of a record that overlap";
    former = edit;
  }
  return null;
}
