import assert from 'node:assert/strict';
import { test } from 'node:test';
import { v5 } from 'uuid';
import { RunIds } from '../../../src/beat/run-ids.ts';

test('a run has the UUID of version 5 of its entry and due time, in the namespace of the schedule', () => {
  const namespace = v5('proj', '2c8d6c0e-7c55-4d0f-9f43-0b1d5f0a7e21');
  const ids = new RunIds('proj');
  for (const [name, slot] of [
    ['e1', 0],
    ['Zeit für Tee', 1_795_000_000_123],
  ] as const) {
    assert.equal(ids.of(name, slot), v5(`${name}\n${slot}`, namespace));
  }
});
