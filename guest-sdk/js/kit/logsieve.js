// Filters for the logsieve agent, in JavaScript.
//
// A filter is a module `filter.js` that exports one of two functions, and one more if it has settings:
//
//     export function record(record) { ... }      // judges one record at a time
//     export function batch(batch) { ... }        // looks at neighbours, holds back, or uses patterns
//     export function configure(settings) { ... } // the operator's settings; once, before the first batch
//
// An exception in `configure` refuses the settings, and one in the others says that the whole batch
// cannot be judged; in both cases the operator is shown its message. What a filter keeps from one call
// to the next must not matter for what comes out: several instances run side by side.
//
// Text is given as a string in which every character is one byte (so that offsets are bytes, and
// what is not UTF-8 stays whole): ASCII looks as usual, `utf8(record.text)` decodes the rest, and
// `bytes(string)` is the way back. Searching such strings is far faster here than reading bytes.

// As the contract orders them.
const RANK = { drop: 0, replace: 1, splice: 2, 'set-time': 3, route: 4, add: 5 };

let world = {
  origin: () => null, // nothing is known outside the agent, and nobody listens
  log: () => {},
  count: () => {},
  compile: () => {
    throw new Error('patterns are run by the agent');
  },
};

export function connect(agent) {
  world = agent;
}

/** One record: what is in it, and what shall become of it. A record that nothing is done to passes as
 * it is, and costs nothing. Discarding beats replacing, and replacing beats splicing, in whatever order
 * they are called; of several texts, times or routes the last counts. */
export class Record {
  #batch;

  constructor(batch, at) {
    this.#batch = batch;
    this.at = at;
  }

  /** Its bytes, one character each. */
  get text() {
    return this.#batch.textOf(this.at);
  }

  /** When it was written: milliseconds since the Unix epoch, to the microsecond. */
  get time() {
    // Nanoseconds of today are above 2 ** 53, and come rounded to 256.
    return Math.round(this.#batch.columns.times[this.at] / 1e3) / 1e3;
  }

  /** 'stdout' or 'stderr'. */
  get stream() {
    return this.#batch.columns.streams[this.at] === 1 ? 'stdout' : 'stderr';
  }

  /** Does not forward the record. Records added to it are still forwarded. */
  discard() {
    this.#push('drop');
  }

  /** Forwards another text in place of its own: bytes as a string, or a Uint8Array. */
  replace(text) {
    this.#push('replace', toBytes(text));
  }

  /** Puts `text` in place of the bytes start..end, whatever was spliced before. */
  splice(start, end, text) {
    this.#push('splice', { start, end, text: toBytes(text) });
  }

  /** Forwards one more record after this one, with its stream, time and route. */
  add(text) {
    this.#push('add', toBytes(text));
  }

  /** Gives it another time: milliseconds since the Unix epoch. */
  setTime(milliseconds) {
    // A product above 2 ** 53 rounds. Upwards it stays in its millisecond; downwards it would not.
    const whole = Math.floor(milliseconds);
    let nanoseconds = whole * 1e6;
    for (let step = 1; BigInt(nanoseconds) < BigInt(whole) * 1000000n; step *= 2) nanoseconds += step;
    this.#push('set-time', nanoseconds);
  }

  /** Sends it to another destination, one of those that the operator lets this filter choose. */
  route(destination) {
    this.#push('route', String(destination));
  }

  #push(tag, val) {
    this.#batch.edits.push({ at: this.at, change: val === undefined ? { tag } : { tag, val } });
  }
}

/** Records of one container, in the order of its log. */
export class Batch {
  #text = null;

  constructor(columns) {
    this.columns = columns;
    this.edits = [];
    this.held = 0;
  }

  get length() {
    return this.columns.ends.length;
  }

  record(at) {
    if (!(at >= 0 && at < this.length)) throw new Error(`record ${at} of a batch of ${this.length}`);
    return new Record(this, at);
  }

  *[Symbol.iterator]() {
    for (let at = 0; at < this.length; at++) yield new Record(this, at);
  }

  /** Nothing may be held back: the container is quiet or has ended. */
  get isLast() {
    return this.columns.last;
  }

  /** Shows the last records again, in front of the next batch: their event is not complete yet. Not
   * when the batch is the last, and no held record may be changed. */
  hold(count) {
    this.held = count;
  }

  textOf(at) {
    this.#text ??= fromBytes(this.columns.text);
    const { ends } = this.columns;
    return this.#text.substring(at > 0 ? ends[at - 1] : 0, ends[at]);
  }
}

/** Regular expressions that the agent runs, at native speed. Make them in `configure`. */
export class Patterns {
  #set;

  constructor(...expressions) {
    this.#set = world.compile(expressions);
  }

  /** Every match in the batch in hand, as { at, pattern, start, end }: by record, then by place. */
  find() {
    return this.#set.find();
  }

  /** The records in which any pattern matches. Cheaper than `find`. */
  records() {
    return this.#set.matches();
  }
}

/** A fact about the container that wrote the batch, by OpenTelemetry name (`k8s.pod.name`), or null. */
export const origin = (name) => world.origin(name);

/** Writes to the agent's log: 'debug', 'info', 'warn' or 'error'. 10 messages a second. */
export const log = (message, level = 'info') => world.log(level, String(message));

/** Adds to a counter, which the agent shows as a metric: `[a-z][a-z0-9_]*`, at most 32 names. */
export const count = (name, by = 1) => world.count(name, by);

// More arguments of one call overflow the stack.
const CHUNK = 8192;

/** Bytes as a string, one character each. */
export function fromBytes(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK));
  return text;
}

function toBytes(text) {
  if (text instanceof Uint8Array) return text;
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) throw new Error(`'${text[i]}' is no byte: write bytes('...') around text that is not ASCII`);
    bytes[i] = code;
  }
  return bytes;
}

/** What bytes (as a string) say as UTF-8; what is none shows as U+FFFD. */
export function utf8(text) {
  // Escapes are the one decoder that every engine has.
  try {
    return decodeURIComponent(escape(text));
  } catch {
    return text.replace(/[\x80-\xff]+/g, (run) => {
      try {
        return decodeURIComponent(escape(run));
      } catch {
        return '\ufffd';
      }
    });
  }
}

/** A usual string as bytes (as a string). */
export const bytes = (string) => unescape(encodeURIComponent(string));

/** One call: shows the author's module its batch, and puts what it wants into the contract's order. */
export function judge(author, columns) {
  const batch = new Batch(columns);
  if (author.batch) author.batch(batch);
  else for (let at = 0; at < batch.length; at++) author.record(new Record(batch, at));
  const edits = leaveOut(sorted(batch.edits));
  check(batch, edits);
  return { edits, hold: batch.held };
}

const start = ({ tag, val }) => (tag === 'splice' ? val.start : 0);
const order = (a, b) =>
  a.at - b.at || RANK[a.change.tag] - RANK[b.change.tag] || start(a.change) - start(b.change);

function sorted(edits) {
  for (let i = 1; i < edits.length; i++) if (order(edits[i - 1], edits[i]) > 0) return edits.sort(order);
  return edits;
}

function leaveOut(edits) {
  const kept = [];
  for (const edit of edits) {
    const last = kept[kept.length - 1];
    if (!last || !beats(last, edit)) kept.push(edit);
    else if (last.change.tag === edit.change.tag) kept[kept.length - 1] = edit; // the last word counts
  }
  return kept;
}

function beats(earlier, later) {
  const [a, b] = [earlier.change.tag, later.change.tag];
  if (earlier.at !== later.at) return false;
  if (a === 'drop' || a === 'replace') return RANK[b] <= RANK.splice;
  return a === b && (a === 'set-time' || a === 'route');
}

function check(batch, edits) {
  const { length, held } = batch;
  if (!(held >= 0 && held <= length)) throw new Error(`filter holds ${held} records of a batch of ${length}`);
  if (held > 0 && batch.isLast) throw new Error(`filter holds ${held} records of a batch that is the last`);
  const last = edits[edits.length - 1];
  if (last && last.at >= length - held) throw new Error(`filter changes record ${last.at}, which it also holds`);
  let former = null;
  for (const { at, change } of edits) {
    if (change.tag !== 'splice') continue;
    const { start, end } = change.val;
    const { ends } = batch.columns;
    const bytes = ends[at] - (at > 0 ? ends[at - 1] : 0);
    if (!(start >= 0 && start <= end && end <= bytes))
      throw new Error(`filter splices ${start}..${end} of record ${at}, which has ${bytes} bytes`);
    if (former && former.at === at && former.end > start) throw new Error(`filter splices parts of record ${at} that overlap`);
    former = { at, end };
  }
}

/** For tests, without Wasm: shows records (strings of bytes) to a filter, in one batch that is the
 * last, and gives back the texts that would be forwarded. */
export function run(author, records, settings = {}, facts = {}) {
  connect({ ...world, origin: (name) => facts[name] ?? null });
  author.configure?.(settings);
  const ends = [];
  let text = '';
  for (const record of records) ends.push((text += record).length);
  const times = ends.map((_, n) => n * 1e6);
  const columns = { text: toBytes(text), ends, times, streams: ends.map(() => 1), last: true };
  const { edits } = judge(author, columns);
  const batch = new Batch(columns);
  return ends.flatMap((_, at) => applied(batch.textOf(at), edits.filter((edit) => edit.at === at)));
}

function applied(text, edits) {
  let [dropped, moved] = [false, 0];
  const added = [];
  for (const { change: { tag, val } } of edits) {
    if (tag === 'drop') dropped = true;
    else if (tag === 'replace') text = fromBytes(val);
    else if (tag === 'splice') {
      text = text.slice(0, val.start + moved) + fromBytes(val.text) + text.slice(val.end + moved);
      moved += val.text.length - (val.end - val.start);
    } else if (tag === 'add') added.push(fromBytes(val));
  }
  return dropped ? added : [text, ...added];
}
