/** Counting and deleting what waits, from code, on every broker. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Celery, type PurgeOptions } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { freePort, type RedisServer, startRedis } from '../support/servers.ts';
import { type SharedRabbitmq, shareRabbitmq } from '../support/shared-rabbitmq.ts';

let redis: RedisServer;
let rabbitmq: SharedRabbitmq;
let dir: string;
before(async () => {
  [redis, rabbitmq] = await Promise.all([startRedis(), shareRabbitmq()]);
  dir = await mkdtemp(join(tmpdir(), 'tscelery-lengths-'));
});
after(async () => {
  await Promise.all([redis.stop(), rabbitmq.stop()]);
  await rm(dir, { recursive: true });
});

const BROKERS: readonly [string, () => string][] = [
  ['Redis', () => redis.url],
  ['RabbitMQ', () => rabbitmq.url],
  ['SQLite', () => `sqla+sqlite:///${join(dir, `${randomUUID()}.sqlite`)}`],
  ['memory', () => `memory://${randomUUID()}`],
];

async function appOn(t: TestContext, broker: string) {
  const [mail, video] = [`mail-${randomUUID()}`, `video-${randomUUID()}`];
  const app = new Celery('lengths', {
    ...{ broker, backend: 'disabled://', task_default_queue: mail },
    ...{ task_queues: [mail, video], worker_prefetch_multiplier: 1 },
  });
  await app.configFromObject({});
  t.after(() => app.close());
  const nap = app.task('nap', { bind: true }, self => self.sleep(60));
  const send = (queue: string, priority = 0) => nap.applyAsync([], { queue, priority });
  return { app, mail, video, nap, send };
}

for (const [name, broker] of BROKERS) {
  describe(`queues from code, ${name}`, () => {
    it('have a length: what waits, of every priority', async t => {
      const { app, mail, video, send } = await appOn(t, broker());
      assert.equal(await app.control.queueLength(mail), 0);

      await Promise.all([send(mail), send(mail, 9), send(video)]);

      await eventually(async () => assert.equal(await app.control.queueLength(mail), 2));
      assert.equal(await app.control.queueLength(video), 1);
      assert.equal(await app.control.queueLength(`${mail}-that-nobody-made`), 0);
    });

    it('are purged one by one or all, and say how many messages went', async t => {
      const { app, mail, video, send } = await appOn(t, broker());
      const other = `other-${randomUUID()}`;
      await Promise.all([send(mail), send(mail, 9), send(video)]);
      await eventually(async () => assert.equal(await app.control.queueLength(mail), 2));

      assert.equal(await app.control.purge({ queues: [mail, mail, other] }), 2);
      assert.equal(await app.control.queueLength(video), 1);
      assert.equal(await app.control.purge({ queues: [] }), 0);
      assert.equal(await app.control.purge(), 1);
      assert.equal(await app.control.purge(), 0);
    });

    it('keep what a worker holds', async t => {
      const { app, mail, send } = await appOn(t, broker());
      await using worker = app.worker({ pool: 'async', concurrency: 1, queues: [mail] });
      await worker.start();
      const started = new Promise(resolve => app.signals.taskPrerun.connect(resolve));
      await send(mail);
      await started;

      assert.equal(await app.control.queueLength(mail), 0);
      assert.equal(await app.control.purge(), 0);
      await worker.stop({ timeout: 0 });
    });
  });
}

describe('queues from code', () => {
  it('take nothing that is no name of a queue, and no option that does not exist', async t => {
    const { app, mail, send } = await appOn(t, 'memory://');
    await send(mail);
    const refused: [PurgeOptions, RegExp][] = [
      [{ queues: mail } as never, /must be a list of names of queues, got 'mail/],
      [{ queues: [mail, ''] }, /name of a queue must be a text that is not empty, got ''/],
      [[mail] as never, /^purge takes an object, got .*purge\(\{ queues: \['.*'\] \}\)$/],
      [{ queue: [mail] } as never, /no option "queue" of purge\..*"queues"/],
    ];
    for (const [options, message] of refused) {
      await assert.rejects(app.control.purge(options), { name: 'TypeError', message });
    }
    await assert.rejects(app.control.queueLength(7 as never), { name: 'TypeError' });
    assert.equal(await app.control.queueLength(mail), 1);
  });

  it('fail when the broker is away', async t => {
    const { app, mail } = await appOn(t, `redis://127.0.0.1:${await freePort()}/0`);

    await assert.rejects(app.control.purge(), { name: 'OperationalError' });
    await assert.rejects(app.control.queueLength(mail), { name: 'OperationalError' });
    const signal = AbortSignal.abort(new Error('no time'));
    await assert.rejects(app.control.queueLength(mail, { signal }), { message: 'no time' });
  });
});
