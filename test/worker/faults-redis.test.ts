import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import { Celery, type CeleryConfig } from '../../src/index.ts';
import type { RunningCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { lines, startWorker } from '../support/worker.ts';

const TASKS = 2000;
/** Seconds each task takes, so that faults meet running ones. */
const TASK_SECONDS = 0.004;

/** Child processes of a worker, as the kernel sees them. */
function children(worker: RunningCli): number[] {
  const { pid } = worker.child;
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

describe('a fleet on Redis', () => {
  let server: RedisServer;
  let client: Redis;
  let app: Celery;
  let dir: string;
  let settings: CeleryConfig;
  let fleet: RunningCli[];

  beforeEach(async () => {
    server = await startRedis({ persistent: true });
    client = server.client();
    dir = await mkdtemp(join(tmpdir(), 'tscelery-faults-'));
    settings = { broker_url: server.url, result_backend: server.url };
    app = new Celery('client', settings);
    fleet = [];
  });
  afterEach(async () => {
    await app.close();
    for (const worker of fleet) worker.kill('SIGKILL');
    await Promise.all(fleet.map(worker => worker.ended()));
    await server.stop();
    await rm(dir, { recursive: true });
  });

  async function enlist(): Promise<RunningCli> {
    const worker = startWorker(settings, [
      '-n',
      `w${fleet.length}@test`,
      '--prefetch-multiplier',
      '10',
    ]);
    fleet.push(worker);
    await worker.sees(/ ready\./);
    return worker;
  }

  const send = (task: string, notes: string) =>
    Promise.all(
      Array.from({ length: TASKS }, (_, n) =>
        app.sendTask(task, [notes, String(n), TASK_SECONDS], { retryPolicy: { maxRetries: null } }),
      ),
    );

  const progress = (notes: string, count: number) =>
    eventually(async () => assert.ok((await lines(notes)).length >= count), { seconds: 60 });

  /** What can go wrong, one after the other, each when some more tasks have run. */
  async function chaos(notes: string): Promise<void> {
    await progress(notes, 100);
    process.kill(children(fleet[0]!)[0]!, 'SIGKILL');
    await progress(notes, 300);
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await progress(notes, 500);
    fleet[0]!.kill('SIGKILL');
    await enlist();
    await progress(notes, 700);
    await server.kill();
    await server.restart();
    await progress(notes, 900);
    process.kill(children(fleet[1]!)[1]!, 'SIGKILL');
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await progress(notes, 1100);
    fleet[1]!.kill('SIGKILL');
    await enlist();
  }

  const drained = () =>
    eventually(
      async () => {
        assert.equal(await client.llen('celery'), 0);
        assert.equal(await client.hlen('unacked'), 0);
      },
      { seconds: 90, everyMs: 100 },
    );

  it('runs every late-acked task and keeps every result, whatever is killed', async () => {
    const notes = join(dir, 'late');
    await enlist();
    await enlist();
    const results = await send('w.lateWork', notes);

    await chaos(notes);

    const values = await Promise.all(results.map(result => result.get({ timeout: 90 })));
    assert.deepEqual(
      values,
      Array.from({ length: TASKS }, (_, n) => String(n)),
    );
    assert.equal(new Set(await lines(notes)).size, TASKS);
    await drained();
  });

  it('runs no early-acked task twice, whatever is killed', async () => {
    const notes = join(dir, 'early');
    await enlist();
    await enlist();
    await send('w.work', notes);

    await chaos(notes);
    await drained();

    const ran = await lines(notes);
    assert.equal(new Set(ran).size, ran.length, 'a task ran twice');
    // what a killed worker had acknowledged and not finished is gone: that is an early ack
    assert.ok(ran.length > TASKS * 0.9, `only ${ran.length} ran`);
  });

  it('runs a task of three visibility timeouts once while a second worker is idle', async () => {
    settings = { ...settings, broker_transport_options: { visibility_timeout: 1 } };
    const notes = join(dir, 'long');
    await enlist();
    await enlist();

    const result = await app.sendTask('w.lateWork', [notes, 'long', 3.2]);

    assert.equal(await result.get({ timeout: 20 }), 'long');
    await drained();
    assert.deepEqual(await lines(notes), ['long']);
  });
});
