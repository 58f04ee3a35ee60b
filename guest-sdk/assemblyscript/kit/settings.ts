// The operator's settings: one JSON object. The agent made it, so it is well formed; what is not understood
// is an error, never a guess. A key that the filter never asks for is refused by name.
import { fail } from "./fail";

class Entry {
  isKnown: bool = false;

  constructor(
    readonly key: string,
    /** Its value, as JSON. */
    readonly json: string,
  ) {}
}

/** What the operator wrote. A getter gives `otherwise` where the key is missing, and refuses a value of
 * another type. */
export class Settings {
  private entries: Entry[] = [];

  /** Not for authors, as `checkKeys`. */
  parse(json: string): void {
    const reader = new Reader(json);
    if (!reader.nextIs("{")) return fail("settings: not a JSON object");
    if (reader.nextIs("}")) return;
    do {
      const key = reader.string();
      if (key === null || !reader.nextIs(":")) return fail("settings: not JSON");
      this.entries.push(new Entry(key, reader.value()));
    } while (reader.nextIs(","));
  }

  string(key: string, otherwise: string): string {
    const json = this.find(key);
    if (json === null) return otherwise;
    const value = new Reader(json).string();
    if (value === null) return refuse(key, "a text", otherwise);
    return value;
  }

  number(key: string, otherwise: f64): f64 {
    const json = this.find(key);
    if (json === null) return otherwise;
    const value = parseFloat(json);
    return isNaN(value) ? refuse(key, "a number", otherwise) : value;
  }

  bool(key: string, otherwise: bool): bool {
    const json = this.find(key);
    if (json === null) return otherwise;
    if (json != "true" && json != "false") return refuse(key, "true or false", otherwise);
    return json == "true";
  }

  /** A list of texts. */
  strings(key: string, otherwise: string[]): string[] {
    const json = this.find(key);
    if (json === null) return otherwise;
    const reader = new Reader(json);
    const values = new Array<string>(0);
    if (!reader.nextIs("[")) return refuse(key, "a list of texts", otherwise);
    if (reader.nextIs("]")) return values;
    do {
      const value = reader.string();
      if (value === null) return refuse(key, "a list of texts", otherwise);
      values.push(value);
    } while (reader.nextIs(","));
    return values;
  }

  private find(key: string): string | null {
    for (let i = 0; i < this.entries.length; i++) {
      const entry = this.entries[i];
      if (entry.key != key) continue;
      entry.isKnown = true;
      return entry.json;
    }
    return null;
  }

  /** Refuses keys that nobody asked for. */
  checkKeys(): void {
    for (let i = 0; i < this.entries.length; i++)
      if (!this.entries[i].isKnown) fail("settings: there is no `" + this.entries[i].key + "`");
  }
}

function refuse<T>(key: string, wanted: string, otherwise: T): T {
  fail("settings: `" + key + "` is not " + wanted);
  return otherwise;
}

class Reader {
  private at: i32 = 0;

  constructor(private json: string) {}

  nextIs(sign: string): bool {
    while (this.at < this.json.length && isSpace(this.json.charCodeAt(this.at))) this.at++;
    if (this.at == this.json.length || this.json.charAt(this.at) != sign) return false;
    this.at++;
    return true;
  }

  /** A string without its escapes; null where something else stands. */
  string(): string | null {
    if (!this.nextIs('"')) return null;
    let out = "";
    for (let from = this.at; this.at < this.json.length; ) {
      const sign = this.json.charAt(this.at++);
      if (sign != '"' && sign != "\\") continue;
      out += this.json.substring(from, this.at - 1);
      if (sign == '"') return out;
      const escape = this.json.charAt(this.at++);
      const plain = 'bfnrt"\\/'.indexOf(escape);
      if (escape == "u") {
        out += String.fromCharCode(<i32>parseInt(this.json.substr(this.at, 4), 16));
        this.at += 4;
      } else if (plain >= 0) {
        out += '\b\f\n\r\t"\\/'.charAt(plain);
      } else {
        return null;
      }
      from = this.at;
    }
    return null;
  }

  /** Passes one value of any kind, and gives back its JSON. */
  value(): string {
    const start = this.at;
    let depth = 0;
    for (; this.at < this.json.length; this.at++) {
      const sign = this.json.charAt(this.at);
      if (sign == '"') {
        for (this.at++; this.json.charAt(this.at) != '"' && this.at < this.json.length; this.at++)
          if (this.json.charAt(this.at) == "\\") this.at++;
      } else if (sign == "{" || sign == "[") {
        depth++;
      } else if (depth == 0 && (sign == "," || sign == "}")) {
        break;
      } else if (sign == "}" || sign == "]") {
        depth--;
      }
    }
    return this.json.substring(start, this.at).trim();
  }
}

function isSpace(code: i32): bool {
  return code == 0x20 || code == 0x09 || code == 0x0a || code == 0x0d;
}
