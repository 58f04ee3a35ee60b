// How a filter says that it cannot go on. The language has no `catch`, so an error that the agent is to be
// told is not thrown: it is said, and the filter returns.
import { reportLog } from "./agent";
import { lower } from "./text";

/** What is wrong with the settings or the batch in hand; null where nothing is. */
export let failure: string | null = null;

/** Says why the settings are refused, or why the whole batch cannot be judged: `return fail("...")`. The
 * first word counts; what the filter does afterwards is of no effect. */
export function fail(why: string): void {
  if (failure === null) failure = why;
}

export function forget(): void {
  failure = null;
}

const ERROR: i32 = 3;
const message: usize = memory.data(8, 4);

/** What `throw` and a failed check come to: the agent's log says where, and the call ends as a trap. */
export function abort(why: string | null, file: string | null, line: u32, column: u32): void {
  const said = why === null ? "the filter aborts" : why;
  const place = file === null ? "" : file + ":";
  lower(said + " (" + place + line.toString() + ":" + column.toString() + ")", message);
  reportLog(ERROR, load<usize>(message), load<usize>(message, 4));
  unreachable();
}
