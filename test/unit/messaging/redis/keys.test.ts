import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { binding, exchange, queue } from '../../../../src/messaging/entities.ts';
import { RedisKeys } from '../../../../src/messaging/redis/keys.ts';
import { readRedisOptions } from '../../../../src/messaging/redis/options.ts';

const SEP = '\x06\x16';

function keysWith(transportOptions: Record<string, unknown> = {}, database = 0): RedisKeys {
  const options = { transportOptions, connectTimeout: 1, useSsl: false };
  return new RedisKeys(readRedisOptions(options), database);
}

const fanout = (name: string) => exchange(name, 'fanout');

describe('the lists of a queue', () => {
  test('are those of kombu, one for each step of priority', () => {
    const lists = keysWith().ofQueue('feeds');

    assert.deepEqual(lists, ['feeds', `feeds${SEP}3`, `feeds${SEP}6`, `feeds${SEP}9`]);
  });

  test('follow the options for steps, separator and prefix', () => {
    const keys = keysWith({ priority_steps: [5, 0], sep: ':', global_keyprefix: 'p.' });

    assert.deepEqual(keys.ofQueue('feeds'), ['p.feeds', 'p.feeds:5']);
  });

  test('take a message by the step below its priority', () => {
    const keys = keysWith({ sep: ':' });

    const lists = [0, 2, 3, 5.9, 8, 9].map(priority => keys.forMessage('q', priority));

    assert.deepEqual(lists, ['q', 'q', 'q:3', 'q:3', 'q:6', 'q:9']);
  });

  test('take priorities out of range at the nearest step', () => {
    const keys = keysWith({ sep: ':' });

    assert.deepEqual(
      [-4, 10, 255].map(n => keys.forMessage('q', n)),
      ['q', 'q:9', 'q:9'],
    );
    assert.equal(keysWith({ sep: ':', priority_steps: [4, 8] }).forMessage('q', 0), 'q:4');
  });

  test('take what is no number as 0, and a number in a text as that', () => {
    const keys = keysWith({ sep: ':' });

    const lists = [undefined, null, 'high', Number.NaN, {}, '6'].map(n => keys.forMessage('q', n));

    assert.deepEqual(lists, ['q', 'q', 'q', 'q', 'q', 'q:6']);
  });
});

describe('the keys for held messages', () => {
  test('are those of kombu, with ours named after them', () => {
    const keys = keysWith();

    assert.deepEqual(
      [keys.unacked, keys.unackedIndex, keys.unackedMutex, keys.consumers, keys.held('c')],
      [
        ...['unacked', 'unacked_index', 'unacked_mutex'],
        ...['tscelery.unacked.consumers', 'tscelery.unacked.held.c'],
      ],
    );
  });

  test('follow the options', () => {
    const keys = keysWith({
      ...{ global_keyprefix: 'p.', unacked_key: 'u', unacked_index_key: 'i' },
      unacked_mutex_key: 'm',
    });

    assert.deepEqual(
      [keys.unacked, keys.unackedIndex, keys.unackedMutex, keys.consumers, keys.held('c')],
      ['p.u', 'p.i', 'p.m', 'p.tscelery.u.consumers', 'p.tscelery.u.held.c'],
    );
  });
});

describe('the keys for what a consumer took and did not claim yet', () => {
  test('name the consumer, and the list where there is one', () => {
    const keys = keysWith({ global_keyprefix: 'p.', unacked_key: 'u' });

    assert.equal(keys.inboxes('c'), 'p.tscelery.u.inboxes.c');
    assert.equal(keys.inbox('c', 'p.q'), 'p.tscelery.u.inbox.c.p.q');
  });
});

describe('a binding', () => {
  test('is a member of the set of its exchange', () => {
    const keys = keysWith({ sep: '|', global_keyprefix: 'p.' });
    const feeds = queue('feeds', { exchange: exchange('news', 'topic'), routingKey: 'a.*' });

    assert.equal(keys.bindings('news'), 'p._kombu.binding.news');
    assert.equal(keys.member(feeds, feeds), 'a.*|^a\\..*?[^\\.]$|feeds');
  });

  test('has a pattern for topics only', () => {
    const keys = keysWith({ sep: '|' });
    const feeds = queue('feeds');

    assert.equal(keys.member(feeds, feeds), 'feeds||feeds');
    assert.equal(keys.member(feeds, binding(exchange('other'), 'x.y')), 'x.y||feeds');
  });

  test('is read as it was written', () => {
    const keys = keysWith();
    const feeds = queue('feeds', { exchange: exchange('news', 'topic'), routingKey: 'a.#' });

    const read = keys.parseMember(keys.member(feeds, feeds));

    assert.deepEqual(read, { routingKey: 'a.#', pattern: '^a\\..*?$', queue: 'feeds' });
  });

  for (const member of ['', 'key', `key${SEP}pattern`, `key${SEP}${SEP}`]) {
    test(`is none of ${JSON.stringify(member)}`, () => {
      assert.equal(keysWith().parseMember(member), undefined);
    });
  }
});

describe('the channel of a fanout exchange', () => {
  test('has the number of the database and the key before and behind its name', () => {
    const keys = keysWith({}, 3);

    assert.equal(keys.channel(fanout('events'), ''), '/3.events');
    assert.equal(keys.channel(fanout('events'), 'task.sent'), '/3.events/task.sent');
  });

  test('follows the options', () => {
    const channel = (options: Record<string, unknown>) =>
      keysWith(options).channel(fanout('events'), 'key');

    assert.equal(channel({ fanout_prefix: false }), 'events/key');
    assert.equal(channel({ fanout_prefix: 'x:' }), 'x:events/key');
    assert.equal(channel({ fanout_patterns: false }), '/0.events');
    assert.equal(channel({ global_keyprefix: 'p.' }), 'p./0.events/key');
  });
});

describe('a queue of a fanout exchange', () => {
  const bound = (routingKey: string, noAck = false, options: Record<string, unknown> = {}) =>
    keysWith(options).subscriptions(
      queue('mine', { exchange: fanout('events'), routingKey, noAck }),
    );

  test('gets tasks of every key', () => {
    assert.deepEqual(bound(''), ['/0.events', '/0.events/*']);
    assert.deepEqual(bound('mine'), ['/0.events', '/0.events/*']);
    assert.deepEqual(bound('some.key'), ['/0.events', '/0.events/*']);
  });

  test('gets what a key with wildcards chooses', () => {
    assert.deepEqual(bound('task.*'), ['/0.events/task.*']);
    assert.deepEqual(bound('#', true), ['/0.events/*']);
  });

  test('gets what is not acknowledged by its exact key', () => {
    assert.deepEqual(bound('', true), ['/0.events']);
    assert.deepEqual(bound('worker', true), ['/0.events/worker']);
  });

  test('gets all of one channel without patterns', () => {
    assert.deepEqual(bound('task.*', false, { fanout_patterns: false }), ['/0.events']);
  });

  test('of an exchange with odd signs in its name gets nothing of others', () => {
    const odd = queue('mine', { exchange: fanout('a*[b]?') });

    assert.deepEqual(keysWith().subscriptions(odd)[0], '/0.a\\*\\[b\\]\\?');
  });

  test('has a key of its own when that is not its name', () => {
    const keys = keysWith();
    const key = (routingKey: string) =>
      keys.fanoutKey(queue('mine', { exchange: fanout('events'), routingKey }));

    assert.deepEqual(
      [key('mine'), key('other'), keys.fanoutKey(queue('mine'))],
      ['', 'other', undefined],
    );
  });
});
