// Drops records that hold one of some texts, and masks passwords.
import { bytes, count, type Record, type Settings } from './kit/logsieve.js';

let drop = ['GET /healthz'];

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((v) => typeof v === 'string');

/** Settings: `drop`, a list of texts; a record that holds one is not forwarded. */
export function configure(settings: Settings): void {
  const unknown = Object.keys(settings).find((key) => key !== 'drop');
  if (unknown !== undefined) throw new Error(`settings: there is no \`${unknown}\``);
  const texts = settings['drop'] ?? ['GET /healthz'];
  if (!isTexts(texts)) throw new Error('settings: `drop` is a list of texts');
  drop = texts.map(bytes);
}

export function record(record: Record): void {
  const text = record.text;
  if (drop.some((word) => text.includes(word))) return record.discard();
  if (!text.includes('password=')) return;
  for (const { 0: found, index } of text.matchAll(/password=[^ &"\t]+/g)) {
    record.splice(index + 'password='.length, index + found.length, '***');
    count('passwords');
  }
}
