// Drops records that hold one of some texts, and masks passwords.
import { bytes, count } from './kit/logsieve.js';

let drop = ['GET /healthz'];

/** Settings: `drop`, a list of texts; a record that holds one is not forwarded. */
export function configure(settings) {
  const unknown = Object.keys(settings).find((key) => key !== 'drop');
  if (unknown) throw new Error(`settings: there is no \`${unknown}\``);
  drop = (settings.drop ?? ['GET /healthz']).map(bytes);
}

export function record(record) {
  const text = record.text;
  if (drop.some((word) => text.includes(word))) return record.discard();
  if (!text.includes('password=')) return;
  for (const found of text.matchAll(/password=([^ &"\t]+)/g)) {
    const end = found.index + found[0].length;
    record.splice(end - found[1].length, end, '***');
    count('passwords');
  }
}
