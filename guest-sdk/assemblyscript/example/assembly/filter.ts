// A worked example that uses every call of the kit: it does to a record what its text says.
//
// Commands, with `; ` between them: `drop`, `replace X`, `splice 0..3 X`, `add X`, `set-time MS`,
// `route X`, `origin NAME`, `stream`, `time`, `count NAME`, `log X`, `fail X`. Other words do nothing.
// Settings: `patterns` marks every match, or with `drop_matching` drops the records that have one;
// `join` joins records that begin with a tab to the one before them.
import { Batch, Patterns, Record, Settings, Stream, Text, count, fail, log, origin } from "../kit/logsieve";

let patterns: Patterns | null = null;
let dropMatching = false;
let join = false;

export function configure(settings: Settings): void {
  const expressions = settings.strings("patterns", []);
  if (expressions.length > 0) patterns = new Patterns(expressions);
  dropMatching = settings.bool("drop_matching", false);
  join = settings.bool("join", false);
}

const BETWEEN = Text.of("; ");
const SPACE = Text.of(" ");
const DOTS = Text.of("..");
const TAB = Text.of("\t");
const BAR = Text.of("|");

export function batch(batch: Batch): void {
  if (join) return joinEvents(batch);
  const set = patterns;
  if (set) return dropMatching ? dropMatches(batch, set) : mark(batch, set);
  for (let at = 0; at < batch.length; at++) {
    const record = batch[at];
    const commands = record.text.split(BETWEEN);
    for (let i = 0; i < commands.length; i++) obey(record, commands[i]);
  }
}

/** Where the first word ends. */
function wordEnd(text: Text): i32 {
  const space = text.indexOf(SPACE);
  return space < 0 ? text.length : space;
}

function obey(record: Record, command: Text): void {
  const end = wordEnd(command);
  const rest = command.slice(end + 1);
  // Longer words than any command need not be looked at.
  const name = end > 8 ? "" : command.slice(0, end).toString();
  if (name == "drop") record.discard();
  else if (name == "replace") record.replace(rest);
  else if (name == "splice") splice(record, rest);
  else if (name == "add") record.add(rest);
  else if (name == "set-time") record.setTime(U64.parseInt(rest.toString()) * 1_000_000);
  else if (name == "route") record.route(rest);
  else if (name == "origin") {
    const value = origin(rest.toString());
    record.replace(value === null ? "unknown" : value);
  } else if (name == "stream") record.replace(record.stream == Stream.Stderr ? "stderr" : "stdout");
  else if (name == "time") record.replace((record.time / 1_000_000).toString());
  else if (name == "count") count(rest);
  else if (name == "log") log(rest);
  else if (name == "fail") fail(rest.toString());
}

/** `0..3 text` */
function splice(record: Record, command: Text): void {
  const end = wordEnd(command);
  const range = command.slice(0, end).split(DOTS);
  record.splice(I32.parseInt(range[0].toString()), I32.parseInt(range[1].toString()), command.slice(end + 1));
}

function dropMatches(batch: Batch, set: Patterns): void {
  const records = set.records();
  for (let i = 0; i < records.length; i++) batch[records[i]].discard();
}

function mark(batch: Batch, set: Patterns): void {
  const found = set.find();
  for (let i = 0; i < found.length; i++) {
    const match = found[i];
    batch[match.at].splice(match.start, match.end, "[" + match.pattern.toString() + "]");
  }
}

/** The last event may go on in the next batch, so it is held until more comes, or nothing will. */
function joinEvents(batch: Batch): void {
  for (let start = 0, end = 0; start < batch.length; start = end) {
    for (end = start + 1; end < batch.length && batch[end].text.startsWith(TAB); ) end++;
    if (end == batch.length && !batch.isLast) {
      batch.hold(end - start);
    } else if (end > start + 1) {
      const lines = [batch[start].text];
      for (let at = start + 1; at < end; at++) {
        lines.push(batch[at].text.slice(1));
        batch[at].discard();
      }
      batch[start].replace(Text.join(lines, BAR));
    }
  }
}
