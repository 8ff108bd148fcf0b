import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalNamed } from '../../../src/base/signal-names.ts';

test('a signal is meant by its name, with or without SIG in any case, or by its number', () => {
  const values = ['SIGTERM', 'TERM', 'term', 'sigKill', 9, 15];

  assert.deepEqual(values.map(signalNamed), [
    ...['SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGKILL', 'SIGKILL', 'SIGTERM'],
  ]);
});

test('an unknown signal is named, with the nearest one', () => {
  assert.throws(() => signalNamed('SIGKIL'), {
    name: 'TypeError',
    message: 'There is no signal "SIGKIL". Did you mean "SIGKILL"?',
  });
  for (const value of ['9', '', 0, 4.5, -9, true, {}, '__proto__']) {
    assert.throws(() => signalNamed(value), { name: 'TypeError', message: /There is no signal/ });
  }
});
