import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChannelError } from '../../../../src/drivers/errors.ts';
import { Declarations } from '../../../../src/messaging/amqp/declarations.ts';
import { DelayedDelivery, delayedDestination } from '../../../../src/messaging/amqp/delayed.ts';
import {
  binding,
  broadcast,
  DEFAULT_EXCHANGE,
  exchange,
  queue,
} from '../../../../src/messaging/entities.ts';
import { undelayedRoutingKey } from '../../../../src/wire/messages/delayed-delivery.ts';
import { madeAdmin, replyError } from './made-channel.ts';

const NEWS = exchange('news', 'topic');
const SETUP = { queueType: 'quorum' } as const;

function setup(answers?: Parameters<typeof madeAdmin>[0]) {
  const made = madeAdmin(answers);
  const delayed = new DelayedDelivery(made.admin, new Declarations(made.admin));
  /** Those of the routing key `k` with its pattern in front. */
  const bindings = () => made.notes().filter(note => note.includes('#.k '));
  const countOf = (name: string) => made.channel.names.filter(each => each === name).length;
  return { ...made, delayed, bindings, countOf };
}

describe('a message that is to wait', () => {
  const to = { exchange: NEWS, routingKey: 'a.b' };

  for (const seconds of [undefined, 0, 0.9, -5]) {
    test(`goes straight to its exchange when that is for ${seconds} s`, () => {
      assert.equal(delayedDestination(to, seconds), to);
    });
  }

  test('goes through the queues of its whole seconds', () => {
    const destination = delayedDestination(to, 5.9);

    assert.equal(destination.exchange.name, 'celery_delayed_27');
    assert.equal(destination.exchange.type, 'topic');
    assert.match(destination.routingKey, /^(0\.){25}1\.0\.1\.a\.b$/);
  });

  test('has its own routing key when it comes out', () => {
    const { routingKey } = delayedDestination(to, 5);

    assert.equal(undelayedRoutingKey('celery_delayed_delivery', routingKey), 'a.b');
  });

  test('waits eight years at most', () => {
    assert.match(delayedDestination(to, 1e12).routingKey, /^(1\.){28}a\.b$/);
  });

  test('cannot be delayed on its way to a direct exchange', () => {
    const direct = { exchange: exchange('tasks'), routingKey: 'k' };

    assert.equal(delayedDestination(direct, 100), direct);
  });
});

describe('delayed delivery', () => {
  test('has an exchange and a queue for each of 28 digits, and a way out', async () => {
    const { delayed, countOf, notes } = setup();

    await delayed.setUp([], SETUP);

    assert.deepEqual(
      ['assertExchange', 'assertQueue', 'bindQueue', 'bindExchange'].map(countOf),
      [29, 28, 28, 28],
    );
    assert.equal(notes()[0], 'assertExchange celery_delayed_27 topic {"durable":true}');
    assert.equal(
      notes().at(-1),
      `bindExchange celery_delayed_delivery celery_delayed_0 ${'*.'.repeat(27)}0.# {}`,
    );
  });

  test('is set up once on a connection, and again on another', async () => {
    const { delayed, countOf } = setup();

    await Promise.all([delayed.setUp([], SETUP), delayed.setUp([], SETUP)]);
    assert.equal(countOf('assertQueue'), 28);
    delayed.forget();
    await delayed.setUp([], SETUP);

    assert.equal(countOf('assertQueue'), 56);
  });

  test('is there again after a reconnect when a worker had asked for it', async () => {
    const { delayed, channel, bindings, countOf } = setup();
    const q = queue('q', { exchange: NEWS, routingKey: 'k' });
    await delayed.setUp([q], SETUP);
    const before = bindings();
    channel.asked.length = 0;

    delayed.forget();
    await delayed.recover();

    assert.deepEqual([countOf('assertQueue'), bindings()], [28, before]);
  });

  test('is nothing to be recovered for who never asked for it', async () => {
    const { delayed, channel } = setup();

    await delayed.recover();

    assert.deepEqual(channel.names, []);
  });

  test('is not set up by a client that finds it', async () => {
    const { delayed, channel } = setup();

    await delayed.setUp([], { ...SETUP, ifMissing: true });

    assert.deepEqual(channel.names, ['checkExchange']);
    delayed.forget();
    await delayed.recover();
    assert.deepEqual(channel.names, ['checkExchange'], 'the next call asks');
  });

  test('is set up by a client that does not find it', async () => {
    const { delayed, countOf } = setup(name =>
      name === 'checkExchange' ? replyError(404, 'NOT_FOUND - no exchange') : {},
    );

    await delayed.setUp([], { ...SETUP, ifMissing: true });

    assert.equal(countOf('assertQueue'), 28);
  });

  test('fails when the broker refuses, and is tried again the next time', async () => {
    let refusals = 1;
    const { delayed, countOf } = setup(name =>
      name === 'assertQueue' && refusals-- > 0 ? new ChannelError('classic there') : {},
    );

    await assert.rejects(delayed.setUp([], SETUP), ChannelError);
    await delayed.setUp([], SETUP);

    assert.equal(countOf('assertQueue'), 29);
  });
});

describe('a queue whose messages may be delayed', () => {
  test('is bound to what comes out, by patterns in front of its own keys', async () => {
    const { delayed, bindings } = setup();

    await delayed.setUp([queue('q', { exchange: NEWS, routingKey: 'k' })], SETUP);

    assert.deepEqual(bindings(), [
      'bindExchange news celery_delayed_delivery #.k {}',
      'bindQueue q news #.k {}',
    ]);
  });

  test('keeps a pattern that takes everything already', async () => {
    const { delayed, bindings } = setup();

    await delayed.setUp([queue('q', { exchange: NEWS, routingKey: '#.k' })], SETUP);

    assert.equal(bindings().filter(note => note.includes('#.#.k')).length, 0);
  });

  test('has all its bindings delayed but those to direct exchanges', async () => {
    const { delayed, notes } = setup();
    const bindings = [binding(exchange('tasks'), 'd'), binding(exchange('all', 'fanout'), '')];

    await delayed.setUp([queue('q', { exchange: NEWS, routingKey: 'k', bindings })], SETUP);

    const out = notes().filter(note => /^bindExchange \w+ celery_delayed_delivery/.test(note));
    assert.deepEqual(out, [
      'bindExchange news celery_delayed_delivery #.k {}',
      'bindExchange all celery_delayed_delivery #. {}',
    ]);
  });

  test('of a headers exchange keeps its one binding: the headers are as they were', async () => {
    const { delayed, notes } = setup();
    const args = { 'x-match': 'all', kind: 'a' };

    await delayed.setUp(
      [queue('q', { exchange: exchange('h', 'headers'), routingKey: '', bindingArguments: args })],
      SETUP,
    );

    assert.equal(notes().filter(note => note.startsWith('bindQueue q h')).length, 1);
  });

  for (const [words, given] of [
    ['a direct exchange', queue('q')],
    ['the nameless exchange', queue('q', { exchange: DEFAULT_EXCHANGE })],
    ['a broadcast', broadcast('all')],
  ] as const) {
    test(`of ${words} is left as it is`, async () => {
      const { delayed, channel } = setup();
      await delayed.setUp([], SETUP);
      channel.asked.length = 0;

      await delayed.setUp([given], SETUP);

      assert.deepEqual(channel.names, []);
    });
  }

  test('is bound once, and tried again when that failed', async () => {
    let refusals = 1;
    const { delayed, notes } = setup((name, args) =>
      name === 'bindExchange' && args[0] === 'news' && refusals-- > 0 ? new ChannelError('no') : {},
    );
    const q = queue('q', { exchange: NEWS, routingKey: 'k' });

    await assert.rejects(delayed.setUp([q], SETUP), ChannelError);
    await delayed.setUp([q], SETUP);
    await delayed.setUp([queue('q', { exchange: NEWS, routingKey: 'k' })], SETUP);

    const bound = notes().filter(note => note.startsWith('bindExchange news'));
    assert.equal(bound.length, 2, 'the refused one, and the one that held');
  });
});
