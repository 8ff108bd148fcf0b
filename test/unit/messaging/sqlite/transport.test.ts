import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Delivery } from '../../../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE, exchange, queue } from '../../../../src/messaging/entities.ts';
import { SqliteTransport } from '../../../../src/messaging/sqlite/transport.ts';
import { buildTaskMessage } from '../../../../src/wire/messages/task-message.ts';

const messageFor = (id = '1') => buildTaskMessage({ task: 't', id, args: [], kwargs: {} });

/** A connection to the one database in memory that this process has. */
function setup(options?: Record<string, unknown>) {
  const transport = new SqliteTransport('sqla+sqlite://', options);
  const got: Delivery[] = [];
  const onDeliveries = (deliveries: Delivery[]) => void got.push(...deliveries);
  const consume = (name: string) => transport.consume([queue(name)], { prefetch: 0, onDeliveries });
  const send = (routingKey: string) =>
    transport.publish(messageFor(), { exchange: DEFAULT_EXCHANGE, routingKey });
  return { transport, got, consume, send };
}

describe('a connection to SQLite', () => {
  test('that is closed while a consumer starts leaves none that takes messages', async t => {
    const { transport, got, consume } = setup();
    const other = setup();
    t.after(() => other.transport.close());
    await other.transport.connect();
    const starting = consume('closed-while');
    starting.catch(() => {});

    await transport.close();
    await assert.rejects(starting, { name: 'ConnectionClosed' });
    await other.send('closed-while');

    assert.deepEqual([await other.transport.size('closed-while'), got], [1, []]);
  });

  test('opens anew when it is used after it was closed', async () => {
    const { transport, send } = setup();
    await send('again');
    await transport.close();
    assert.equal(transport.connected, false);

    assert.equal(await transport.size('again'), 1);
    await transport.close();
  });

  test('tells what does nothing, once, and that it is there', async () => {
    const { transport } = setup({ queue_tabelname: 'x' });
    const heard: string[] = [];
    transport.onEvent(event => heard.push(event.type === 'warning' ? event.message : event.type));

    await Promise.all([transport.connect(), transport.connect()]);
    await transport.close();
    await transport.connect();
    await transport.close();

    assert.deepEqual(heard, [
      'Unknown broker_transport_options.queue_tabelname is ignored. Did you mean queue_tablename?',
      'connected',
      'connected',
    ]);
  });

  test('has no headers exchanges, and says so before anything is opened', async () => {
    const { transport } = setup();
    const to = { exchange: exchange('h', 'headers'), routingKey: '' };

    await assert.rejects(transport.publish(messageFor(), to), { name: 'ChannelError' });
    await assert.rejects(transport.declare(queue('q', to)), { name: 'ChannelError' });

    assert.equal(transport.connected, false);
  });

  test('refuses a queue that a broadcast and others would feed', async () => {
    const { transport } = setup();
    const bindings = [{ exchange: exchange('tasks'), routingKey: 'k' }];

    await assert.rejects(
      transport.declare(queue('q', { exchange: exchange('all', 'fanout'), bindings })),
      /Queue "q" has a fanout exchange and another binding, which SQLite cannot do; use two queues\./,
    );
  });

  test('says that no queue gets a message to who asks for that', async () => {
    const { transport } = setup();
    const to = { exchange: exchange('nowhere'), routingKey: 'k' };

    await transport.publish(messageFor(), to);
    await assert.rejects(transport.publish(messageFor(), to, { mandatory: true }), {
      name: 'Unroutable',
    });
    await transport.close();
  });
});
