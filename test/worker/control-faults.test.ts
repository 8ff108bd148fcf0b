/** Remote control when commands come in masses, broken, or at the worst moment. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { controlExchange } from '../../src/control/entities.ts';
import type { AsyncResult, Celery } from '../../src/index.ts';
import type { Message } from '../../src/wire/messages/message.ts';
import { Chance, childrenOf } from '../support/chaos.ts';
import { eventually } from '../support/eventually.ts';
import { type RabbitmqServer, rabbitmqNodeSurroundings } from '../support/rabbitmq.ts';
import { startRedis } from '../support/servers.ts';
import {
  redisSurroundings,
  type Surroundings,
  type WorkerBench,
  withWorker,
} from '../support/worker.ts';

let rabbit: Surroundings & { server: RabbitmqServer };
let redis: Surroundings;
before(async () => {
  [rabbit, redis] = await Promise.all([rabbitmqNodeSurroundings(), redisSurroundings()]);
});
after(() => Promise.all([rabbit.stop(), redis.stop()]));

/** Commands as they should not be, and as they come from clients that did not wait. */
function commands(chance: Chance): Message {
  const nobody = { exchange: 'reply.celery.pidbox', routing_key: 'nobody-waits' };
  const body = chance.one<unknown>([
    { method: 'ping', arguments: {}, ticket: 't', reply_to: nobody },
    { method: 'ping', arguments: {} },
    { method: 'stats', arguments: {}, reply_to: nobody },
    { method: 'revoke', arguments: { task_id: [`never-${chance.below(1e9)}`] } },
    { method: 'revoke', arguments: { task_id: { not: 'an id' } }, reply_to: { exchange: 5 } },
    { method: 'rate_limit', arguments: { task_name: 'w.add', rate_limit: '\u0000∞/m' } },
    { method: '__proto__', arguments: { __proto__: 1 }, destination: 'w1@test' },
    { method: 'levitate', arguments: [], destination: [5, null] },
    { method: 'ping', pattern: '((((', matcher: 'pcre' },
    { method: 'query_task', arguments: { ids: 'x'.repeat(50_000) }, reply_to: nobody },
    { method: null, arguments: null },
    [[[[]]]],
    'ping',
  ]);
  return {
    body: chance.below(20) === 0 ? '{"method": "ping", ' : JSON.stringify(body),
    bodyEncoding: 'utf-8',
    contentType: chance.below(50) === 0 ? 'application/x-python-serialize' : 'application/json',
    contentEncoding: 'utf-8',
    headers: chance.below(30) === 0 ? { clock: 'late', expires: [] } : { clock: 1 },
    properties: { delivery_mode: 2 },
  };
}

async function flood(app: Celery, count: number, chance: Chance): Promise<void> {
  const transport = await app[INTERNALS].transport();
  const to = { exchange: controlExchange('celery'), routingKey: '' };
  for (let sent = 0; sent < count; sent += 500) {
    const messages = Array.from({ length: 500 }, () => commands(chance));
    await Promise.all(messages.map(message => transport.publish(message, to)));
  }
}

const ping = (app: Celery) => app.control.ping({ timeout: 20, limit: 1 });
const PONG = [{ node: 'w1@test', value: { ok: 'pong' } }];

/** Megabytes for the main process's objects; it starts with about 20. */
const HEAP = 80;

const add = (app: Celery, x: number): Promise<AsyncResult> =>
  app.sendTask('w.add' as never, [x, 1] as never);

async function addsWhile(app: Celery, work: Promise<void>): Promise<number> {
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  let done = 0;
  while (!isOver) {
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => add(app, i)));
    const sums = await Promise.all(results.map(result => result.get({ timeout: 30 })));
    assert.deepEqual(
      sums,
      results.map((_, i) => i + 1),
    );
    done += sums.length;
  }
  await over;
  return done;
}

const BROKERS = [
  ['Redis', () => redis],
  ['RabbitMQ', () => rabbit],
] as const;

describe('ten thousand commands at once, good and bad', () => {
  for (const [name, surroundings] of BROKERS) {
    it(`neither stop the work nor stay in memory (${name})`, async t => {
      const chance = new Chance();
      t.diagnostic(`seed ${chance.seed}`);
      // what is kept of each command would soon be more than that, and end the worker
      const env = { NODE_OPTIONS: `--max-old-space-size=${HEAP}` };
      await withWorker(surroundings(), { args: ['-c', '1', '-E'], env }, async bench => {
        const { app, worker } = bench;
        const done = [];
        for (let wave = 0; wave < 2; wave++) {
          done.push(await addsWhile(app, flood(app, 10_000, chance)));
          // Redis cuts the connection of a listener that is 32 MB behind: it listens again soon
          await eventually(async () => assert.deepEqual(await ping(app), PONG), { seconds: 20 });
        }

        assert.ok(Math.min(...done) > 0, `tasks done meanwhile: ${done}`);
        assert.equal(await (await add(app, 41)).get({ timeout: 20 }), 42);
        worker.kill('SIGTERM');
        assert.equal((await worker.ended()).code, 0);
      });
    });
  }
});

describe('calls of one app at once', () => {
  for (const [name, surroundings] of BROKERS) {
    it(`hear the replies to each (${name})`, async () => {
      await withWorker(surroundings(), { args: ['-c', '1'] }, async ({ app }) => {
        for (let wave = 0; wave < 10; wave++) {
          const from = performance.now();
          const ids = Array.from({ length: 10 }, (_, i) => `never-${wave}-${i}`);
          const [pongs, found] = await Promise.all([
            Promise.all(ids.map(() => ping(app))),
            Promise.all(
              ids.map(id => app.control.revoke(id, { reply: true, timeout: 20, limit: 1 })),
            ),
          ]);
          assert.deepEqual(
            pongs,
            ids.map(() => PONG),
          );
          assert.deepEqual(
            found.flat().map(({ value }) => value),
            ids.map(id => ({ ok: `tasks ${id} flagged as revoked` })),
          );
          // a reply that another call got would be waited for
          assert.ok(performance.now() - from < 15_000);
        }
      });
    });
  }
});

describe('remote control', () => {
  /** Commands and tasks go on after the broker was away. */
  async function survives(surroundings: Surroundings, harm: () => Promise<void>) {
    await withWorker(surroundings, { args: ['-c', '1'] }, async ({ app, worker }) => {
      assert.deepEqual(await ping(app), PONG);
      await harm();
      await eventually(async () => assert.deepEqual(await ping(app), PONG), { seconds: 60 });

      const [limited] = await app.control.rateLimit('w.add', '10/m', {
        ...{ reply: true, limit: 1, timeout: 20 },
      });
      assert.deepEqual(limited!.value, { ok: 'new rate limit set successfully' });
      const result = await app.sendTask('w.add' as never, [1, 2] as never, { countdown: 60 });
      await result.revoke();
      await assert.rejects(result.get({ timeout: 20 }), { name: 'TaskRevokedError' });
      assert.doesNotMatch(worker.stderr, /Remote control is off/);
    });
  }

  it('goes on when RabbitMQ was restarted', () => survives(rabbit, () => rabbit.server.restart()));

  it('goes on when RabbitMQ cut its connections', () =>
    survives(rabbit, async () => {
      await rabbit.server.eval('rabbit_networking:close_all_connections("harm").');
    }));

  it('goes on when Redis was killed and came back', async () => {
    const server = await startRedis({ persistent: true });
    const settings = { broker_url: server.url, result_backend: server.url };
    try {
      await survives({ ...redis, settings }, async () => {
        await server.kill();
        await server.restart();
      });
    } finally {
      await server.stop();
    }
  });
});

describe('terminate at the moment when tasks end', () => {
  for (const [name, surroundings] of BROKERS) {
    it(`costs no place of the pool (${name})`, async t => {
      const chance = new Chance();
      t.diagnostic(`seed ${chance.seed}`);
      await withWorker(surroundings(), {}, async ({ app, file, lines }) => {
        const results: AsyncResult[] = [];
        for (let round = 0; round < 20; round++) {
          const result = await app.sendTask('w.work' as never, [file(), 'x', 0.03] as never);
          results.push(result);
          await new Promise(resolve => setTimeout(resolve, chance.below(50)));
          await app.control.terminate(result.id, { signal: chance.one(['SIGTERM', 'SIGKILL']) });
        }
        const ends = await Promise.allSettled(results.map(each => each.get({ timeout: 30 })));
        for (const end of ends) {
          if (end.status === 'rejected') assert.equal(end.reason.name, 'TaskRevokedError');
          else assert.equal(end.value, 'x');
        }

        const notes = file();
        await app.sendTask('w.work' as never, [notes, 'one', 60] as never);
        await app.sendTask('w.work' as never, [notes, 'two', 60] as never);
        await eventually(async () => assert.equal((await lines(notes)).length, 2), { seconds: 20 });
      });
    });
  }
});

describe('kills of children under load', () => {
  const KILLS = Number(process.env.TSCELERY_TEST_KILLS ?? 10);

  /** What events told of each task: its last word, and how often it had one. */
  async function finals(app: Celery) {
    const told = new Map<string, string[]>();
    const note = (event: { type: string; uuid?: unknown }) => {
      const id = String(event.uuid);
      told.set(id, [...(told.get(id) ?? []), event.type.slice('task-'.length)]);
    };
    const handlers = { 'task-succeeded': note, 'task-failed': note };
    const receiver = app.events.Receiver({ handlers });
    await receiver.start();
    return { told, [Symbol.asyncDispose]: () => receiver.stop() };
  }

  async function outcomeOf(result: AsyncResult): Promise<string> {
    try {
      await result.get({ timeout: 60 });
      return 'succeeded';
    } catch (error) {
      assert.equal((error as Error).name, 'WorkerLostError', result.id);
      return 'failed';
    }
  }

  /** Sends tasks, never more than a hundred ahead, until the kills are over. */
  async function underLoad({ app, file }: WorkerBench, kills: () => Promise<void>) {
    const outcomes = new Map<string, string>();
    const notes = file();
    let isOver = false;
    const over = kills().finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const names = ['w.work', 'w.lateWork'];
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          app.sendTask(names[i % 2] as never, [notes, 'x', 0.005] as never),
        ),
      );
      const ends = await Promise.all(results.map(outcomeOf));
      for (const [i, { id }] of results.entries()) outcomes.set(id, ends[i]!);
    }
    await over;
    return outcomes;
  }

  for (const [name, surroundings] of BROKERS) {
    it(`lose no task, and events tell the end of each once (${name})`, async t => {
      const chance = new Chance();
      t.diagnostic(`seed ${chance.seed}`);
      const settings = { worker_max_deliveries: null };
      await withWorker(surroundings(), { args: ['-E'], settings }, async bench => {
        await using events = await finals(bench.app);
        const pid = bench.worker.child.pid!;
        let kills = 0;
        const outcomes = await underLoad(bench, async () => {
          for (; kills < KILLS; kills++) {
            // a pool whose children never get ready is given up
            const ended = events.told.size;
            const more = chance.below(20);
            await eventually(() => events.told.size > ended + more, { seconds: 60 });
            await eventually(() => process.kill(chance.one(childrenOf(pid)), 'SIGKILL'));
          }
        });

        await eventually(() => assert.equal(events.told.size, outcomes.size), { seconds: 20 });
        for (const [id, outcome] of outcomes) assert.deepEqual(events.told.get(id), [outcome], id);
        const count = [...outcomes.values()].filter(outcome => outcome === 'failed').length;
        t.diagnostic(`${outcomes.size} tasks, ${kills} kills, ${count} failed`);
        await eventually(() => childrenOf(pid).length === 2);
      });
    });
  }
});
