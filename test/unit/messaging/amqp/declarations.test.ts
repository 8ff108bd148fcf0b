import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChannelError, OperationalError } from '../../../../src/drivers/errors.ts';
import { Declarations, queueArguments } from '../../../../src/messaging/amqp/declarations.ts';
import {
  binding,
  DEFAULT_EXCHANGE,
  exchange,
  type Queue,
  queue,
} from '../../../../src/messaging/entities.ts';
import { madeAdmin, replyError } from './made-channel.ts';

function setup(answers?: Parameters<typeof madeAdmin>[0]) {
  const { admin, notes, channel } = madeAdmin(answers);
  const declarations = new Declarations(admin);
  const countOf = (name: string) => channel.names.filter(each => each === name).length;
  return { declarations, notes, channel, countOf };
}

describe('the arguments of a queue', () => {
  test('are those of Celery in the words of RabbitMQ, with seconds as milliseconds', () => {
    const declared = queue('q', {
      ...{ expires: 0.5, messageTtl: 1.0004, maxPriority: 10, maxLength: 5, maxLengthBytes: 6 },
      queueArguments: { 'x-queue-mode': 'lazy' },
    });

    assert.deepEqual(queueArguments(declared), {
      'x-queue-mode': 'lazy',
      'x-expires': 500,
      'x-message-ttl': 1000,
      'x-max-length': 5,
      'x-max-length-bytes': 6,
      'x-max-priority': 10,
    });
  });

  test('are none where nothing was asked for, and count over what was spelled out', () => {
    assert.deepEqual(queueArguments(queue('q')), {});
    const both = queue('q', { maxPriority: 5, queueArguments: { 'x-max-priority': 3 } });
    assert.deepEqual(queueArguments(both), { 'x-max-priority': 5 });
  });
});

describe('a queue that is declared', () => {
  test('gets its exchange first, then itself, then its bindings in their order', async () => {
    const { declarations, notes } = setup();
    const news = exchange('news', 'topic');

    await declarations.declare(
      queue('q', {
        ...{ exchange: exchange('tasks'), routingKey: 'k', bindingArguments: { a: 1 } },
        bindings: [binding(news, 'b.#', { b: 2 })],
      }),
    );

    const lasting = '{"durable":true,"autoDelete":false,"arguments":{}}';
    assert.deepEqual(notes(), [
      `assertExchange tasks direct ${lasting}`,
      `assertExchange news topic ${lasting}`,
      'assertQueue q {"durable":true,"exclusive":false,"autoDelete":false,"arguments":{}}',
      'bindQueue q tasks k {"a":1}',
      'bindQueue q news b.# {"b":2}',
    ]);
  });

  for (const name of ['', 'amq.topic']) {
    test(`does not declare the exchange ${JSON.stringify(name)}, which is the broker's own`, async () => {
      const { declarations, channel } = setup();

      await declarations.declare(queue('q', { exchange: exchange(name, 'topic') }));

      const asked = name === '' ? ['assertQueue'] : ['assertQueue', 'bindQueue'];
      assert.deepEqual(channel.names, asked);
    });
  }

  test('is declared once on a connection, however often it is asked for at a time', async () => {
    const { declarations, countOf } = setup();
    const q = queue('q');

    await Promise.all([declarations.declare(q), declarations.declare(queue('q'))]);
    await declarations.declare(q);

    assert.deepEqual([countOf('assertQueue'), declarations.hasQueue('q')], [1, true]);
  });

  test('is declared again on another connection', async () => {
    const { declarations, countOf } = setup();
    const q = queue('q');
    await declarations.declare(q);

    declarations.forgetAll();
    assert.equal(declarations.hasQueue('q'), false);
    await declarations.declare(q);

    assert.equal(countOf('assertQueue'), 2);
  });

  test('is declared again when it was deleted, with the exchange that may have gone with it', async () => {
    const { declarations, countOf } = setup();
    const q = queue('q', { exchange: exchange('shop') });
    await declarations.declare(q);

    declarations.forget(q);
    await declarations.declare(q);

    assert.deepEqual([countOf('assertExchange'), countOf('assertQueue')], [2, 2]);
  });

  test('is declared with its exchange once more when that was deleted since', async () => {
    const { declarations, countOf, channel } = setup();
    await declarations.declare(queue('first', { exchange: exchange('shop') }));
    channel.answers = name =>
      name === 'bindQueue' ? replyError(404, "NOT_FOUND - no exchange 'shop'") : {};
    const second = queue('second', { exchange: exchange('shop') });
    await assert.rejects(declarations.declare(second));
    channel.answers = () => ({});

    await declarations.declare(second);

    assert.deepEqual([countOf('assertExchange'), countOf('bindQueue')], [2, 3]);
  });

  test('is declared once more with other properties, so that the broker says what differs', async () => {
    const { declarations, countOf } = setup();

    await declarations.declare(queue('q'));
    await declarations.declare(queue('q', { maxPriority: 5 }));

    assert.equal(countOf('assertQueue'), 2);
  });

  for (const [words, options] of [
    ['goes with its consumers', { autoDelete: true }],
    ['is of one connection alone', { exclusive: true }],
    ['ends when nobody uses it', { expires: 60 }],
    ['ends by an argument of its own', { queueArguments: { 'x-expires': 60_000 } }],
  ] as const) {
    test(`is declared each time when it ${words}: the broker may have deleted it`, async () => {
      const { declarations, countOf } = setup();
      const q = queue('q', options);

      await declarations.declare(q);
      await declarations.declare(q);

      assert.deepEqual([countOf('assertQueue'), declarations.hasQueue('q')], [2, false]);
    });
  }

  test('has its fleeting exchange declared each time, too, and its lasting one once', async () => {
    const { declarations, countOf } = setup();
    const fleeting = exchange('news', 'fanout', { autoDelete: true });

    for (const name of ['a', 'b']) {
      await declarations.declare(queue(name, { exchange: fleeting }));
      await declarations.declare(queue(`${name}2`, { exchange: exchange('tasks') }));
    }

    assert.equal(countOf('assertExchange'), 3);
  });

  test('that somebody else declares is left to them', async () => {
    const { declarations, channel } = setup();

    await declarations.declare(queue('q', { noDeclare: true }));

    assert.deepEqual(channel.names, []);
  });

  test('that was refused is tried again the next time', async () => {
    let refusals = 1;
    const { declarations, countOf } = setup(name =>
      name === 'assertQueue' && refusals-- > 0 ? new ChannelError('other arguments') : {},
    );
    const q = queue('q');

    await assert.rejects(declarations.declare(q), ChannelError);
    assert.equal(declarations.hasQueue('q'), false);
    await declarations.declare(q);

    assert.deepEqual([countOf('assertQueue'), declarations.hasQueue('q')], [2, true]);
  });
});

describe('a queue that somebody deleted', () => {
  test('is made again as it was declared here', async () => {
    const { declarations, notes } = setup();
    await declarations.declare(queue('q', { exchange: DEFAULT_EXCHANGE, maxLength: 7 }));

    await declarations.declareAgain('q');

    const [first, second, ...more] = notes();
    assert.deepEqual([second, more], [first, []]);
  });

  test('is not made by who never declared it', async () => {
    const { declarations, channel } = setup();

    await declarations.declareAgain('q');

    assert.deepEqual(channel.names, []);
  });

  test('is forgotten without those whose names begin with its name', async () => {
    const { declarations, countOf } = setup();
    const both: Queue[] = [queue('q'), queue('q2')];
    for (const each of both) await declarations.declare(each);

    declarations.forget(both[0]!);
    for (const each of both) await declarations.declare(each);

    assert.equal(countOf('assertQueue'), 3);
  });
});

describe('an exchange that messages are published to', () => {
  test('is provided once', async () => {
    const { declarations, countOf } = setup();

    await declarations.provide(exchange('news'));
    await declarations.provide(exchange('news'));

    assert.equal(countOf('assertExchange'), 1);
  });

  test('is fine when it is there with other properties', async () => {
    const { declarations } = setup(() => new ChannelError('inequivalent'));

    await declarations.provide(exchange('news'));
  });

  test('is not provided when the broker cannot be asked, and is asked for the next time', async () => {
    let failures = 1;
    const { declarations, countOf } = setup(() =>
      failures-- > 0 ? new OperationalError('lost') : {},
    );

    await assert.rejects(declarations.provide(exchange('news')), OperationalError);
    await declarations.provide(exchange('news'));

    assert.equal(countOf('assertExchange'), 2);
  });

  test('is declared again when it turned out to be missing, for its queues as well', async () => {
    const { declarations, countOf } = setup();
    const q = { exchange: exchange('news') };
    await declarations.provide(q.exchange);
    await declarations.declare(queue('a', q));

    declarations.forgetExchange('news');
    await declarations.provide(q.exchange);
    await declarations.declare(queue('b', q));

    assert.equal(countOf('assertExchange'), 4);
  });
});

describe('what was declared', () => {
  test('is remembered within bounds, however many queues there were', async () => {
    const { declarations } = setup();

    for (let n = 0; n < 10_050; n++) {
      await declarations.declare(queue(`q${n}`, { exchange: DEFAULT_EXCHANGE }));
    }

    assert.deepEqual(
      ['q0', 'q10049'].map(name => declarations.hasQueue(name)),
      [false, true],
    );
  });
});
