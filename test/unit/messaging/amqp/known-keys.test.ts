import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KnownKeys } from '../../../../src/messaging/amqp/known-keys.ts';

/** What is read of `text` when it stands in the middle of other bytes. */
function read(keys: KnownKeys, text: string): string {
  const bytes = Buffer.from(`<${text}>`);
  return keys.text(bytes, 1, bytes.length - 1);
}

describe('the keys of headers', () => {
  it('are what stands there, seen for the first time or again', () => {
    const keys = new KnownKeys();

    for (const text of ['task', 'id', 'task', 'größe', 'größe', '', '日本', 'k'.repeat(200)]) {
      assert.equal(read(keys, text), text);
    }
  });

  it('are told apart when length, first, middle and last byte are the same', () => {
    const keys = new KnownKeys();

    for (let round = 0; round < 2; round++) {
      for (const text of ['aXbYc', 'aZbWc', 'a-b-c']) assert.equal(read(keys, text), text);
    }
  });

  it('are right also when ever new ones come', () => {
    const keys = new KnownKeys();

    for (let i = 0; i < 100_000; i++) assert.equal(read(keys, `key-${i}`), `key-${i}`);
    assert.equal(read(keys, 'key-7'), 'key-7');
  });
});
