import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ImproperlyConfigured } from '../../../src/base/errors.ts';
import { urlCycle } from '../../../src/drivers/failover.ts';

const URLS: readonly [{ text: string }, ...{ text: string }[]] = [
  { text: 'redis://a' },
  { text: 'redis://b' },
  { text: 'redis://c' },
];

function taken(strategy: Parameters<typeof urlCycle>[1], count: number): string[] {
  const cycle = urlCycle(URLS, strategy);
  const seen = [cycle.current.text];
  while (seen.length < count) seen.push(cycle.next().text);
  assert.equal(cycle.current.text, seen.at(-1));
  return seen.map(text => text.replace('redis://', ''));
}

describe('order of broker URLs', () => {
  test('round-robin, which is the default, begins with the first and goes round', () => {
    assert.deepEqual(taken('round-robin', 5), ['a', 'b', 'c', 'a', 'b']);
    assert.deepEqual(taken(null, 4), ['a', 'b', 'c', 'a']);
  });

  test('shuffle comes to every URL', () => {
    assert.deepEqual(new Set(taken('shuffle', 300)), new Set(['a', 'b', 'c']));
  });

  test('a function chooses, is asked again when it comes to its end, and cannot add URLs', () => {
    const choose = (urls: readonly string[]) => [urls[2]!, 'redis://elsewhere', urls[0]!];
    assert.deepEqual(taken(choose, 5), ['c', 'a', 'c', 'a', 'c']);
  });

  test('a strategy that nobody knows is an error that names the nearest', () => {
    assert.throws(
      () => urlCycle(URLS, 'round_robin'),
      (error: unknown) =>
        error instanceof ImproperlyConfigured && /round_robin.*round-robin/.test(error.message),
    );
  });

  test('a function that chooses nothing usable is an error instead of an endless loop', () => {
    assert.throws(() => urlCycle(URLS, () => []), ImproperlyConfigured);
    assert.throws(() => urlCycle(URLS, () => ['redis://other']), ImproperlyConfigured);
  });
});
