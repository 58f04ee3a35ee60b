// Drops records that hold one of some texts, and masks passwords.
import { Record, Settings, Text, count } from "../kit/logsieve";

let drop: Text[] = [];
const password = Text.of("password=");
const ends = Text.of(' &"\t');

/** Settings: `drop`, a list of texts; a record that holds one is not forwarded. */
export function configure(settings: Settings): void {
  drop = Text.ofAll(settings.strings("drop", ["GET /healthz"]));
}

export function record(record: Record): void {
  const text = record.text;
  for (let i = 0; i < drop.length; i++) if (text.includes(drop[i])) return record.discard();
  mask(record, text);
}

/** Puts stars in place of whatever stands behind `password=`. */
function mask(record: Record, text: Text): void {
  for (let at = text.indexOf(password); at >= 0; at = text.indexOf(password, at)) {
    const start = at + password.length;
    at = text.indexOfAny(ends, start);
    if (at < 0) at = text.length;
    if (at == start) continue;
    record.splice(start, at, "***");
    count("passwords");
  }
}
