import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalName, signalNamed } from '../../../../src/base/process/signal-names.ts';

test('a signal is meant by its name, with or without SIG in any case, or by its number', () => {
  const values = ['SIGTERM', 'TERM', 'term', 'sigKill', 'kill', '9', 9, 15, '15'];

  assert.deepEqual(values.map(signalNamed), [
    ...['SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGKILL'],
    ...['SIGTERM', 'SIGTERM'],
  ]);
  assert.ok(values.every(value => signalName.accepts(value)));
});

test('an unknown signal is named, with the nearest one', () => {
  const meant = { SIGKIL: 'SIGKILL', trem: 'SIGTERM', 'sig int': 'SIGINT', USR3: 'SIGUSR1' };

  for (const [word, name] of Object.entries(meant)) {
    assert.throws(() => signalNamed(word), {
      name: 'TypeError',
      message: `There is no signal ${JSON.stringify(word)}. Did you mean "${name}"?`,
    });
  }
});

test('to what resembles none the usual ones are told, and none by chance', () => {
  for (const word of ['SIGFOO', 'foo', 'hang up', 'SIG']) {
    assert.throws(() => signalNamed(word), /no signal ".*"\. Usual are SIGTERM, SIGKILL, /);
  }
});

test('what is no name is refused', () => {
  for (const value of ['', '0', '99', '999', '9.0', '-9', ' 9', 0, 4.5, -9, true, {}, null]) {
    assert.throws(() => signalNamed(value), { name: 'TypeError', message: /There is no signal/ });
    assert.ok(!signalName.accepts(value));
  }
  assert.throws(() => signalNamed('__proto__'), { message: /There is no signal "__proto__"/ });
});
