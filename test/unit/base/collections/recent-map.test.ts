import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RecentMap } from '../../../../src/base/collections/recent-map.ts';

describe('a map of what was used lately', () => {
  it('stays within its bound however many new keys come', () => {
    const map = new RecentMap<number, string>(100);
    for (let i = 0; i < 10_000; i++) {
      map.set(i, `value ${i}`);
      assert.ok([...map.keys()].length <= 100);
    }

    assert.equal(map.get(9999), 'value 9999');
    assert.equal(map.get(9950), 'value 9950');
    assert.equal(map.get(9000), undefined);
  });

  it('keeps what is asked for again and again', () => {
    const map = new RecentMap<number, string>(100);
    map.set(-1, 'used');
    for (let i = 0; i < 10_000; i++) {
      map.set(i, 'once');
      assert.equal(map.get(-1), 'used');
    }
  });

  it('has each key once, with its last value, and forgets on request', () => {
    const map = new RecentMap<string, number>(8);
    for (const [key, value] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
      ['c', 4],
    ] as const)
      map.set(key, value);

    assert.deepEqual([...map.keys()].sort(), ['a', 'b', 'c']);
    assert.deepEqual([...map.values()].sort(), [2, 3, 4]);
    assert.equal(map.delete('b'), true);
    assert.equal(map.has('b'), false);
    map.clear();
    assert.deepEqual([...map.keys()], []);
  });
});
