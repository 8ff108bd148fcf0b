import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { OperationalError } from '../../../src/drivers/errors.ts';
import type { Delivery, Transport } from '../../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE, queue } from '../../../src/messaging/entities.ts';
import { openTransport } from '../../../src/messaging/open.ts';
import { FakeClock } from '../../../src/testing/index.ts';
import { EncodeError } from '../../../src/wire/errors.ts';
import { buildTaskMessage } from '../../../src/wire/messages/task-message.ts';
import { DeadLetters } from '../../../src/worker/dead-letters.ts';
import { eventually } from '../../support/eventually.ts';

const WHY = { reason: 'rejected', error: 'no' } as const;

/** A message taken from the queue `work` of a broker that refuses to publish while `refuses`. */
async function setup(t: TestContext, name = '{queue}.dead') {
  const transport = await openTransport(`memory://${randomUUID()}`, {
    transportOptions: {},
    connectTimeout: 1,
    useSsl: false,
  });
  const broker = {
    refuses: false,
    refusal: new OperationalError('The broker is away.') as Error,
    attempts: 0,
  };
  const flaky = Object.assign(Object.create(transport) as Transport, {
    declare: (entity: Parameters<Transport['declare']>[0]) => transport.declare(entity),
    publish: async (...args: Parameters<Transport['publish']>) => {
      broker.attempts += 1;
      if (broker.refuses || broker.refusal instanceof EncodeError) throw broker.refusal;
      await transport.publish(...args);
    },
  });
  const logged: string[] = [];
  const clock = new FakeClock();
  const note = (text: string) => void logged.push(text);
  const letters = new DeadLetters({
    transport: flaky,
    name,
    declared: () => undefined,
    hostname: 'w@h',
    logger: { warning: note, error: note } as never,
    clock,
  });
  const message = buildTaskMessage({ task: 'proj.add', id: 'x', args: [], kwargs: {} });
  await transport.publish(message, { exchange: DEFAULT_EXCHANGE, routingKey: 'work' });
  let delivery: Delivery | undefined;
  const consumer = await transport.consume([queue('work', { exchange: DEFAULT_EXCHANGE })], {
    prefetch: 1,
    onDeliveries: ([first]) => {
      delivery = first;
    },
  });
  await eventually(() => delivery !== undefined);
  t.after(() => transport.close());
  return { transport, broker, letters, delivery: delivery!, consumer, clock, logged };
}

describe('dead letters', () => {
  it('are published before their message is acknowledged', async t => {
    const { transport, letters, delivery } = await setup(t);

    await letters.bury(delivery, WHY);

    assert.equal(delivery.settled, true);
    assert.equal(await transport.size('work.dead'), 1);
  });

  it('wait for a broker that is away, and keep their message until they are published', async t => {
    const { transport, broker, letters, delivery, clock, logged } = await setup(t);
    broker.refuses = true;
    const buried = letters.bury(delivery, WHY);
    await eventually(() => assert.equal(broker.attempts, 1));
    await eventually(() => assert.equal(logged.length, 1));
    assert.equal(delivery.settled, false);
    assert.match(logged[0]!, /^Couldn't put proj\.add\[x\] into .* work\.dead: The broker is away/);

    broker.refuses = false;
    await clock.advance(1.1);
    await buried;

    assert.equal(delivery.settled, true);
    assert.equal(await transport.size('work.dead'), 1);
  });

  it('that cannot be published leave their message in its queue when the worker stops', async t => {
    const { transport, broker, letters, delivery, consumer } = await setup(t);
    broker.refuses = true;
    const buried = letters.bury(delivery, WHY);
    await eventually(() => assert.equal(broker.attempts, 1));

    await letters.stop();
    await buried;
    await consumer.close();

    assert.equal(await transport.size('work'), 1);
    assert.equal(await transport.size('work.dead'), 0);
  });

  it('of a dead-letter queue itself are dropped, and that is logged', async t => {
    const { transport, letters, delivery, logged } = await setup(t, 'work');

    await letters.bury(delivery, WHY);

    assert.equal(await transport.size('work'), 0);
    assert.deepEqual(logged, [
      'proj.add[x] died in the dead-letter queue work itself; it is dropped.',
    ]);
  });

  it('that cannot be written are dropped, and that is logged: others must come', async t => {
    const { transport, broker, letters, delivery, logged } = await setup(t);
    broker.refusal = new EncodeError('headers.at cannot be sent.');

    await letters.bury(delivery, WHY);

    assert.equal(await transport.size('work'), 0);
    assert.equal(delivery.settled, true);
    assert.deepEqual(logged, [
      "Couldn't put proj.add[x] into the dead-letter queue work.dead: headers.at cannot be sent.",
      'proj.add[x] is dropped.',
    ]);
  });

  it('of acknowledged messages are held up to a number, and the log names the others', async t => {
    const { broker, letters, delivery, logged } = await setup(t);
    await delivery.ack();
    broker.refuses = true;
    for (let i = 0; i < 1000; i++) void letters.buryCopy(delivery, WHY);

    await letters.buryCopy(delivery, WHY);
    assert.match(
      logged.at(-1)!,
      /^1000 dead letters wait .*; proj\.add\[x\] is not kept \(rejected\)/,
    );
    await letters.stop();
  });

  it('of acknowledged messages are copies', async t => {
    const { transport, letters, delivery } = await setup(t);
    await delivery.ack();

    await letters.buryCopy(delivery, WHY);

    assert.equal(await transport.size('work.dead'), 1);
  });
});
