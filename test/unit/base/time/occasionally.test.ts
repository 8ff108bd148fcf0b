import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Occasionally } from '../../../../src/base/time/occasionally.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';

test('what happens without end is told the first time, and then once a minute with its count', () => {
  const clock = new FakeClock(1000);
  const warnings = new Occasionally(clock);

  assert.equal(warnings.count(1), 1);
  for (let n = 0; n < 59; n++) {
    clock.advance(1);
    assert.equal(warnings.count(2), 0);
  }
  clock.advance(1);
  assert.equal(warnings.count(3), 121);
  assert.equal(warnings.count(1), 0);
});
