// For an author's own tests: stands in for the agent, and has Node run the core module that `npm test` compiled.
import { readFileSync } from 'node:fs';

const module = new WebAssembly.Module(readFileSync(new URL('../out/filter.wasm', import.meta.url)));
const FILTER = 'logsieve:filter/filter@0.1.0';

// As the contract orders them.
const [DROP, REPLACE, SPLICE, ADD] = [0, 1, 2, 5];
const EDIT_BYTES = 32;
const [TAG, VALUE, SPLICED] = [8, 16, 24];

/** Shows records to the filter, in one batch that is the last, and gives back the texts that would be forwarded;
 * throws what it says where it refuses settings or batch. What it does with patterns is shown by
 * `logsieve filter test`: the agent runs them. */
export function run(records, settings = {}, facts = {}) {
  const guest = new Guest(facts);
  guest.call('configure', guest.lower(JSON.stringify(settings)));
  if (records.length === 0) return [];
  const texts = records.map((record) => Buffer.from(record));
  let bytes = 0;
  const ends = texts.map((text) => (bytes += text.length));
  const columns = [
    guest.lower(Buffer.concat(texts)),
    guest.lower(Uint32Array.from(ends), ends.length),
    guest.lower(BigUint64Array.from(ends, (_, n) => BigInt(n) * 1_000_000n), ends.length),
    guest.lower(Uint8Array.from(ends, () => 1)),
  ];
  const edits = guest.edits(guest.call('process', columns.flat().concat(1)));
  return texts.flatMap((text, at) => applied(text, edits.filter((edit) => edit.at === at)));
}

function applied(text, edits) {
  let [dropped, moved] = [false, 0];
  const added = [];
  for (const { tag, start, end, text: written } of edits) {
    if (tag === DROP) dropped = true;
    else if (tag === REPLACE) text = written;
    else if (tag === SPLICE) {
      text = Buffer.concat([text.subarray(0, start + moved), written, text.subarray(end + moved)]);
      moved += written.length - (end - start);
    } else if (tag === ADD) added.push(written);
  }
  return (dropped ? added : [text, ...added]).map(String);
}

/** One instance, called as the contract's canonical ABI has it. */
class Guest {
  constructor(facts) {
    const get = (name, length, found) => {
      const value = facts[this.bytes(name, length)];
      if (value === undefined) return this.view.setUint8(found, 0);
      const lowered = this.lower(value);
      this.view.setUint8(found, 1);
      lowered.forEach((word, n) => this.view.setUint32(found + 4 + 4 * n, word, true));
    };
    const compile = () => {
      throw new Error('patterns are run by the agent: `logsieve filter test` has them');
    };
    const { exports } = new WebAssembly.Instance(module, {
      'logsieve:filter/origin@0.1.0': { get },
      'logsieve:filter/patterns@0.1.0': {
        '[static]pattern-set.compile': compile,
        '[method]pattern-set.find': compile,
        '[method]pattern-set.matches': compile,
      },
      'logsieve:filter/report@0.1.0': { log: (_, text, length) => console.error(String(this.bytes(text, length))), count() {} },
    });
    this.exports = exports;
  }

  // Anew each time: memory that grows has another buffer.
  get view() {
    return new DataView(this.exports.memory.buffer);
  }

  bytes(at, length) {
    return Buffer.from(this.exports.memory.buffer, at, length);
  }

  /** Copies a list into the guest: its address and how many it has. */
  lower(list, count) {
    const bytes = Buffer.from(list.buffer ? new Uint8Array(list.buffer, list.byteOffset, list.byteLength) : list);
    const at = this.exports.cabi_realloc(0, 0, 8, bytes.length);
    bytes.copy(this.bytes(at, bytes.length));
    return [at, count ?? bytes.length];
  }

  call(name, words) {
    const returned = this.exports[`${FILTER}#${name}`](...words);
    if (this.view.getUint8(returned) === 0) return returned;
    throw new Error(String(this.text(returned + 4)));
  }

  /** The text whose address and length stand there; a copy. */
  text(at) {
    return Buffer.from(this.bytes(this.view.getUint32(at, true), this.view.getUint32(at + 4, true)));
  }

  edits(returned) {
    const [first, count] = [4, 8].map((at) => this.view.getUint32(returned + at, true));
    return Array.from({ length: count }, (_, n) => {
      const edit = first + n * EDIT_BYTES;
      const [at, start, end] = [0, VALUE, VALUE + 4].map((offset) => this.view.getUint32(edit + offset, true));
      const tag = this.view.getUint8(edit + TAG);
      const hasText = tag === REPLACE || tag === SPLICE || tag === ADD;
      return { at, tag, start, end, text: hasText ? this.text(edit + (tag === SPLICE ? SPLICED : VALUE)) : null };
    });
  }
}
