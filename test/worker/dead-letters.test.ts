import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { type CeleryConfig, NotRegistered, WorkerLostError } from '../../src/index.ts';
import type { Delivery, Transport } from '../../src/messaging/contract.ts';
import { DEFAULT_EXCHANGE, queue } from '../../src/messaging/entities.ts';
import { readDeadLetter, reviveMessage } from '../../src/wire/messages/dead-letter.ts';
import { bodyBytes, type Message } from '../../src/wire/messages/message.ts';
import { buildTaskMessage } from '../../src/wire/messages/task-message.ts';
import { startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { shareRabbitmq } from '../support/shared-rabbitmq.ts';
import {
  redisSurroundings,
  type Surroundings,
  sqliteSurroundings,
  type WorkerBench,
  withWorker,
} from '../support/worker.ts';

const SETTINGS: CeleryConfig = {
  worker_dead_letter_queue: '{queue}.dead',
  worker_max_deliveries: 2,
  task_annotations: {
    'w.dies': { acks_late: true, reject_on_worker_lost: true },
    'w.overdraw': { acks_late: true, acks_on_failure: false },
  },
};

/** Takes the dead letters of a queue when there are `count` of them. */
async function exhume(transport: Transport, name: string, count: number): Promise<Delivery[]> {
  const got: Delivery[] = [];
  await eventually(async () => assert.equal(await transport.size(`${name}.dead`), count), {
    seconds: 20,
  });
  const consumer = await transport.consume(
    [queue(`${name}.dead`, { exchange: DEFAULT_EXCHANGE })],
    { prefetch: 0, onDeliveries: deliveries => void got.push(...deliveries) },
  );
  await eventually(() => assert.equal(got.length, count));
  for (const delivery of got) await delivery.ack();
  await consumer.close();
  return got;
}

function plain(changes: Partial<Message>): Message {
  return {
    body: '[[], {}, {}]',
    bodyEncoding: 'utf-8',
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    headers: {},
    properties: {},
    ...changes,
  };
}

/** Results on SQLite: those on RabbitMQ are for one client each. */
async function rabbitmqSurroundings(): Promise<Surroundings> {
  const [server, results] = await Promise.all([shareRabbitmq(), sqliteSurroundings()]);
  return {
    name: 'RabbitMQ',
    settings: { ...results.settings, broker_url: server.url },
    dir: results.dir,
    stop: async () => {
      await server.stop();
      await results.stop();
    },
  };
}

for (const [broker, surround] of [
  ['Redis', redisSurroundings],
  ['SQLite', sqliteSurroundings],
  ['RabbitMQ', rabbitmqSurroundings],
] as const) {
  describe(`dead letters on ${broker}`, () => {
    let surroundings: Surroundings;
    let bench: WorkerBench;
    let transport: Transport;
    let finish: () => void;
    let finished: Promise<void>;

    before(async () => {
      surroundings = await surround();
      await new Promise<void>((ready, failed) => {
        finished = withWorker(surroundings, { settings: SETTINGS }, async started => {
          bench = started;
          transport = await bench.app[INTERNALS].transport();
          ready();
          await new Promise<void>(resolve => {
            finish = resolve;
          });
        });
        finished.catch(failed);
      });
    });
    after(async () => {
      finish();
      await finished;
      await surroundings.stop();
    });

    const one = async () => {
      const [delivery] = await exhume(transport, bench.queue, 1);
      const letter = readDeadLetter(delivery!.message);
      assert.ok(letter, 'no dead letter');
      assert.equal(letter.worker, 'w1@test');
      assert.equal(letter.queue, bench.queue);
      assert.ok(Math.abs(letter.diedAt! - Date.now() / 1000) < 60);
      // the original is gone
      assert.equal(await transport.size(bench.queue), 0);
      return { message: delivery!.message, letter };
    };
    const publish = (message: Message) =>
      transport.publish(message, { exchange: DEFAULT_EXCHANGE, routingKey: bench.queue });

    it('a rejected message is kept with its reason, and can be sent again as it was', async () => {
      const message = buildTaskMessage({
        task: 'w.rejected',
        id: 'x',
        args: [bench.file()],
        kwargs: {},
        priority: 0,
        deliveryMode: 1,
        expirationSeconds: 60,
        headers: { mine: [1, null] },
      });
      await publish(message);

      const { message: dead, letter } = await one();

      assert.equal(letter.reason, 'rejected');
      assert.equal(letter.error, 'no');
      assert.equal(letter.deliveries, 1);
      assert.equal(dead.properties.expiration, undefined);
      const again = reviveMessage(dead);
      assert.deepEqual(again.headers, message.headers);
      assert.deepEqual(again.properties, message.properties);
      assert.equal(bodyBytes(again).toString(), bodyBytes(message).toString());
    });

    it('a task that fails is kept when failures are not acknowledged', async () => {
      const result = await bench.app.sendTask('w.overdraw');

      const { letter } = await one();

      assert.equal(letter.reason, 'failed');
      assert.equal(letter.error, "Overdrawn('no money')");
      await assert.rejects(result.get({ timeout: 10 }), /no money/);
    });

    it('a task that took its worker down too often is kept, and has failed', async () => {
      const result = await bench.app.sendTask('w.dies', [bench.file()]);

      const { letter } = await one();

      assert.equal(letter.reason, 'delivery_limit');
      assert.match(letter.error, /^WorkerLostError\('The task was delivered 2 times/);
      assert.equal(letter.deliveries, 3);
      await assert.rejects(result.get({ timeout: 10 }), WorkerLostError);
    });

    it('an unknown task is kept, and has failed as in Celery', async () => {
      const result = await bench.app.sendTask('w.nobody', [1]);

      const { letter, message } = await one();

      assert.equal(letter.reason, 'unregistered');
      assert.equal(letter.error, "NotRegistered('w.nobody')");
      assert.equal(message.headers.task, 'w.nobody');
      await assert.rejects(result.get({ timeout: 10 }), NotRegistered);
      assert.match(
        bench.worker.stderr,
        /'w\.nobody'\.\nThe message goes to the dead-letter queue\./,
      );
    });

    it('what is no task, has content that is not accepted, or cannot be read is kept', async () => {
      const cases = [
        ['no_task', plain({ body: '{"not": "a task"}' })],
        ['disallowed', plain({ headers: { task: 'w.add', id: '1' }, contentType: 'text/plain' })],
        ['invalid', plain({ headers: { task: 'w.add', id: '2', eta: 'soon' } })],
        ['undecodable', plain({ headers: { task: 'w.add', id: '3' }, body: '[[1, 2' })],
        ['invalid', plain({ headers: { task: 'w.add', id: '4' }, body: '"text"' })],
      ] as const;
      for (const [reason, message] of cases) {
        await publish(message);

        const { letter, message: dead } = await one();

        assert.equal(letter.reason, reason);
        assert.notEqual(letter.error, '');
        assert.equal(bodyBytes(dead).toString(), message.body);
        assert.equal(dead.contentType, message.contentType);
      }
    });

    it('tasks that are acknowledged early leave a copy when they reject their message', async () => {
      const settings = { ...SETTINGS, task_annotations: { 'w.rejected': { acks_late: false } } };
      await withWorker(surroundings, { settings }, async early => {
        await early.app.sendTask('w.rejected', [early.file()]);

        const [delivery] = await exhume(transport, early.queue, 1);

        assert.equal(readDeadLetter(delivery!.message)?.reason, 'rejected');
      });
    });

    it('successes, retries, ignored and requeued tasks leave nothing', async () => {
      const results = [
        await bench.app.sendTask('w.add', [1, 2]),
        await bench.app.sendTask('w.retries', [1]),
        await bench.app.sendTask('w.requeued', [bench.file()]),
      ];
      await bench.app.sendTask('w.ignored');
      for (const result of results) await result.get({ timeout: 20 });

      assert.equal(await transport.size(`${bench.queue}.dead`), 0);
    });

    it('a worker that would consume its own dead-letter queue does not start', async () => {
      const settings = {
        ...surroundings.settings,
        worker_dead_letter_queue: 'grave',
      };
      const env = { TEST_SETTINGS: JSON.stringify(settings) };
      const fixture = new URL('../fixtures/worker-app.ts', import.meta.url).pathname;
      const worker = startCli(['-A', `${fixture}:app`, 'worker', '-Q', 'work,grave'], { env });

      const { code, stderr } = await worker.ended();

      assert.equal(code, 1);
      assert.match(stderr, /worker_dead_letter_queue "grave" is one of the queues .*\(-X grave\)/);
    });
  });
}

describe('text that is no message', () => {
  it('is kept as it is', async () => {
    const surroundings = await redisSurroundings();
    try {
      await withWorker(surroundings, { settings: SETTINGS }, async ({ app, queue: name }) => {
        const { Redis } = await import('ioredis');
        const client = new Redis(String(surroundings.settings.broker_url));
        await client.lpush(name, '{"no": "envelope');
        await client.quit();

        const [delivery] = await exhume(await app[INTERNALS].transport(), name, 1);

        const letter = readDeadLetter(delivery!.message);
        assert.deepEqual([letter?.reason, letter?.isBareText], ['undecodable', true]);
        assert.equal(bodyBytes(delivery!.message).toString(), '{"no": "envelope');
      });
    } finally {
      await surroundings.stop();
    }
  });
});
