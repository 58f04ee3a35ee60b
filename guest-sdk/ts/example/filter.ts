// A worked example that uses every call of the kit: it does to a record what its text says.
//
// Commands, with `; ` between them: `drop`, `replace X`, `splice 0..3 X`, `add X`, `set-time MS`,
// `route X`, `origin NAME`, `stream`, `time`, `count NAME`, `log X`, `fail X`. Other words do nothing.
// Settings: `patterns` marks every match, or with `drop_matching` drops the records that have one;
// `join` joins records that begin with a tab to the one before them.
import { Patterns, bytes, count, log, origin, type Batch, type Record, type Settings } from './kit/logsieve.js';

const settings = { patterns: [] as string[], drop_matching: false, join: false };
let patterns: Patterns | null = null;

export function configure(given: Settings): void {
  const unknown = Object.keys(given).find((key) => !(key in settings));
  if (unknown !== undefined) throw new Error(`settings: there is no \`${unknown}\``);
  Object.assign(settings, given);
  if (settings.patterns.length > 0) patterns = new Patterns(...settings.patterns);
}

export function batch(batch: Batch): void {
  if (settings.join) return join(batch);
  if (patterns && settings.drop_matching) {
    for (const at of patterns.records()) batch.record(at).discard();
  } else if (patterns) {
    for (const { at, pattern, start, end } of patterns.find()) batch.record(at).splice(start, end, `[${pattern}]`);
  } else {
    for (const record of batch) for (const command of record.text.split('; ')) obey(record, command);
  }
}

function obey(record: Record, command: string): void {
  const [, name, rest = ''] = /^(\S*) ?(.*)$/s.exec(command) ?? [];
  switch (name) {
    case 'drop':
      return record.discard();
    case 'replace':
      return record.replace(rest);
    case 'splice': {
      const [, start, end, text = ''] = /^(\d+)\.\.(\d+) ?(.*)$/s.exec(rest) ?? [];
      return record.splice(Number(start), Number(end), text);
    }
    case 'add':
      return record.add(rest);
    case 'set-time':
      return record.setTime(Number(rest));
    case 'route':
      return record.route(rest);
    case 'origin':
      return record.replace(bytes(origin(rest) ?? 'unknown'));
    case 'stream':
      return record.replace(record.stream);
    case 'time':
      return record.replace(String(Math.floor(record.time)));
    case 'count':
      return count(rest);
    case 'log':
      return log(rest);
    case 'fail':
      throw new Error(rest);
  }
}

/** The last event may go on in the next batch, so it is held until more comes, or nothing will. */
function join(batch: Batch): void {
  for (let start = 0, end; start < batch.length; start = end) {
    for (end = start + 1; end < batch.length && batch.record(end).text.startsWith('\t'); ) end++;
    if (end === batch.length && !batch.isLast) {
      batch.hold(end - start);
    } else if (end > start + 1) {
      const lines = [batch.record(start).text];
      for (let at = start + 1; at < end; at++) {
        lines.push(batch.record(at).text.slice(1));
        batch.record(at).discard();
      }
      batch.record(start).replace(lines.join('|'));
    }
  }
}
