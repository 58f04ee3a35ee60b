// Tests that need neither Wasm nor the agent: `npm test`.
import assert from 'node:assert';
import test from 'node:test';

import * as filter from './out/filter.js';
import { run } from './out/kit/logsieve.js';

test('passwords are masked', () => {
  assert.deepStrictEqual(run(filter, ['password=secret ok', 'GET /healthz']), ['password=*** ok']);
});

test('a misspelt setting is refused', () => {
  assert.throws(() => run(filter, [], { dorp: [] }), /dorp/);
});
