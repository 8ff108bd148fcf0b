/** Traces that go through real workers, whose children register an SDK of their own. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SpanStatusCode } from '@opentelemetry/api';
import { Celery, type CeleryConfig } from '../../src/index.ts';
import { type RunningCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { registerSdk, type Sdk, traceparentOf } from '../support/tracing.ts';
import { lines, type Surroundings, sqliteSurroundings } from '../support/worker.ts';

const APP = fileURLToPath(new URL('../fixtures/traced-app.ts', import.meta.url));
const REGISTER = new URL('../fixtures/register-sdk.mjs', import.meta.url).href;

/** A span that a worker or its child has written. */
interface Written {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: string | null;
  readonly status: { readonly code: number; readonly message?: string };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly pid: number;
  readonly threadId: number;
}

let surroundings: Surroundings;
before(async () => {
  surroundings = await sqliteSurroundings();
});
after(() => surroundings.stop());

interface Bench {
  readonly app: Celery;
  readonly sdk: Sdk;
  readonly worker: RunningCli;
  /** The only span of that name that was written, as soon as it is there. */
  span(name: string): Promise<Written>;
  written(): Promise<Written[]>;
}

interface BenchOptions {
  readonly settings?: CeleryConfig;
  /** How the worker's processes get theirs; by a signal is the default. */
  readonly sdk?: 'signal' | 'import' | 'none';
}

/** A traced client and a traced worker on a queue of their own. */
async function open(
  t: TestContext,
  pool: string,
  { settings = {}, sdk = 'signal' }: BenchOptions = {},
): Promise<Bench> {
  const file = join(surroundings.dir, randomUUID());
  const common = { ...surroundings.settings, task_default_queue: `q-${randomUUID().slice(0, 8)}` };
  const env = {
    TEST_SETTINGS: JSON.stringify({ ...common, task_tracing: true, ...settings }),
    ...(sdk !== 'none' && { TEST_SPANS: file, TEST_SDK_BY: sdk }),
    ...(sdk === 'import' && { NODE_OPTIONS: `--import=${REGISTER}` }),
  };
  const args = ['-A', `${APP}:app`, 'worker', '-l', 'INFO', '-c', '2', '-P', pool];
  const worker = startCli(args, { env });
  const app = new Celery('client', { ...common, task_tracing: true });
  t.after(async () => {
    await app.close();
    worker.kill('SIGKILL');
    await worker.ended();
  });
  await worker.sees(/ ready\./);
  const written = async () => (await lines(file)).map(line => JSON.parse(line) as Written);
  const span = (name: string) =>
    eventually(async () => {
      const found = (await written()).filter(each => each.name === name);
      assert.equal(found.length, 1, `${found.length} spans are called ${name}`);
      return found[0]!;
    });
  return { app, sdk: registerSdk(t), worker, span, written };
}

for (const pool of ['prefork', 'threads', 'async', 'solo']) {
  describe(`a traced worker with the pool ${pool}`, () => {
    it('continues the trace of the caller through tasks and what they call', async t => {
      const { app, sdk, worker, span } = await open(t, pool);

      await (await app.sendTask('traced.outer', ['one'])).get({ timeout: 10 });

      const sent = sdk.span('apply_async/traced.outer').spanContext();
      const run = await span('run/traced.outer');
      const query = await span('query');
      const next = await span('apply_async/traced.inner');
      const nextRun = await span('run/traced.inner');
      const inner = await span('inner one');
      assert.equal(run.parent, sent.spanId);
      assert.deepEqual([query.parent, next.parent], [run.spanId, run.spanId]);
      assert.equal(nextRun.parent, next.spanId);
      assert.equal(inner.parent, nextRun.spanId);
      for (const each of [run, query, next, nextRun, inner]) {
        assert.equal(each.traceId, sent.traceId);
        if (pool === 'prefork') assert.notEqual(each.pid, worker.child.pid);
        else assert.equal(each.pid, worker.child.pid);
        assert.equal(each.threadId > 0, pool === 'threads');
      }
    });

    it('records errors, and keeps tries in one trace', async t => {
      const { app, sdk, span, written } = await open(t, pool);

      const failed = await app.sendTask('traced.blunder');
      await assert.rejects(failed.get({ timeout: 10 }), { message: 'too much' });
      await (await app.sendTask('traced.again')).get({ timeout: 10 });

      const { status, attributes } = await span('run/traced.blunder');
      assert.deepEqual(status, { code: SpanStatusCode.ERROR, message: 'too much' });
      assert.equal(attributes['celery.state'], 'FAILURE');
      assert.equal(attributes['messaging.system'], 'sqlite');
      const { traceId } = sdk.span('apply_async/traced.again').spanContext();
      const runs = await eventually(async () => {
        const found = (await written()).filter(each => each.name === 'run/traced.again');
        assert.equal(found.length, 2);
        return found;
      });
      assert.deepEqual(runs.map(run => run.attributes['celery.state']).sort(), [
        'RETRY',
        'SUCCESS',
      ]);
      assert.ok(runs.every(run => run.traceId === traceId));
    });
  });
}

for (const pool of ['prefork', 'threads']) {
  describe(`a traced worker that NODE_OPTIONS gives an SDK, with the pool ${pool}`, () => {
    it('has one in every process and thread, its own too', async t => {
      const { app, sdk, worker, span } = await open(t, pool, { sdk: 'import' });

      await (await app.sendTask('traced.outer', ['one'])).get({ timeout: 10 });

      const { traceId, spanId } = sdk.span('apply_async/traced.outer').spanContext();
      const [receive, run] = [await span('receive/traced.outer'), await span('run/traced.outer')];
      assert.deepEqual([receive.traceId, run.traceId], [traceId, traceId]);
      assert.deepEqual([receive.parent, run.parent], [spanId, spanId]);
      assert.deepEqual([receive.pid, receive.threadId], [worker.child.pid, 0]);
      assert.equal((await span('query')).parent, run.spanId);
    });
  });
}

describe('a traced worker', () => {
  it('tells of a run that was given up, when its code has ended after all', async t => {
    const { app, span } = await open(t, 'async');

    const result = await app.sendTask('traced.overdue');
    await assert.rejects(result.get({ timeout: 10 }), { name: 'TimeLimitExceeded' });

    const { status, attributes } = await span('run/traced.overdue');
    assert.equal(status.code, SpanStatusCode.ERROR);
    assert.match(String(status.message), /0\.2/);
    assert.equal(attributes['celery.state'], undefined);
  });

  it('says once that nobody listens when no SDK was registered, and works', async t => {
    const { app, sdk, worker } = await open(t, 'prefork', { sdk: 'none' });

    const result = await app.sendTask('traced.outer', ['three']);

    assert.equal(await result.get({ timeout: 10 }), 'three');
    assert.equal(sdk.span('apply_async/traced.outer').ended, true);
    await worker.sees(/WARNING\S*.*task_tracing is on, but this process has no OpenTelemetry SDK/);
    assert.equal(`${worker.stdout}${worker.stderr}`.split('task_tracing is on').length, 2);
  });

  it('that does not trace passes the context on with a retry', async t => {
    const settings = { task_tracing: false };
    const { app, sdk } = await open(t, 'prefork', { settings, sdk: 'none' });

    const sent = await app.sendTask('traced.again');
    const seen = await sent.get({ timeout: 10 });

    assert.equal(seen, traceparentOf(sdk.span('apply_async/traced.again')));
  });
});

describe('a worker without the package @opentelemetry/api', () => {
  // node_modules of this project has it; a loader hides it from everybody in the process
  const HIDING = `
import Module from 'node:module';
const resolve = Module._resolveFilename;
Module._resolveFilename = function (name, ...more) {
  if (name.startsWith('@opentelemetry/')) throw Object.assign(new Error('Cannot find module ' + name), { code: 'MODULE_NOT_FOUND' });
  return resolve.call(this, name, ...more);
};
`;
  const start = (t: TestContext, settings: CeleryConfig) => {
    const folder = temporaryProject(t, { 'hide.mjs': HIDING });
    const fixture = fileURLToPath(new URL('../fixtures/worker-app.ts', import.meta.url));
    const worker = startCli(['-A', `${fixture}:app`, 'worker', '-l', 'INFO', '-c', '1'], {
      env: {
        TEST_SETTINGS: JSON.stringify({ ...surroundings.settings, ...settings }),
        NODE_OPTIONS: `--import=${join(folder, 'hide.mjs')}`,
      },
    });
    t.after(async () => {
      worker.kill('SIGKILL');
      await worker.ended();
    });
    return worker;
  };

  it('works as long as the setting is off', async t => {
    const settings = { task_default_queue: `q-${randomUUID().slice(0, 8)}` };
    const worker = start(t, settings);
    const app = new Celery('client', { ...surroundings.settings, ...settings });
    t.after(() => app.close());
    await worker.sees(/ ready\./);

    assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 10 }), 3);
  });

  it('does not start with the setting on, and says what to install', async t => {
    const worker = start(t, { task_tracing: true });

    const { code, stderr } = await worker.ended();

    assert.notEqual(code, 0);
    assert.match(stderr, /task_tracing needs .*npm install @opentelemetry\/api/);
  });
});
