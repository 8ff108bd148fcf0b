import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SequenceMap } from '../../../../src/base/collections/sequence-map.ts';

describe('a sequence map', () => {
  it('gives back what was put under a number, and nothing after it was deleted', () => {
    const map = new SequenceMap<string>(4);

    map.set(7, 'seven');

    assert.equal(map.get(7), 'seven');
    assert.equal(map.get(3), undefined);
    assert.equal(map.delete(3), false);
    assert.equal(map.delete(7), true);
    assert.equal(map.has(7), false);
    assert.equal(map.size, 0);
  });

  it('keeps a number that stays while thousands pass its place', () => {
    const map = new SequenceMap<number>(4);
    map.set(1, 1);

    for (let key = 2; key < 5000; key++) {
      map.set(key, key);
      if (key > 3) map.delete(key - 2);
    }

    assert.equal(map.get(1), 1);
    assert.deepEqual(map.values(), [1, 4998, 4999]);
  });

  it('holds more than it was made for, in the order of the numbers', () => {
    const map = new SequenceMap<number>(4);
    const keys = Array.from({ length: 1000 }, (_, i) => i * 3);

    for (const key of keys) map.set(key, key);

    assert.equal(map.size, 1000);
    assert.deepEqual(map.values(), keys);
    for (const key of keys) assert.equal(map.delete(key), true);
    assert.equal(map.size, 0);
    assert.deepEqual(map.entries(), []);
  });

  it('replaces the value of a number it has', () => {
    const map = new SequenceMap<string>(2);
    for (const key of [0, 2, 4]) map.set(key, 'old');

    for (const key of [4, 2, 0]) map.set(key, 'new');

    assert.equal(map.size, 3);
    assert.deepEqual(map.values(), ['new', 'new', 'new']);
  });

  it('is empty after clear', () => {
    const map = new SequenceMap<string>(2);
    for (const key of [0, 2, 4]) map.set(key, 'x');

    map.clear();

    assert.equal(map.size, 0);
    assert.equal(map.get(2), undefined);
    assert.deepEqual(map.entries(), []);
  });
});
