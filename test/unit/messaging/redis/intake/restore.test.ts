import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  listFor,
  readHeld,
  restoreTags,
  storedMessage,
} from '../../../../../src/messaging/redis/intake/restore.ts';
import { RedisKeys } from '../../../../../src/messaging/redis/keys.ts';
import { readRedisOptions } from '../../../../../src/messaging/redis/options.ts';
import type { ScriptedRedis } from '../../../../../src/messaging/redis/scripts.ts';
import type { RedisSession } from '../../../../../src/messaging/redis/server-session.ts';
import { decodeEnvelope } from '../../../../../src/wire/messages/envelope.ts';
import { envelopeText } from './made-deliveries.ts';

/** A server that holds these messages, and restores what it is told to, or so many of each call. */
function setup(held: Readonly<Record<string, string>> = {}, counts: readonly number[] = []) {
  const transportOptions = { sep: ':' };
  const options = readRedisOptions({ transportOptions, connectTimeout: 1, useSsl: false });
  const warnings: string[] = [];
  const reads: number[] = [];
  const calls: { lists: unknown[]; command: unknown; dead: unknown[]; entries: unknown[] }[] = [];
  const client = {
    async hmget(_: string, ...tags: string[]) {
      reads.push(tags.length);
      return tags.map(tag => held[tag] ?? null);
    },
    async tsceleryRestore(keyCount: number, ...rest: unknown[]) {
      const [lists, others] = [rest.slice(4, keyCount), rest.slice(keyCount)];
      const [command, ...more] = others;
      calls.push({ lists, command, dead: more.slice(0, 2), entries: more.slice(2) });
      return counts[calls.length - 1] ?? lists.length;
    },
  } as unknown as ScriptedRedis;
  const session = {
    keys: new RedisKeys(options, 0),
    link: { connect: async () => client },
    warn: (text: string) => void warnings.push(text),
  } as unknown as RedisSession;
  return { session, client, warnings, reads, calls };
}

const stored = (raw: string, queue = 'celery') => `[${raw}, "", "${queue}"]`;

describe('a message that is held', () => {
  test('keeps its exact text', () => {
    for (const raw of [envelopeText(), 'no JSON, "a", "b"]', '', '{"a": 1.0}\n']) {
      const message = storedMessage(`[${raw}, "news", "a\\"b"]`);

      assert.deepEqual(message, { raw, exchange: 'news', routingKey: 'a"b' });
    }
  });

  test('may have been written by Python, with null and without spaces', () => {
    assert.deepEqual(storedMessage('[{},null,"celery"]'), {
      raw: '{}',
      exchange: '',
      routingKey: 'celery',
    });
  });

  for (const value of ['', '{}', '[]', '[1, 2, 3]', '["a", "b"]', '[x, "", "\\x"]']) {
    test(`is none that reads ${JSON.stringify(value)}`, () => {
      assert.equal(storedMessage(value), undefined);
    });
  }
});

describe('the list that a message goes back to', () => {
  test('is that of its priority, and the first for what cannot be read', () => {
    const { session } = setup();

    assert.equal(listFor(session, envelopeText(7), 'feeds'), 'feeds:6');
    assert.equal(listFor(session, 'hello', 'feeds'), 'feeds');
  });
});

describe('held messages that are read', () => {
  test('go where they came from, marked as delivered before', async () => {
    const { session, client } = setup({ a: stored(envelopeText(3), 'feeds') });

    const [entry] = await readHeld(session, client, ['a'], { redelivered: true });

    assert.deepEqual([entry!.tag, entry!.list], ['a', 'feeds:3']);
    assert.equal(decodeEnvelope(entry!.text).redelivered, true);
  });

  test('stay as they were when nobody was given them', async () => {
    const raw = envelopeText();
    const { session, client } = setup({ a: stored(raw) });

    const [entry] = await readHeld(session, client, ['a'], { redelivered: false });

    assert.equal(entry!.text, raw);
  });

  test('are counted when they came to harm', async () => {
    const { session, client } = setup({ a: stored(envelopeText()) });

    const [entry] = await readHeld(session, client, ['a'], { redelivered: true, counted: true });

    assert.equal(decodeEnvelope(entry!.text).message.headers['x-delivery-count'], 1);
  });

  test('have an empty entry when they are gone, so that their tags go too', async () => {
    const { session, client } = setup();

    const entries = await readHeld(session, client, ['a'], { redelivered: true });

    assert.deepEqual(entries, [{ tag: 'a', list: '', text: '' }]);
  });

  test('stay where they are when they cannot be taken apart', async () => {
    const { session, client, warnings } = setup({ a: 'odd' });

    assert.deepEqual(await readHeld(session, client, ['a'], { redelivered: true }), []);

    assert.deepEqual(warnings, ['Cannot read what unacked holds under a; it stays there.']);
  });

  test('are asked for by two hundred', async () => {
    const { session, client, reads } = setup();
    const tags = Array.from({ length: 450 }, (_, n) => `${n}`);

    const entries = await readHeld(session, client, tags, { redelivered: true });

    assert.deepEqual([reads, entries.map(({ tag }) => tag)], [[200, 200, 50], tags]);
  });
});

describe('messages that are put back', () => {
  const entriesOf = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ tag: `${n}`, list: 'feeds', text: `text ${n}` }));

  test('are served next unless the call says otherwise', async () => {
    const { session, calls } = setup();

    await restoreTags(session, entriesOf(2), { heldKey: 'held' });
    await restoreTags(session, entriesOf(1), { heldKey: 'held', command: 'LPUSH' });

    assert.deepEqual(calls[0], {
      ...{ lists: ['feeds', 'feeds'], command: 'RPUSH', dead: ['', ''] },
      entries: ['0', 'text 0', '1', 'text 1'],
    });
    assert.equal(calls[1]!.command, 'LPUSH');
  });

  test('are counted over all calls, two hundred in each', async () => {
    const { session, calls } = setup({}, [200, 150, 50]);

    assert.equal(await restoreTags(session, entriesOf(450), { heldKey: 'held' }), 400);

    assert.deepEqual(
      calls.map(({ lists }) => lists.length),
      [200, 200, 50],
    );
  });

  test('of a dead consumer are left to it when it shows that it lives', async () => {
    const { session, calls } = setup({}, [200, -1]);
    const deadConsumer = { id: 'c', beat: '12.5' };

    const count = await restoreTags(session, entriesOf(450), { heldKey: 'held', deadConsumer });

    assert.deepEqual([count, calls.length, calls[0]!.dead], [200, 2, ['c', '12.5']]);
  });
});
