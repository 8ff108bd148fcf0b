/** What RabbitMQ refuses fails alone: everything beside it is sent, and sent once. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, type TestContext, test } from 'node:test';
import { ChannelError } from '../../src/drivers/errors.ts';
import { DEFAULT_EXCHANGE, type Exchange, exchange, queue } from '../../src/messaging/entities.ts';
import { EncodeError } from '../../src/wire/errors.ts';
import type { Message } from '../../src/wire/messages/message.ts';
import { collect, textMessage } from '../contract/transport.contract.ts';
import { openAmqp, type RabbitmqServer, startRabbitmq } from '../support/rabbitmq.ts';

const LIMIT = 5_000_000;
const COUNT = 2000;

let server: RabbitmqServer;
before(async () => {
  server = await startRabbitmq({ config: [`max_message_size = ${LIMIT}`] });
});
after(() => server.stop());

const setLimit = (bytes: number) =>
  server.eval(`application:set_env(rabbit, max_message_size, ${bytes}).`);
const sized = (bytes: number, changes: Partial<Message> = {}) =>
  textMessage('x'.repeat(bytes), { headers: { task: 'tasks.bad' }, ...changes });
const small = (changes: Partial<Message>) => sized(10, changes);
const properties = (more: object) => ({ properties: { delivery_mode: 2, ...more } });

/** Publishes the bad messages amid 2000 good ones; returns what became of all of them. */
async function publishAmid(t: TestContext, bad: readonly Message[], to?: Exchange) {
  const { transport } = openAmqp(t, server.url);
  const own = `q-${randomUUID().slice(0, 8)}`;
  const work = queue(own, to ? { exchange: to, routingKey: 'k' } : {});
  await transport.declare(work);
  const destination = to
    ? { exchange: to, routingKey: 'k' }
    : { exchange: DEFAULT_EXCHANGE, routingKey: own };
  await transport.publish(textMessage('warm'), destination);
  const good: Promise<void>[] = [];
  const refused: Promise<unknown>[] = [];
  for (let i = 0; i < COUNT; i++) {
    good.push(transport.publish(textMessage(`${i}`.padEnd(1000)), destination));
    const one = i >= COUNT / 4 ? bad[refused.length] : undefined;
    if (one)
      refused.push(
        transport.publish(one, destination).then(
          () => 'sent',
          error => error,
        ),
      );
    if (i % 50 === 0) await new Promise(resolve => setImmediate(resolve));
  }
  const failed = (await Promise.allSettled(good)).filter(({ status }) => status === 'rejected');
  const { texts, reaches } = await collect(transport, [work]);
  await reaches(COUNT + 1);
  return { errors: await Promise.all(refused), failed, texts: texts().slice(1) };
}

function assertOnlyCulprits(
  { errors, failed, texts }: Awaited<ReturnType<typeof publishAmid>>,
  Class: new (...args: never[]) => Error,
  text: RegExp,
): void {
  for (const error of errors) {
    assert.ok(error instanceof Class, `${error}`);
    assert.match(error.message, text);
    assert.match(error.message, /task tasks\.bad/);
  }
  assert.deepEqual(failed, []);
  assert.equal(texts.length, COUNT);
  assert.equal(new Set(texts).size, COUNT);
}

describe('a message that RabbitMQ refuses fails alone', () => {
  test('when it is large', async t => {
    const outcome = await publishAmid(t, [sized(LIMIT + 1)]);

    assertOnlyCulprits(outcome, ChannelError, /PRECONDITION_FAILED - message size 5000001/);
  });

  test('when it is larger than an unusually low limit', async t => {
    await setLimit(50_000);
    t.after(() => setLimit(LIMIT));

    const outcome = await publishAmid(t, [sized(50_001)]);

    assertOnlyCulprits(outcome, ChannelError, /PRECONDITION_FAILED - message size 50001/);
  });

  test('and so does each of several', async t => {
    await setLimit(50_000);
    t.after(() => setLimit(LIMIT));

    const outcome = await publishAmid(t, [sized(60_000), sized(50_001), sized(60_000)]);

    assertOnlyCulprits(outcome, ChannelError, /PRECONDITION_FAILED - message size/);
    assert.equal(outcome.errors.length, 3);
  });

  test('when it comes over an exchange of its own', async t => {
    await setLimit(50_000);
    t.after(() => setLimit(LIMIT));

    const outcome = await publishAmid(t, [sized(50_001)], exchange(`x-${randomUUID()}`));

    assertOnlyCulprits(outcome, ChannelError, /PRECONDITION_FAILED - message size 50001/);
  });

  const refusals: [string, Message, RegExp][] = [
    ['names another user', small(properties({ user_id: 'somebody' })), /user_id property/],
    ['lives for too long', small(properties({ expiration: '99999999999999' })), /expiration/],
    ['has further queues that are no list', small({ headers: { task: 'tasks.bad', CC: 1 } }), /CC/],
    [
      'wants the answer of a consumer that is not there',
      small(properties({ reply_to: 'amq.rabbitmq.reply-to' })),
      /fast reply consumer/,
    ],
  ];
  for (const [what, message, text] of refusals) {
    test(`when it ${what}`, async t => {
      assertOnlyCulprits(await publishAmid(t, [message]), ChannelError, text);
    });
  }

  const headers = (more: object) => small({ headers: { task: 'tasks.bad', ...more } });
  const unsendable: [string, Message, RegExp][] = [
    ['has a header that is NaN', headers({ h: Number.NaN }), /the number NaN/],
    ['has an infinite number within a header', headers({ h: [{ n: -1 / 0 }] }), /number -Infinity/],
    ['has an integer beyond all floating point', headers({ h: 10n ** 400n }), /number Infinity/],
    ['has an invalid date', headers({ h: new Date(Number.NaN) }), /invalid date/],
    ['has too long headers', headers({ h: 'x'.repeat(70_000) }), /more than 65536 bytes/],
    ['has a key that is too long', headers({ ['k'.repeat(300)]: 1 }), /longer than 255 bytes/],
    ['has an id that is too long', small(properties({ message_id: 'x'.repeat(256) })), /messageId/],
    ['has an unknown delivery mode', small(properties({ delivery_mode: 3 })), /delivery_mode/],
    ['has a priority above 255', small(properties({ priority: 256 })), /priority/],
    ['has an expiration that is no number', small(properties({ expiration: '1s' })), /expiration/],
  ];
  for (const [what, message, text] of unsendable) {
    test(`before it is sent, when it ${what}`, async t => {
      assertOnlyCulprits(await publishAmid(t, [message]), EncodeError, text);
    });
  }
});

describe('beside what RabbitMQ refuses', () => {
  test('messages of other topics are sent, when a topic is forbidden', async t => {
    const topics = exchange(`topics-${randomUUID()}`, 'topic');
    const name = topics.name;
    await server.ctl('set_topic_permissions', 'guest', name, '^(good|k)', '.*');
    t.after(() => server.ctl('clear_topic_permissions', 'guest', name));
    const { transport } = openAmqp(t, server.url);
    const work = queue(`q-${randomUUID()}`, { exchange: topics, routingKey: '#' });
    await transport.declare(work);
    const send = (routingKey: string) =>
      transport.publish(textMessage('x'), { exchange: topics, routingKey });

    const keys = Array.from({ length: 600 }, (_, i) => (i % 200 === 150 ? 'bad.one' : 'good.one'));
    const outcomes = await Promise.allSettled([send('good.first'), ...keys.map(send)]);

    const refused = outcomes.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 3);
    assert.match(String((refused[0] as PromiseRejectedResult).reason), /topic 'bad\.one'/);
    assert.equal(await transport.size(work.name), 598);
  });

  test('other queues are declared, when the arguments of one cannot be sent', async t => {
    const { transport } = openAmqp(t, server.url);
    const name = `q-${randomUUID()}`;
    const bad = queue(`${name}-bad`, { queueArguments: { 'x-max-length': Number.NaN } });

    const refused = assert.rejects(transport.declare(bad), (error: Error) => {
      assert.ok(error instanceof EncodeError);
      assert.match(error.message, new RegExp(`declaring queue "${name}-bad": .*number NaN`));
      return true;
    });
    await Promise.all([refused, transport.declare(queue(name))]);

    await transport.publish(textMessage('x'), { exchange: DEFAULT_EXCHANGE, routingKey: name });
    assert.equal(await transport.size(name), 1);
  });

  test('a task that expires in a thousand years is sent, without a time to live', async t => {
    const headers = { task: 'tasks.late', expires: '3000-01-01T00:00:00+00:00' };
    const { transport } = openAmqp(t, server.url);
    const own = queue(`q-${randomUUID()}`);
    await transport.declare(own);

    await transport.publish(small({ headers, ...properties({ expiration: '30000000000000' }) }), {
      exchange: DEFAULT_EXCHANGE,
      routingKey: own.name,
    });

    const { reaches } = await collect(transport, [own]);
    const [delivery] = await reaches(1);
    assert.equal(delivery!.message.properties.expiration, undefined);
    assert.equal(delivery!.message.headers.expires, headers.expires);
  });

  test('headers that do not fit into a short frame fail before they are sent', async t => {
    const { transport } = openAmqp(t, server.url, { transportOptions: { frame_max: 8192 } });
    const own = queue(`q-${randomUUID()}`);
    await transport.declare(own);
    const to = { exchange: DEFAULT_EXCHANGE, routingKey: own.name };
    const send = (length: number) =>
      transport.publish(small({ headers: { task: 'tasks.bad', h: 'x'.repeat(length) } }), to);

    const outcomes = await Promise.allSettled([send(5000), send(8000), send(5000)]);

    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.equal(await transport.size(own.name), 2);
  });
});
