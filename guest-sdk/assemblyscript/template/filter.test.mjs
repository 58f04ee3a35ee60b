// Tests that need no agent: `npm test` compiles the filter, and Node runs it.
import assert from 'node:assert';
import test from 'node:test';

import { run } from './kit/testing.mjs';

test('passwords are masked', () => {
  assert.deepStrictEqual(run(['password=secret ok', 'GET /healthz']), ['password=*** ok']);
});

test('a misspelt setting is refused', () => {
  assert.throws(() => run([], { dorp: [] }), /dorp/);
});
