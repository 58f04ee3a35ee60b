// Bytes of a log: not necessarily UTF-8, possibly with NUL, possibly empty. A `Text` of a record is a view
// of what the agent handed over, and costs no copy.
import { allocate } from "./memory";

export class Text {
  constructor(
    readonly address: usize,
    readonly length: i32,
    /** What keeps its bytes alive; null where they are the batch's. */
    private owner: ArrayBuffer | null = null,
  ) {}

  /** A string's bytes, in UTF-8. Make those that are searched for once, not for every record. */
  static of(string: string): Text {
    const bytes = String.UTF8.encode(string);
    return new Text(changetype<usize>(bytes), bytes.byteLength, bytes);
  }

  static ofAll(strings: string[]): Text[] {
    const texts = new Array<Text>(0);
    for (let i = 0; i < strings.length; i++) texts.push(Text.of(strings[i]));
    return texts;
  }

  static join(parts: Text[], between: Text): Text {
    let length = between.length * max(parts.length - 1, 0);
    for (let i = 0; i < parts.length; i++) length += parts[i].length;
    const bytes = new ArrayBuffer(length);
    let at = changetype<usize>(bytes);
    for (let i = 0; i < parts.length; i++) {
      if (i > 0) at = append(at, between);
      at = append(at, parts[i]);
    }
    return new Text(changetype<usize>(bytes), length, bytes);
  }

  /** What it says as UTF-8. */
  toString(): string {
    return String.UTF8.decodeUnsafe(this.address, this.length);
  }

  /** A copy that may be kept when the call is over. */
  copy(): Text {
    return Text.join([this], this);
  }

  @operator("[]")
  at(place: i32): u8 {
    if (<u32>place >= <u32>this.length) throw new RangeError("byte " + place.toString() + " of a text of " + this.length.toString());
    return load<u8>(this.address + place);
  }

  @operator("==")
  equals(other: Text): bool {
    return this.length == other.length && memory.compare(this.address, other.address, this.length) == 0;
  }

  @operator("!=")
  private differs(other: Text): bool {
    return !this.equals(other);
  }

  startsWith(start: Text): bool {
    return this.length >= start.length && memory.compare(this.address, start.address, start.length) == 0;
  }

  endsWith(end: Text): bool {
    const from = this.length - end.length;
    return from >= 0 && memory.compare(this.address + from, end.address, end.length) == 0;
  }

  includes(what: Text): bool {
    return this.indexOf(what) >= 0;
  }

  /** Where `what` first stands, from there on, or -1. */
  indexOf(what: Text, from: i32 = 0): i32 {
    if (from < 0 || from > this.length - what.length) return -1;
    if (what.length == 0) return from;
    const first = load<u8>(what.address);
    // Behind the last place where it fits.
    const end = this.address + this.length - what.length + 1;
    for (let at = findByte(first, this.address + from, end); at != end; at = findByte(first, at + 1, end))
      if (memory.compare(at, what.address, what.length) == 0) return <i32>(at - this.address);
    return -1;
  }

  /** Where the first byte that is one of `bytes` stands, from there on, or -1. */
  indexOfAny(bytes: Text, from: i32 = 0): i32 {
    const end = bytes.address + bytes.length;
    for (let place = max(from, 0); place < this.length; place++)
      if (findByte(load<u8>(this.address + place), bytes.address, end) != end) return place;
    return -1;
  }

  /** The bytes start..end; to the end where it is left out. */
  slice(start: i32, end: i32 = i32.MAX_VALUE): Text {
    start = min(max(start, 0), this.length);
    end = min(max(end, start), this.length);
    return new Text(this.address + start, end - start, this.owner);
  }

  split(separator: Text): Text[] {
    const parts = new Array<Text>(0);
    let start = 0;
    for (let at = this.indexOf(separator); at >= 0; at = this.indexOf(separator, start)) {
      parts.push(this.slice(start, at));
      start = at + max(separator.length, 1);
    }
    parts.push(this.slice(start));
    return parts;
  }
}

function append(to: usize, text: Text): usize {
  memory.copy(to, text.address, text.length);
  return to + text.length;
}

function findByte(byte: u8, at: usize, end: usize): usize {
  const wanted = i8x16.splat(byte);
  for (; at + 16 <= end; at += 16) {
    const found = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (found) return at + ctz(found);
  }
  for (; at < end; at++) if (load<u8>(at) == byte) return at;
  return end;
}

/** Copies a string (in UTF-8) or a `Text` to where the agent can read it, and says where: address and
 * length, as the contract has them, at `to`. */
export function lower<T>(text: T, to: usize): void {
  if (isString<T>()) {
    const string = changetype<string>(text);
    const length = String.UTF8.byteLength(string);
    const block = allocate(length);
    String.UTF8.encodeUnsafe(changetype<usize>(string), string.length, block);
    store<usize>(to, block);
    store<usize>(to, length, 4);
  } else if (text instanceof Text) {
    const block = allocate(text.length);
    memory.copy(block, text.address, text.length);
    store<usize>(to, block);
    store<usize>(to, text.length, 4);
  } else {
    ERROR("what a filter writes is a string or a Text");
  }
}
