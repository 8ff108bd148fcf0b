import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../../../src/base/time/clock.ts';

/** Seconds: more than Node's timers take, which then fire at once. */
const LONG = [2_147_484, 3e9, 9e10];

test('what is due after a very long time, once or again and again, does not happen at once', async t => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  let fired = 0;
  const timers = LONG.flatMap(seconds => [
    systemClock.after(seconds, () => fired++),
    systemClock.every(seconds, () => fired++),
  ]);

  // a timer of Node's that is too long fires after 1 ms
  await pause(20);
  for (const timer of timers) timer.cancel();

  assert.equal(fired, 0);
  assert.deepEqual(warnings, []);
});
