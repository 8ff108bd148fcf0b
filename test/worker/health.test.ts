/** What probes and scrapers hear of real workers. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Celery, type CeleryConfig } from '../../src/index.ts';
import { askServer, type Finding } from '../../src/process/health/probe.ts';
import { OUTCOMES } from '../../src/worker/listeners/task-metrics.ts';
import { runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { numberIn, type ParsedFamily, parseMetrics } from '../support/prometheus.ts';
import { freePort, type RedisServer, startRedis } from '../support/servers.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { startWorker } from '../support/worker.ts';

const host = '127.0.0.1';
let redis: RedisServer;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

interface Given {
  readonly args?: readonly string[];
  readonly url?: string;
  readonly settings?: CeleryConfig;
}

async function started(t: TestContext, { args = [], url = redis.url, settings = {} }: Given = {}) {
  const [port, folder] = [await freePort(), temporaryProject(t, {})];
  const config = {
    ...{ broker_url: url, result_backend: url, task_default_queue: randomUUID() },
    ...{ broker_connection_max_retries: null, ...settings },
  };
  const app = new Celery('client', config);
  const both = ['--health-port', String(port), '--metrics-port', String(port)];
  const worker = startWorker(config, ['-c', '1', '--health-host', host, ...both, ...args]);
  t.after(async () => {
    worker.kill('SIGKILL');
    await worker.ended();
    await app.close();
  });
  const ask = (path: '/live' | '/ready') => askServer({ port, host }, path, 5);
  return { app, ask, port, folder, worker, send: sender(app) };
}

const sender =
  (app: Celery) =>
  (task: string, args: unknown[], options: object = {}) =>
    app.sendTask(task, args, options);

const well = (reason: string): Finding => ({ isWell: true, reason });
const notReady = (why: string): Finding => ({ isWell: false, reason: `not ready: ${why}` });

async function metricsOf(port: number): Promise<Map<string, ParsedFamily>> {
  const response = await fetch(`http://${host}:${port}/metrics`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return parseMetrics(await response.text());
}

describe('the health of a worker', () => {
  it('is live from the start, and ready when the broker is there', async t => {
    const server = await startRedis();
    t.after(() => server.stop());
    await server.kill();
    const { ask, worker } = await started(t, { url: server.url });
    await eventually(async () => assert.deepEqual(await ask('/live'), well('live')), {
      seconds: 30,
    });
    await worker.sees(/Cannot connect/);
    assert.deepEqual(await ask('/ready'), notReady('it does not consume yet'));
    assert.deepEqual(await ask('/live'), well('live'));

    await server.restart();

    await eventually(async () => assert.deepEqual(await ask('/ready'), well('ready')), {
      seconds: 30,
    });
  });

  it('stays live and is not ready while the broker is away', async t => {
    const server = await startRedis();
    t.after(() => server.stop());
    const { ask, port, send, worker } = await started(t, { url: server.url });
    await worker.sees(/ ready\./);
    assert.deepEqual(await ask('/ready'), well('ready'));

    await server.kill();
    await eventually(async () =>
      assert.deepEqual(await ask('/ready'), notReady('the connection to the broker is lost')),
    );
    assert.deepEqual(await ask('/live'), well('live'));
    const away = await metricsOf(port);
    assert.equal(numberIn(away, 'tscelery_broker_connected'), 0);
    assert.equal(numberIn(away, 'tscelery_worker_ready'), 0);
    assert.equal(numberIn(away, 'tscelery_broker_losses_total'), 1);

    await server.restart();
    await eventually(async () => assert.deepEqual(await ask('/ready'), well('ready')), {
      seconds: 40,
    });
    const result = await send('w.add', [1, 2]);
    assert.equal(await result.get({ timeout: 20 }), 3);
  });

  it('is live and not ready while it ends what runs', async t => {
    const { ask, send, worker, folder } = await started(t);
    await worker.sees(/ ready\./);
    const file = join(folder, 'started');
    await send('w.work', [file, 'runs', 2]);
    await eventually(() => existsSync(file));

    worker.kill('SIGTERM');

    await eventually(async () => assert.deepEqual(await ask('/ready'), notReady('it is stopping')));
    assert.deepEqual(await ask('/live'), well('live'));
    assert.equal((await worker.ended()).code, 0);
    assert.match((await ask('/live')).reason, /^nothing listens on/);
  });

  it('is not live when its event loop does not turn, which the command says in time', async t => {
    const { port, send, worker } = await started(t, { args: ['-P', 'solo'] });
    await worker.sees(/ ready\./);
    await send('w.blocks', [8]);
    await worker.sees(/w\.blocks\[.*received/);

    await eventually(
      async () => {
        const began = performance.now();
        const { code, stderr } = await runCli([
          ...['health', '--health-port', String(port), '--live', '--timeout', '0.3'],
        ]);
        assert.match(
          stderr,
          /^not well: no answer from .* within 0\.3 s: the event loop is blocked/,
        );
        assert.equal(code, 1);
        assert.ok(performance.now() - began < 5000);
      },
      { seconds: 7 },
    );
    await eventually(async () => (await askServer({ port, host }, '/ready', 5)).isWell, {
      seconds: 30,
    });
  });

  it('does not mind children that are busy', async t => {
    const { ask, send, worker, folder } = await started(t, { args: ['-c', '1'] });
    await worker.sees(/ ready\./);
    await send('w.blocksLate', [join(folder, 'busy'), 3]);
    await eventually(() => existsSync(join(folder, 'busy')));

    assert.deepEqual(await ask('/live'), well('live'));
    assert.deepEqual(await ask('/ready'), well('ready'));
  });

  it('survives new children and a restart under the same process id', async t => {
    const settings = { worker_pool_restarts: true };
    const { app, ask, port, send, worker } = await started(t, { settings, args: ['-c', '2'] });
    await worker.sees(/ ready\./);
    await app.control.poolRestart({ reply: true });
    await eventually(async () => {
      const metrics = await metricsOf(port);
      assert.equal(numberIn(metrics, 'tscelery_pool_children_started_total'), 4);
      assert.equal(numberIn(metrics, 'tscelery_pool_children_lost_total'), 0);
    });
    assert.deepEqual(await ask('/ready'), well('ready'));

    worker.kill('SIGHUP');

    await worker.sees(/Restarting celery worker/);
    await eventually(
      async () => {
        assert.deepEqual(await ask('/ready'), well('ready'));
        const metrics = await metricsOf(port);
        assert.equal(numberIn(metrics, 'tscelery_pool_children_started_total'), 2);
      },
      { seconds: 30 },
    );
    assert.equal(await (await send('w.add', [1, 2])).get({ timeout: 20 }), 3);
    worker.kill('SIGTERM');
    assert.equal((await worker.ended()).code, 0);
  });

  it('shows in a file that is young while it is ready, and gone when it has stopped', async t => {
    const folder = temporaryProject(t, { 'n1.health': 'of a worker before' });
    const { worker } = await started(t, {
      args: ['-n', 'n1@h', '--health-file', join(folder, '%n.health')],
    });
    await worker.sees(/ ready\./);
    const file = join(folder, 'n1.health');
    await eventually(() => existsSync(file));
    const { mtimeMs } = await stat(file);
    assert.ok(Math.abs(Date.now() - mtimeMs) < 10_000);
    await eventually(async () => (await stat(file)).mtimeMs > mtimeMs);
    const { code, stdout } = await runCli([
      'health',
      '--health-file',
      join(folder, '%n.health'),
      '-n',
      'n1@h',
    ]);
    assert.match(stdout, /was touched \d s ago\n$/);
    assert.equal(code, 0);

    worker.kill('SIGTERM');
    await worker.ended();

    assert.ok(!existsSync(file));
  });

  it('cannot be served on a port that another process has: the worker says so and ends with 73', async t => {
    const port = await freePort();
    const other = createServer().listen(port, host);
    t.after(() => other.close());
    const { worker } = await started(t, { args: ['--metrics-port', String(port)] });

    const { code, stderr } = await worker.ended();

    assert.equal(code, 73);
    assert.match(
      stderr,
      new RegExp(
        `Error: worker_metrics_port: port ${port} of 127.0.0.1 cannot be listened on: another process does already.\n`,
      ),
    );
  });

  it('cannot be written where nothing can be: the worker says so at its start', async t => {
    const { worker } = await started(t, { args: ['--health-file', '/no/such/folder/health'] });

    const { code, stderr } = await worker.ended();

    assert.equal(code, 1);
    assert.match(
      stderr,
      /Error: worker_health_file "\/no\/such\/folder\/health" cannot be written: ENOENT/,
    );
  });
});

describe('the metrics of a worker', () => {
  it('count each task by its name and how it ended', async t => {
    const { app, port, send, worker, folder } = await started(t, { args: ['-c', '3'] });
    await worker.sees(/ ready\./);
    const killed = join(folder, 'killed');
    for (let i = 0; i < 5; i++) await send('w.add', [i, i]);
    for (let i = 0; i < 3; i++) await send('w.fail', ['no']);
    await send('w.retries', [2]);
    await send('w.ignored', []);
    await send('w.rejected', [join(folder, 'rejected')]);
    await send('w.nobodyKnows', []);
    await send('w.careful', []);
    // what ends its child may take along results that are just being written
    await eventually(async () => {
      const all = outcomesIn(await metricsOf(port));
      assert.deepEqual([all['w.retries']?.succeeded, all['w.careful']?.succeeded], [1, 1]);
    });
    await send('w.exits', [3]);
    await eventually(async () => outcomesIn(await metricsOf(port))['w.exits']?.lost === 1);
    await send('w.spins', []);
    await eventually(async () => outcomesIn(await metricsOf(port))['w.spins']?.timed_out === 1);
    await send('w.add', [1, 2], { expires: new Date(Date.now() - 1000) });
    const long = await send('w.work', [killed, 'runs', 60]);
    await eventually(() => existsSync(killed), { seconds: 20 });
    await app.control.revoke(long.id, { terminate: true });

    const outcomes = {
      'w.add': { succeeded: 5, expired: 1 },
      'w.fail': { failed: 3 },
      'w.retries': { retried: 2, succeeded: 1 },
      'w.ignored': { ignored: 1 },
      'w.rejected': { rejected: 1 },
      'w.exits': { lost: 1 },
      'w.spins': { timed_out: 1 },
      'w.careful': { succeeded: 1 },
      'w.work': { terminated: 1 },
    };
    const metrics = await eventually(
      async () => {
        const all = await metricsOf(port);
        assert.deepEqual(outcomesIn(all), outcomes);
        assert.equal(numberIn(all, 'tscelery_pool_busy_places'), 0);
        return all;
      },
      { seconds: 30 },
    );
    const of = (name: string, task: string) => numberIn(metrics, name, { task });
    assert.equal(of('tscelery_task_received_total', 'w.add'), 6);
    assert.equal(of('tscelery_task_started_total', 'w.add'), 5);
    assert.equal(of('tscelery_task_run_seconds_count', 'w.add'), 5);
    assert.equal(of('tscelery_task_wait_seconds_count', 'w.retries'), 3);
    assert.equal(of('tscelery_task_soft_timeouts_total', 'w.careful'), 1);
    assert.ok(of('tscelery_task_run_seconds_sum', 'w.spins')! >= 0.4);
    const refused = { reason: 'unknown_task' };
    assert.equal(numberIn(metrics, 'tscelery_messages_refused_total', refused), 1);
    assert.equal(numberIn(metrics, 'tscelery_pool_children_lost_total'), 1);
    assert.equal(numberIn(metrics, 'tscelery_messages_held'), 0);
    const page = await readFile(new URL('../../docs/health.md', import.meta.url), 'utf8');
    assert.deepEqual([...metrics.keys()].sort(), metricNames(page).sort());
    assert.deepEqual([...OUTCOMES].sort(), outcomeWords(page).sort());
  });

  it('tell what runs and waits now, and how much there may be', async t => {
    const { app, port, send, worker, folder } = await started(t, { args: ['-c', '2'] });
    await worker.sees(/ ready\./);
    const files = [1, 2, 3].map(i => join(folder, String(i)));
    for (const file of files) await send('w.work', [file, 'runs', 60]);
    await send('w.add', [1, 2], { countdown: 600 });

    const metrics = await eventually(
      async () => {
        const all = await metricsOf(port);
        assert.equal(numberIn(all, 'tscelery_pool_busy_places'), 2);
        assert.equal(numberIn(all, 'tscelery_requests', { state: 'scheduled' }), 1);
        return all;
      },
      { seconds: 20 },
    );

    const state = (name: string) => numberIn(metrics, 'tscelery_requests', { state: name });
    assert.deepEqual([state('active'), state('reserved'), state('limited')], [2, 1, 0]);
    assert.equal(numberIn(metrics, 'tscelery_pool_places'), 2);
    assert.equal(numberIn(metrics, 'tscelery_pool_children_ready'), 2);
    assert.equal(numberIn(metrics, 'tscelery_prefetch_limit'), 9);
    assert.ok(numberIn(metrics, 'tscelery_pool_resident_memory_bytes')! > 1e6);
    const queue = String(app.conf.get('task_default_queue'));
    assert.equal(numberIn(metrics, 'tscelery_consumer_queue', { queue }), 1);
    assert.equal(numberIn(metrics, 'tscelery_queue_received_total', { queue }), 4);
  });

  it('are served beside the health on a port of their own', async t => {
    const own = await freePort();
    const { ask, port, worker } = await started(t, { args: ['--metrics-port', String(own)] });
    await worker.sees(/ ready\./);

    await metricsOf(own);
    assert.equal((await fetch(`http://${host}:${port}/metrics`)).status, 404);
    assert.equal((await fetch(`http://${host}:${own}/live`)).status, 404);
    assert.deepEqual(await ask('/ready'), well('ready'));
  });
});

/** Those of the first column of its tables. */
function metricNames(page: string): string[] {
  const cells = [...page.matchAll(/^\| (`(?:tscelery|process|nodejs)_[^|]*) \|/gm)];
  return cells.flatMap(([, cell]) => cell!.replaceAll('`', '').split(', '));
}

function outcomeWords(page: string): string[] {
  const table = page.slice(page.indexOf('| outcome | |'), page.indexOf('Series of tasks'));
  return [...table.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) =>
    cell!.replaceAll('`', '').split(', '),
  );
}

function outcomesIn(metrics: ReadonlyMap<string, ParsedFamily>) {
  const found: Record<string, Record<string, number>> = {};
  for (const { labels, value } of metrics.get('tscelery_task_outcomes_total')?.series ?? []) {
    found[labels.task!] = { ...found[labels.task!], [labels.outcome!]: value };
  }
  return found;
}
