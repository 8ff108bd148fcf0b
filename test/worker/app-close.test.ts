/** What `app.close()` does to those who wait, over every broker and result store without a node of its own. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { Celery, type CeleryConfig, type ResultMeta } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const CLOSED = 'ConnectionClosed';
let redis: RedisServer;
let dir: string;
before(async () => {
  redis = await startRedis();
  dir = await mkdtemp(join(tmpdir(), 'tscelery-close-'));
});
after(async () => {
  await redis.stop();
  await rm(dir, { recursive: true });
});

const sqlite = () => join(dir, `${randomUUID()}.sqlite`);
const memory = () => randomUUID();
const PLACES: readonly [string, () => CeleryConfig][] = [
  ['Redis', () => ({ broker_url: redis.url, result_backend: redis.url })],
  ['rpc over Redis', () => ({ broker_url: redis.url, result_backend: 'rpc://' })],
  [
    'SQLite',
    () => ({
      broker_url: `sqla+sqlite:///${sqlite()}`,
      result_backend: `db+sqlite:///${sqlite()}`,
    }),
  ],
  [
    'memory',
    () => ({ broker_url: `memory://${memory()}`, result_backend: `cache+memory://${memory()}` }),
  ],
];

async function appWith(t: TestContext, settings: CeleryConfig) {
  const app = new Celery('closing', { ...settings, task_default_queue: randomUUID() });
  await app.configFromObject({});
  t.after(() => app.close());
  return { app, add: app.task('add', (x: number, y: number) => x + y) };
}

/** Over a proxy that a test can pause. */
async function frozenRedis(t: TestContext) {
  const proxy = await startTcpProxy(redis.port);
  t.after(() => proxy.close());
  const url = `redis://127.0.0.1:${proxy.port}/0`;
  return { proxy, ...(await appWith(t, { broker_url: url, result_backend: url })) };
}

/** Names (or what `of` gives) of what each was rejected with. */
async function reasons(asked: readonly Promise<unknown>[], of: keyof Error = 'name') {
  const outcomes = await Promise.allSettled(asked);
  return outcomes.map(each => (each.status === 'rejected' ? each.reason?.[of] : each.status));
}

const all = (asked: readonly unknown[], reason: string) => Array.from(asked, () => reason);

const heard = async (updates: AsyncIterable<ResultMeta>) => {
  for await (const _ of updates);
};

for (const [place, settings] of PLACES) {
  describe(`close, ${place}`, () => {
    it('ends get, for await and onReady without a timeout', async t => {
      const { app, add } = await appWith(t, settings());
      const result = await add.delay(1, 2);
      const warned: string[] = [];
      const note = (warning: Error) => warned.push(warning.name);
      process.on('warning', note);
      t.after(() => process.off('warning', note));
      const waits = [result.get(), result.get({ timeout: 60 }), heard(result)];
      const ended = reasons(waits);
      result.onReady(() => {});
      const backend = await app[INTERNALS].backend();
      await eventually(() => backend.subscriptions === 1);

      await app.close();

      assert.deepEqual(await ended, all(waits, CLOSED));
      await eventually(() => warned.includes(CLOSED));
      assert.equal(backend.subscriptions, 0);
    });

    it('ends what was asked in the same turn', async t => {
      const { app, add } = await appWith(t, settings());
      const result = app.AsyncResult(randomUUID());

      const asked = [result.get(), result.state(), result.forget(), add.delay(1, 2)];
      const ended = reasons(asked);
      await Promise.all([app.close(), app.close()]);

      assert.deepEqual(await ended, all(asked, CLOSED));
    });

    it('ends what waits for the settings to be read, and leaves nothing open', async () => {
      const app = new Celery('early', settings());
      const add = app.task('add', (x: number, y: number) => x + y);
      const result = app.AsyncResult(randomUUID());

      const asked = [add.delay(1, 2), app.sendTask('add'), result.get(), result.state()];
      const ended = reasons([...asked, app[INTERNALS].backend(), app[INTERNALS].transport()]);
      await app.close();

      // the check for leaks sees what stays open: nobody closes this app any more
      assert.deepEqual(await ended, all([...asked, 1, 2], CLOSED));
    });

    it('can be used again afterwards', async t => {
      const { app, add } = await appWith(t, settings());
      await add.delay(1, 2);
      await app.close();

      const result = await add.delay(3, 4);

      assert.equal(await result.state(), 'PENDING');
    });
  });
}

describe('a server that does not answer', () => {
  it('does not hold up close, nor what waits for it', async t => {
    const { app, add, proxy } = await frozenRedis(t);
    const result = await add.delay(1, 2);
    assert.equal(await result.state(), 'PENDING');
    proxy.pause();
    const waits = [result.get(), result.state(), add.delay(3, 4), app.control.ping()];
    const ended = reasons(waits);

    const from = performance.now();
    await app.close();

    assert.deepEqual(await ended, all(waits, CLOSED));
    assert.ok(performance.now() - from < 5000);
  });

  it('does not hold up a close while the first connection is made', async t => {
    const { app, add, proxy } = await frozenRedis(t);
    proxy.pause();
    const ended = reasons([add.delay(1, 2)]);
    await eventually(() => proxy.connections > 0);

    const from = performance.now();
    await app.close();

    assert.deepEqual(await ended, [CLOSED]);
    assert.ok(performance.now() - from < 5000);
  });

  it('makes whoever closes once more wait for the first close; then the app can be used again', async t => {
    const { app, add, proxy } = await frozenRedis(t);
    await add.delay(1, 2);
    proxy.pause();
    const waits = reasons([add.delay(3, 4)]);
    const ends: string[] = [];

    const first = app.close().then(() => void ends.push('first'));
    await app.close().then(() => void ends.push('second'));

    assert.deepEqual(ends, ['first', 'second']);
    await first;
    assert.deepEqual(await waits, [CLOSED]);
    proxy.resume();
    assert.ok(await add.delay(5, 6));
  });
});

describe('bounds of a result', () => {
  it('are kept by every method, and leave nothing behind', async t => {
    const { add, proxy } = await frozenRedis(t);
    const result = await add.delay(1, 2);
    assert.equal(await result.state(), 'PENDING');
    proxy.pause();
    const within = { timeout: 0.05 };
    const methods = ['state', 'ready', 'successful', 'failed', 'info', 'traceback'] as const;

    const asked: Promise<unknown>[] = [
      ...methods.map(method => result[method](within)),
      ...[result.children(within), result.meta(within), result.forget(within)],
      ...[result.get(within), heard(result.updates(within)), result.revoke(within)],
    ];

    assert.deepEqual(await reasons(asked), all(asked, 'TimeoutError'));
  });

  it('may be a signal, which rejects at once with its reason', async t => {
    const { add, proxy } = await frozenRedis(t);
    const result = await add.delay(1, 2);
    proxy.pause();
    const { signal, added } = countedSignal();

    const asked: Promise<unknown>[] = [
      result.state({ signal }),
      result.get({ signal }),
      heard(result.updates({ signal })),
    ];
    asked.push(add.applyAsync([1, 2], { signal }));
    const ended = reasons(asked, 'message');
    signal.dispatchAbort(new RangeError('the client went away'));

    assert.deepEqual(await ended, all(asked, 'the client went away'));
    assert.equal(added(), 0);
  });

  it('leave no listener on a signal that does not abort', async t => {
    const { app } = await appWith(t, PLACES[3]![1]());
    const { signal, added } = countedSignal();

    await app.AsyncResult('x').state({ signal });
    await app.task('f', () => 1).applyAsync([], { signal });
    await assert.rejects(app.AsyncResult('x').get({ signal, timeout: 0.01 }));

    assert.equal(added(), 0);
  });
});

/** A signal that knows how many listen to it. */
function countedSignal() {
  const controller = new AbortController();
  const listeners = new Set<unknown>();
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal) as (...args: unknown[]) => void;
  const remove = signal.removeEventListener.bind(signal) as (...args: unknown[]) => void;
  Object.assign(signal, {
    dispatchAbort: (reason: unknown) => controller.abort(reason),
    addEventListener: (type: string, listener: unknown, options: unknown) => {
      listeners.add(listener);
      add(type, listener, options);
    },
    removeEventListener: (type: string, listener: unknown) => {
      listeners.delete(listener);
      remove(type, listener);
    },
  });
  return {
    signal: signal as AbortSignal & { dispatchAbort(reason: unknown): void },
    added: () => listeners.size,
  };
}
