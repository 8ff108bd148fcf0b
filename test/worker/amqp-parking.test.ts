/** Messages that are due much later wait in RabbitMQ and not in the worker. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { parseUrls } from '../../src/drivers/url.ts';
import { Celery } from '../../src/index.ts';
import { createAmqpTransport } from '../../src/messaging/amqp/transport.ts';
import type { Delivery, Transport } from '../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE, exchange, type Queue, queue } from '../../src/messaging/entities.ts';
import type { Message } from '../../src/wire/messages/message.ts';
import { eventually } from '../support/eventually.ts';
import { rabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { lines, startWorker, withWorker } from '../support/worker.ts';

let surroundings: Awaited<ReturnType<typeof rabbitmqWithRpc>>;
before(async () => {
  surroundings = await rabbitmqWithRpc();
});
after(() => surroundings.stop());

/** What rabbitmqctl knows about the parking queues of a queue: name, type, messages. */
async function parked(name: string): Promise<{ name: string; type: string; count: number }[]> {
  const queues = await surroundings.server.queues();
  return queues
    .filter(queue => queue.name.startsWith(`tscelery.parked.${name}.`))
    .map(queue => ({ name: queue.name, type: queue.type, count: queue.messages }));
}

describe('a worker on RabbitMQ', () => {
  it('has a message with a far ETA wait in the broker, and runs it in time', async () => {
    const settings = { worker_park_eta_after: 1 };
    await withWorker(
      surroundings,
      { settings, args: ['-c', '1'] },
      async ({ app, worker, queue: name }) => {
        const eta = new Date(Date.now() + 7500);

        const result = await app.sendTask('w.add', [1, 2], { eta });
        await worker.sees(/waits in the broker/);

        assert.deepEqual(await parked(name), [
          { name: `tscelery.parked.${name}.4`, type: 'classic', count: 1 },
        ]);
        assert.equal(await result.get({ timeout: 20 }), 3);
        assert.ok(Date.now() >= eta.getTime(), 'it did not wait for its ETA');
      },
    );
  });

  it('parks a message again that came back early', async () => {
    const settings = { worker_park_eta_after: 0 };
    await withWorker(surroundings, { settings, args: ['-c', '1'] }, async ({ app, worker }) => {
      // for 4 s, then for 2; however slow the machine, there is a second time
      const eta = new Date(Date.now() + 7500);

      const result = await app.sendTask('w.add', [1, 2], { eta });

      assert.equal(await result.get({ timeout: 20 }), 3);
      assert.ok(Date.now() >= eta.getTime());
      const waits = worker.stderr.concat(worker.stdout).match(/waits in the broker/g);
      assert.ok((waits?.length ?? 0) >= 2);
    });
  });

  it('has room for work however many messages are parked', async () => {
    const settings = { worker_eta_task_limit: 2, worker_prefetch_multiplier: 1 };
    await withWorker(
      surroundings,
      { settings, args: ['-c', '1'] },
      async ({ app, queue: name }) => {
        const transport = await app[INTERNALS].transport();
        await Promise.all(
          Array.from({ length: 50 }, () => app.sendTask('w.nothing', [], { countdown: 3600 })),
        );

        await eventually(async () => {
          assert.equal(await transport.size(`tscelery.parked.${name}.2048`), 50);
        });

        const now = await app.sendTask('w.add', [1, 2]);
        assert.equal(await now.get({ timeout: 20 }), 3);
      },
    );
  });

  it('keeps messages with an ETA to itself when told to', async () => {
    const settings = { worker_park_eta_after: null };
    await withWorker(
      surroundings,
      { settings, args: ['-c', '1'] },
      async ({ app, worker, queue: name }) => {
        await app.sendTask('w.nothing', [], { countdown: 3600 });

        await worker.sees(/w\.nothing\[.*\] received/);

        assert.deepEqual(await parked(name), []);
      },
    );
  });

  it('keeps a message that the broker cannot park, and says so once', async () => {
    const settings = { worker_park_eta_after: 1 };
    await withWorker(
      surroundings,
      { settings, args: ['-c', '1'] },
      async ({ app, worker, queue: name }) => {
        const transport = await app[INTERNALS].transport();
        // something else of that name
        for (const seconds of [1, 2, 4]) {
          const taken = `tscelery.parked.${name}.${seconds}`;
          await transport.declare(queue(taken, { exchange: DEFAULT_EXCHANGE }));
        }
        const eta = new Date(Date.now() + 4500);

        const sent = Array.from({ length: 3 }, (_, n) => app.sendTask('w.add', [n, 0], { eta }));

        const results = (await Promise.all(sent)).map(result => result.get({ timeout: 20 }));
        assert.deepEqual(await Promise.all(results), [0, 1, 2]);
        assert.ok(Date.now() >= eta.getTime());
        const warnings = worker.stderr.concat(worker.stdout).match(/could not keep them/g);
        assert.equal(warnings?.length, 1);
      },
    );
  });

  it('takes what was parked in a quorum queue of a quorum queue', async () => {
    const settings = { worker_park_eta_after: 1, task_default_queue_type: 'quorum' };
    await withWorker(
      surroundings,
      { settings, args: ['-c', '1'] },
      async ({ app, worker, queue: name }) => {
        const result = await app.sendTask('w.add', [1, 2], { countdown: 2.8 });
        await worker.sees(/waits in the broker/);

        assert.deepEqual(
          (await parked(name)).map(({ type }) => type),
          ['quorum'],
        );
        assert.equal(await result.get({ timeout: 20 }), 3);
      },
    );
  });

  it('revokes a parked message when it comes back', async () => {
    const settings = { worker_park_eta_after: 0 };
    await withWorker(
      surroundings,
      { settings, args: ['-c', '1'] },
      async ({ app, worker, file }) => {
        const notes = file();
        const result = await app.sendTask('w.work', [notes, 'ran', 0], {
          countdown: 4.5,
          expires: 3,
        });

        await worker.sees(/waits in the broker/);
        await worker.sees(/Discarding revoked task/);

        await assert.rejects(result.get({ timeout: 20 }), { name: 'TaskRevokedError' });
        assert.deepEqual(await lines(notes), []);
      },
    );
  });
});

describe('a parked message', () => {
  const open = () =>
    createAmqpTransport(parseUrls(surroundings.server.url), {
      transportOptions: {},
      connectTimeout: 4,
      useSsl: false,
    });

  /** A consumer of a new queue; `next` resolves with the next delivery. */
  async function consuming(options: Partial<Queue> = {}) {
    const transport: Transport = open();
    const taken: Delivery[] = [];
    const each = queue(`q-${randomUUID()}`, options);
    await transport.consume([each], {
      prefetch: 10,
      onDeliveries: deliveries => void taken.push(...deliveries),
    });
    const next = () =>
      eventually(() => {
        assert.ok(taken.length > 0, 'nothing came');
        return taken.shift() as Delivery;
      });
    return { transport, queue: each, next };
  }

  const message = (properties: Message['properties'] = {}): Message => ({
    body: '[[], {}, {}]',
    bodyEncoding: 'utf-8',
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    headers: { task: 't', id: randomUUID(), timelimit: [null, 300], custom: { deep: [1, 'x'] } },
    properties: { correlation_id: 'c', delivery_mode: 2, ...properties },
  });

  it('comes back as it was, through whatever exchange it came', async () => {
    const feeds = exchange(`feeds-${randomUUID()}`, 'topic');
    const { transport, next } = await consuming({ exchange: feeds, routingKey: 'feed.#' });
    try {
      const sent = message({ priority: 7, expiration: '60000', reply_to: 'r', app_id: 'a' });
      await transport.publish(sent, { exchange: feeds, routingKey: 'feed.x' });
      const first = await next();

      await first.park!(1);
      const second = await next();

      assert.ok(first.settled);
      assert.deepEqual(second.message, first.message);
      assert.deepEqual(second.message.headers, sent.headers);
      assert.deepEqual(second.message.properties, sent.properties);
      assert.deepEqual([second.exchange, second.routingKey], [feeds.name, 'feed.x']);
      assert.equal(second.redelivered, false);
    } finally {
      await transport.close();
    }
  });

  it('is not ended early by its expiration', async () => {
    const { transport, queue: own, next } = await consuming();
    try {
      const to = { exchange: DEFAULT_EXCHANGE, routingKey: own.name };
      await transport.publish(message({ expiration: '500' }), to);
      const first = await next();
      const started = performance.now();

      await first.park!(2);
      await next();

      assert.ok(performance.now() - started > 1900);
    } finally {
      await transport.close();
    }
  });

  it('can be parked again and again, without headers that grow or a cycle that ends it', async () => {
    const { transport, queue: own, next } = await consuming();
    try {
      // it was dead-lettered by somebody before
      const death = { count: 1, reason: 'expired', queue: own.name, exchange: '', time: 0 };
      const sent = message();
      const old = { ...sent, headers: { ...sent.headers, 'x-death': [death] } };
      await transport.publish(old, { exchange: DEFAULT_EXCHANGE, routingKey: own.name });
      let delivery = await next();

      for (let round = 0; round < 3; round++) {
        await delivery.park!(1);
        delivery = await next();
      }

      assert.deepEqual(delivery.message.headers, sent.headers);
    } finally {
      await transport.close();
    }
  });

  it('does not stand behind one that has to wait longer', async () => {
    const { transport, queue: own, next } = await consuming();
    try {
      const to = { exchange: DEFAULT_EXCHANGE, routingKey: own.name };
      for (const name of ['long', 'short']) {
        await transport.publish(message({ correlation_id: name }), to);
        await (await next()).park!(name === 'long' ? 4 : 1);
      }

      const back = await next();

      assert.equal(back.message.properties.correlation_id, 'short');
    } finally {
      await transport.close();
    }
  });

  it('finds its parking queue again after somebody deleted that', async () => {
    const { transport, queue: own, next } = await consuming();
    try {
      const to = { exchange: DEFAULT_EXCHANGE, routingKey: own.name };
      await transport.publish(message(), to);
      await (await next()).park!(1);
      const again = await next();
      await transport.delete(queue(`tscelery.parked.${own.name}.1`));

      await again.park!(1);

      assert.ok(await next());
    } finally {
      await transport.close();
    }
  });

  it('stays with its consumer when it cannot be parked', async () => {
    const { transport, queue: own, next } = await consuming();
    try {
      await transport.declare(queue(`tscelery.parked.${own.name}.1`));
      await transport.publish(message(), { exchange: DEFAULT_EXCHANGE, routingKey: own.name });
      const delivery = await next();

      await assert.rejects(async () => delivery.park!(1), { name: 'ChannelError' });

      assert.equal(delivery.settled, false);
      await delivery.ack();
      assert.equal(await transport.size(own.name), 0);
    } finally {
      await transport.close();
    }
  });

  it('is not offered by queues that may be gone by then', async () => {
    for (const options of [{ autoDelete: true }, { durable: false }, { exclusive: true }]) {
      const { transport, queue: own, next } = await consuming(options);
      try {
        await transport.publish(message(), { exchange: DEFAULT_EXCHANGE, routingKey: own.name });
        assert.equal((await next()).park, undefined);
      } finally {
        await transport.close();
      }
    }
  });
});

describe('parked messages and a broker that is killed', () => {
  it('come back after it was started again', async () => {
    const name = `q-${randomUUID()}`;
    const settings = {
      ...surroundings.settings,
      task_default_queue: name,
      worker_park_eta_after: 1,
      result_backend: `db+sqlite:///${surroundings.dir}/restart.sqlite`,
    };
    const app = new Celery('client', settings);
    const worker = startWorker(settings, ['-n', 'w@restart']);
    try {
      await worker.sees(/ ready\./);
      const sent = Array.from({ length: 20 }, (_, n) =>
        app.sendTask('w.echo', [n], { countdown: 10 }),
      );
      const results = await Promise.all(sent);
      const transport = await app[INTERNALS].transport();
      await eventually(async () => {
        assert.equal(await transport.size(`tscelery.parked.${name}.8`), 20);
      });

      await surroundings.server.restart();

      const values = await Promise.all(results.map(result => result.get({ timeout: 60 })));
      assert.deepEqual(
        values,
        results.map((_, n) => n),
      );
    } finally {
      await app.close();
      worker.kill('SIGKILL');
      await worker.ended();
    }
  });
});
