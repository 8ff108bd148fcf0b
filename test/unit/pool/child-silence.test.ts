import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChildSilence } from '../../../src/pool/parent/child-silence.ts';

/** Looks each 50 ms from one moment to another; what the last one said. */
function look(pulse: ChildSilence, from: number, to: number): number | undefined {
  let deaf: number | undefined;
  for (let at = from; at <= to; at += 0.05) deaf = pulse.deafFor(at, () => true);
  return deaf;
}

function suspect() {
  let beats = 0;
  const pulse = new ChildSilence({ ping() {}, beats: () => beats++ }, 0);
  pulse.suspect(0);
  return pulse;
}

test('a child whose event loop turns and which does not answer for ten seconds is deaf', () => {
  assert.equal(look(suspect(), 0, 9.9), undefined);
  assert.ok(look(suspect(), 0, 10.2)! >= 10);
});

test('a parent that was held up itself listens again before it calls a child deaf', () => {
  const pulse = suspect();
  look(pulse, 0, 1);

  assert.equal(look(pulse, 12, 12.2), undefined);

  assert.ok(look(pulse, 12.25, 13)! >= 12);
});
