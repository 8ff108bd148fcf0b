/** What every result backend promises; run once per implementation. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import type { BackendOptions, ResultBackend } from '../../src/backends/contract.ts';
import { TimeoutError } from '../../src/backends/errors.ts';
import { waitForResult } from '../../src/backends/wait.ts';
import { fetchMany, finalDocuments, forgetMany } from '../../src/backends/wait-many.ts';
import type { ResultMeta } from '../../src/wire/results/result-meta.ts';
import { eventually } from '../support/eventually.ts';

export interface BackendSetup {
  /** Another instance on the same store, as another process would have; stopped after the test. */
  open(options?: Partial<BackendOptions>): Promise<ResultBackend>;
  /** Whether children, group_id and parent_id are kept (Python's SQL tables do not). */
  readonly keepsFamily: boolean;
  /** False for a store that answers groups with an error. */
  readonly keepsGroups?: boolean;
  /** Tasks of a crowd; 3000 by default, fewer where each document costs several messages. */
  readonly crowd?: number;
  /** Proof from outside that nobody listens any more. */
  noSubscriptionLeft?(): Promise<boolean>;
}

export const DEFAULT_OPTIONS: BackendOptions = {
  expires: 86_400,
  transportOptions: {},
  extended: false,
  settings: {},
};

/** Now, with microseconds as Python writes them. */
const NOW = `${new Date().toISOString().slice(0, -1)}332+00:00`;

export function meta(taskId: string, status: string, result: unknown = null): ResultMeta {
  const done = ['SUCCESS', 'FAILURE', 'REVOKED'].includes(status);
  return {
    task_id: taskId,
    status,
    result,
    traceback: null,
    children: [],
    date_done: done ? NOW : null,
  };
}

const ERROR = { exc_type: 'ValueError', exc_message: ['bad é'], exc_module: 'builtins' };

const STATES: readonly [string, unknown][] = [
  ['STARTED', { pid: 12, hostname: 'celery@here' }],
  ['PROGRESS', { done: 3, of: 10 }],
  ['RETRY', ERROR],
  ['FAILURE', ERROR],
  [
    'REVOKED',
    { exc_type: 'TaskRevokedError', exc_message: ['x'], exc_module: 'celery.exceptions' },
  ],
  ['SUCCESS', 5],
];

const VALUES: readonly [string, unknown][] = [
  ['null', null],
  ['a boolean', true],
  ['zero', 0],
  ['a negative number', -7],
  ['a fraction', 1.25],
  ['a large number', 2 ** 40],
  ['an integer beyond 2^53', 2n ** 70n],
  ['an empty text', ''],
  ['unicode', 'æøå – 日本語 – \u{1F40D} – \u0000'],
  ['a list', [1, 'two', [3, [4]], null]],
  ['an object', { a: { b: { c: [1, 2, { d: null }] } }, 'key with "quotes"': '\\' }],
  ['a date', new Date('2020-01-02T03:04:05.678Z')],
  ['bytes', Buffer.from([0, 1, 254, 255])],
  ['a text that looks like a final document', '{"status": "SUCCESS"}'],
];

type Setup = (t: TestContext) => Promise<BackendSetup>;

export function backendContract(name: string, setup: Setup): void {
  describe(`${name} result backend`, () => {
    documents(setup);
    values(setup);
    finality(setup);
    subscriptions(setup);
    waiting(setup);
    waitingForMany(setup);
    expiry(setup);
    groups(setup);
    lifecycle(setup);
  });
}

function documents(setup: Setup): void {
  for (const [status, result] of STATES) {
    it(`keeps a ${status} document`, async t => {
      const { open } = await setup(t);
      const [writer, reader] = [await open(), await open()];
      const id = randomUUID();
      const traceback = status === 'FAILURE' ? 'Traceback: é\n  line' : null;

      await writer.store({ ...meta(id, status, result), traceback });

      const found = await reader.fetch(id);
      assert.equal(found?.task_id, id);
      assert.equal(found.status, status);
      assert.deepEqual(found.result, result);
      assert.equal(found.traceback, traceback);
      assert.equal(found.date_done, meta(id, status).date_done);
    });
  }

  it('keeps the family of a task where the store has room for it', async t => {
    const { open, keepsFamily } = await setup(t);
    const backend = await open();
    const id = randomUUID();
    const family = { children: [[['child', null], null]], group_id: 'g', parent_id: 'p' };

    await backend.store({ ...meta(id, 'SUCCESS', 1), ...family });

    const found = await backend.fetch(id);
    assert.deepEqual(
      { children: found?.children, group_id: found?.group_id, parent_id: found?.parent_id },
      keepsFamily ? family : { children: null, group_id: undefined, parent_id: undefined },
    );
  });

  it('keeps name, arguments, worker, retries and queue when results are extended', async t => {
    const { open } = await setup(t);
    const backend = await open({ extended: true });
    const id = randomUUID();
    const more = {
      name: 'tasks.add',
      args: [1, 'é'],
      kwargs: { y: [2] },
      worker: 'celery@here',
      retries: 2,
      queue: 'celery',
    };

    await backend.store({ ...meta(id, 'SUCCESS', 1), ...more });

    const { name, args, kwargs, worker, retries, queue } = (await backend.fetch(id)) ?? {};
    assert.deepEqual({ name, args, kwargs, worker, retries, queue }, more);
  });

  it('answers undefined for an unknown task', async t => {
    const { open } = await setup(t);
    const backend = await open();

    assert.equal(await backend.fetch(randomUUID()), undefined);
  });

  it('forgets a result, also twice', async t => {
    const { open } = await setup(t);
    const backend = await open();
    const id = randomUUID();
    await backend.store(meta(id, 'SUCCESS', 1));

    await backend.forget(id);
    await backend.forget(id);

    assert.equal(await backend.fetch(id), undefined);
  });

  it('stores many documents given in one turn', async t => {
    const { open, crowd = 3000 } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const ids = Array.from({ length: crowd }, () => randomUUID());

    await Promise.all(ids.map((id, i) => writer.store(meta(id, 'SUCCESS', i))));

    const found = await Promise.all(ids.map(id => reader.fetch(id)));
    assert.deepEqual(
      found.map(one => one?.result),
      ids.map((_, i) => i),
    );
  });
}

function values(setup: Setup): void {
  for (const [what, value] of VALUES) {
    it(`gives back ${what}`, async t => {
      const { open } = await setup(t);
      const [writer, reader] = [await open(), await open()];
      const id = randomUUID();

      await writer.store(meta(id, 'SUCCESS', value));

      assert.deepEqual((await reader.fetch(id))?.result, value);
    });
  }

  it('gives back a value of a megabyte', async t => {
    const { open } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const id = randomUUID();
    const value = 'é'.repeat(500_000);

    await writer.store(meta(id, 'SUCCESS', value));

    assert.equal((await reader.fetch(id))?.result, value);
  });

  it('refuses a value that cannot be written and stores nothing', async t => {
    const { open } = await setup(t);
    const backend = await open();
    const id = randomUUID();

    await assert.rejects(
      backend.store(meta(id, 'SUCCESS', { f: () => 1 })),
      (error: Error) => error.name === 'EncodeError',
    );

    assert.equal(await backend.fetch(id), undefined);
  });
}

function finality(setup: Setup): void {
  for (const later of ['STARTED', 'FAILURE', 'REVOKED', 'RETRY', 'SUCCESS']) {
    it(`leaves a stored SUCCESS alone when ${later} comes later`, async t => {
      const { open } = await setup(t);
      const [first, second] = [await open(), await open()];
      const id = randomUUID();
      await first.store(meta(id, 'SUCCESS', 'first'));
      const heard: string[] = [];
      await first.subscribe(id, seen => heard.push(seen.status));

      await second.store(meta(id, later, 'second'));

      const found = await first.fetch(id);
      assert.deepEqual([found?.status, found?.result], ['SUCCESS', 'first']);
      assert.deepEqual(heard, []);
    });
  }

  it('replaces any other state, also a FAILURE whose text quotes a success', async t => {
    const { open } = await setup(t);
    const backend = await open();
    const id = randomUUID();
    await backend.store(meta(id, 'STARTED', { status: 'SUCCESS', text: '"status": "SUCCESS"' }));
    await backend.store(meta(id, 'FAILURE', { ...ERROR, exc_message: ['"status": "SUCCESS"'] }));

    await backend.store(meta(id, 'SUCCESS', 'at last'));

    assert.equal((await backend.fetch(id))?.result, 'at last');
  });

  it('keeps the order of states stored in one turn', async t => {
    const { open } = await setup(t);
    const backend = await open();
    const id = randomUUID();

    await Promise.all(STATES.map(([status, result]) => backend.store(meta(id, status, result))));

    assert.equal((await backend.fetch(id))?.status, 'SUCCESS');
  });
}

function subscriptions(setup: Setup): void {
  it('tells of every state that another instance stores, in order', async t => {
    const { open } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const id = randomUUID();
    const heard: [string, unknown][] = [];
    await reader.subscribe(id, seen => heard.push([seen.status, seen.result]));

    for (const [status, result] of STATES) await writer.store(meta(id, status, result));

    await eventually(() => assert.deepEqual(heard, STATES));
  });

  it('tells every listener of a task, and nobody of other tasks', async t => {
    const { open } = await setup(t);
    const backend = await open();
    const [id, other] = [randomUUID(), randomUUID()];
    const heard: string[] = [];
    await backend.subscribe(id, () => heard.push('one'));
    await backend.subscribe(id, () => heard.push('two'));
    await backend.subscribe(other, () => heard.push('other'));

    await backend.store(meta(id, 'SUCCESS'));

    await eventually(() => assert.deepEqual(heard, ['one', 'two']));
    assert.equal(backend.subscriptions, 2);
  });

  it('is silent after the end of a subscription and deaf to a second end', async t => {
    const { open } = await setup(t);
    const backend = await open();
    const id = randomUUID();
    const heard: string[] = [];
    const end = await backend.subscribe(id, seen => heard.push(seen.status));
    const stays = await backend.subscribe(id, seen => heard.push(`${seen.status} too`));

    await end();
    await end();
    await backend.store(meta(id, 'SUCCESS'));

    await eventually(() => assert.deepEqual(heard, ['SUCCESS too']));
    await stays();
    assert.equal(backend.subscriptions, 0);
  });

  it('goes on when a task is given up and wanted again in one turn', async t => {
    const { open } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const id = randomUUID();
    const heard: string[] = [];
    const end = await reader.subscribe(id, () => heard.push('old'));

    const ending = end();
    await reader.subscribe(id, () => heard.push('new'));
    await ending;
    await writer.store(meta(id, 'SUCCESS'));

    await eventually(() => assert.deepEqual(heard, ['new']));
  });
}

function waiting(setup: Setup): void {
  it('resolves at once with a result that is already there, without subscribing', async t => {
    const { open } = await setup(t);
    const backend = await open();
    const id = randomUUID();
    await backend.store(meta(id, 'FAILURE', ERROR));
    const states: string[] = [];

    const found = await waitForResult(backend, id, { onMessage: seen => states.push(seen.status) });

    assert.deepEqual(found.result, ERROR);
    assert.deepEqual(states, ['FAILURE']);
    assert.equal(backend.subscriptions, 0);
  });

  it('resolves with a result that comes later and reports the states before it', async t => {
    const { open } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const id = randomUUID();
    const states: string[] = [];
    const onMessage = (seen: ResultMeta) => void states.push(seen.status);
    await writer.store(meta(id, 'STARTED'));
    const waiting = waitForResult(reader, id, { timeout: 20, onMessage });
    await eventually(() => assert.deepEqual(states, ['STARTED']));

    await writer.store(meta(id, 'PROGRESS', 1));
    await eventually(() => assert.deepEqual(states, ['STARTED', 'PROGRESS']));
    await writer.store(meta(id, 'SUCCESS', 'done'));

    assert.equal((await waiting).result, 'done');
    assert.deepEqual(states, ['STARTED', 'PROGRESS', 'SUCCESS']);
  });

  it('answers a crowd of concurrent waits and leaves no subscription behind', async t => {
    const { open, noSubscriptionLeft, crowd = 3000 } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const ids = Array.from({ length: crowd / 3 }, () => randomUUID());
    const waits = ids.map(id => waitForResult(reader, id, { timeout: 30 }));
    await eventually(() => assert.equal(reader.subscriptions, ids.length));

    await Promise.all(ids.map((id, i) => writer.store(meta(id, 'SUCCESS', i))));

    const results = (await Promise.all(waits)).map(found => found.result);
    assert.deepEqual(
      results,
      ids.map((_, i) => i),
    );
    await eventually(() => assert.equal(reader.subscriptions, 0));
    if (noSubscriptionLeft) await eventually(noSubscriptionLeft);
  });

  it('never misses a result stored while the wait begins', async t => {
    const { open } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const ids = Array.from({ length: 300 }, () => randomUUID());

    const found = await Promise.all(
      ids.map(async (id, i) => {
        const waiting = waitForResult(reader, id, { timeout: 20 });
        for (let turn = 0; turn < i % 7; turn++) await new Promise(done => setImmediate(done));
        await writer.store(meta(id, 'SUCCESS', i));
        return (await waiting).result;
      }),
    );

    assert.deepEqual(
      found,
      ids.map((_, i) => i),
    );
  });

  it('gives up after the timeout with the words of Celery and leaves nothing behind', async t => {
    const { open, noSubscriptionLeft } = await setup(t);
    const backend = await open();

    const id = randomUUID();
    await assert.rejects(waitForResult(backend, id, { timeout: 0.2 }), (error: Error) => {
      assert.ok(error instanceof TimeoutError);
      const more = `The task ${id} was not ready after 0.2 s.`;
      assert.equal(error.message, `The operation timed out. ${more}`);
      return true;
    });

    await eventually(() => assert.equal(backend.subscriptions, 0));
    if (noSubscriptionLeft) await eventually(noSubscriptionLeft);
  });

  it('ends a wait when its signal aborts or its interval function throws', async t => {
    const { open } = await setup(t);
    const backend = await open();
    const abort = new AbortController();
    const aborted = waitForResult(backend, randomUUID(), { signal: abort.signal });
    const onInterval = () => {
      throw new Error('parent failed');
    };
    const thrown = waitForResult(backend, randomUUID(), { interval: 0.01, onInterval });

    await assert.rejects(thrown, /parent failed/);
    abort.abort(new Error('no longer'));
    await assert.rejects(aborted, /no longer/);

    await eventually(() => assert.equal(backend.subscriptions, 0));
  });
}

function waitingForMany(setup: Setup): void {
  const numbered = (count: number) => Array.from({ length: count }, () => randomUUID());

  it('gives the final documents of many tasks as they come, the stored ones first', async t => {
    const { open, noSubscriptionLeft } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const [a, b, c] = numbered(3) as [string, string, string];
    await writer.store(meta(c, 'SUCCESS', 'c'));
    await writer.store(meta(a, 'STARTED'));
    const seen: unknown[] = [];

    for await (const { task_id, result } of finalDocuments(reader, [a, b, c])) {
      seen.push(result);
      if (task_id === c) await eventually(() => assert.equal(reader.subscriptions, 2));
      if (task_id === c) await writer.store(meta(b, 'SUCCESS', 'b'));
      // what has come is no longer listened for
      if (task_id === b) await eventually(() => assert.equal(reader.subscriptions, 1));
      if (task_id === b) await writer.store(meta(a, 'SUCCESS', 'a'));
    }

    assert.deepEqual(seen, ['c', 'b', 'a']);
    assert.equal(reader.subscriptions, 0);
    if (noSubscriptionLeft) await eventually(noSubscriptionLeft);
  });

  it('hears of what came before when it waits for long', async t => {
    const { open } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const [before, last] = numbered(2) as [string, string];

    const documents = finalDocuments(reader, [last], { timeout: 20, alsoWatch: () => [before] });
    const first = documents.next();
    await eventually(() => assert.equal(reader.subscriptions, 1));
    await eventually(() => assert.equal(reader.subscriptions, 2));
    await writer.store(meta(before, 'REVOKED'));

    assert.equal((await first).value?.task_id, before);
    await documents.return();
    assert.equal(reader.subscriptions, 0);
  });

  it('gives those of a crowd of tasks that end while they are asked for', async t => {
    const { open, noSubscriptionLeft, crowd = 3000 } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const ids = numbered(crowd);
    const found = new Map<string, unknown>();

    const storing = (async () => {
      for (const [i, id] of ids.entries()) {
        const stored = writer.store(meta(id, 'SUCCESS', i));
        if (i % 100 === 0) await stored;
      }
    })();
    for await (const { task_id, result } of finalDocuments(reader, ids, { timeout: 60 })) {
      assert.equal(found.has(task_id), false);
      found.set(task_id, result);
    }
    await storing;

    assert.deepEqual(
      ids.map(id => found.get(id)),
      ids.map((_, i) => i),
    );
    assert.equal(reader.subscriptions, 0);
    if (noSubscriptionLeft) await eventually(noSubscriptionLeft);
    const stored = await fetchMany(reader, ids);
    assert.deepEqual(
      stored.map(one => one?.result),
      ids.map((_, i) => i),
    );
    await forgetMany(reader, ids);
    assert.ok((await fetchMany(reader, ids)).every(one => one === undefined));
  });

  for (const how of ['timeout', 'abort', 'leave'] as const) {
    it(`leaves no subscription of many behind after ${how}`, async t => {
      const { open, noSubscriptionLeft, crowd = 3000 } = await setup(t);
      const reader = await open();
      const writer = await open();
      const ids = numbered(crowd / 2);
      const abort = new AbortController();
      const bounds = how === 'timeout' ? { timeout: 0.05 } : { signal: abort.signal };
      const waiting = (async () => {
        for await (const _ of finalDocuments(reader, ids, bounds)) break;
      })();
      waiting.catch(() => {});

      if (how !== 'timeout') await eventually(() => reader.subscriptions === ids.length);
      if (how === 'abort') abort.abort(new Error('enough'));
      if (how === 'leave') await writer.store(meta(ids[3]!, 'SUCCESS', 1));

      if (how === 'leave') await waiting;
      else await assert.rejects(waiting, how === 'abort' ? /enough/ : TimeoutError);
      await eventually(() => assert.equal(reader.subscriptions, 0));
      if (noSubscriptionLeft) await eventually(noSubscriptionLeft);
    });
  }
}

function expiry(setup: Setup): void {
  it('lets documents and groups disappear after result_expires', async t => {
    const { open, keepsGroups = true } = await setup(t);
    const [brief, lasting] = [await open({ expires: 1 }), await open({ expires: null })];
    const [gone, kept] = [randomUUID(), randomUUID()];
    const now = new Date().toISOString();
    await brief.store({ ...meta(gone, 'SUCCESS', 1), date_done: now });
    if (keepsGroups) await brief.storeGroup(gone, [[gone, null], []]);
    await lasting.store({ ...meta(kept, 'SUCCESS', 2), date_done: now });
    assert.equal((await brief.fetch(gone))?.result, 1);

    await eventually(async () => assert.equal(await brief.fetch(gone), undefined));

    if (keepsGroups) {
      await eventually(async () => assert.equal(await brief.fetchGroup(gone), undefined));
    }
    assert.equal((await lasting.fetch(kept))?.result, 2);
  });
}

function groups(setup: Setup): void {
  const tuple = [
    ['group', null],
    [
      [['one', [['parent', null], null]], null],
      [['inner', null], [[['two', null], null]]],
    ],
  ];

  it('keeps a group and forgets it', async t => {
    const { open, keepsGroups } = await setup(t);
    const [writer, reader] = [await open(), await open()];
    const id = randomUUID();
    if (keepsGroups === false) {
      await assert.rejects(writer.storeGroup(id, tuple), /cannot keep groups/);
      return;
    }

    await writer.storeGroup(id, tuple);
    assert.deepEqual(await reader.fetchGroup(id), tuple);

    await writer.forgetGroup(id);
    await writer.forgetGroup(id);
    assert.equal(await reader.fetchGroup(id), undefined);
  });

  it('answers undefined for an unknown group', async t => {
    const { open, keepsGroups } = await setup(t);
    const backend = await open();
    if (keepsGroups === false) {
      await assert.rejects(backend.fetchGroup(randomUUID()), /cannot keep groups/);
      return;
    }

    assert.equal(await backend.fetchGroup(randomUUID()), undefined);
  });
}

function lifecycle(setup: Setup): void {
  it('starts and stops twice', async t => {
    const { open } = await setup(t);
    const backend = await open();

    await backend.start();
    await backend.start();
    await backend.stop();
    await backend.stop();

    assert.equal(backend.subscriptions, 0);
  });

  it('works again when it is started after a stop', async t => {
    const { open } = await setup(t);
    const backend = await open();
    const id = randomUUID();
    await backend.store(meta(id, 'SUCCESS', 1));
    await backend.stop();

    await backend.start();

    assert.equal((await backend.fetch(id))?.result, 1);
  });

  it('tells nobody anything after a stop', async t => {
    const { open } = await setup(t);
    const [writer, reader, other] = [await open(), await open(), await open()];
    const [id, last] = [randomUUID(), randomUUID()];
    const heard: string[] = [];
    await reader.subscribe(id, seen => heard.push(seen.status));

    await reader.stop();
    await writer.store(meta(id, 'SUCCESS'));
    await writer.store(meta(last, 'SUCCESS'));

    await waitForResult(other, last, { timeout: 10 });
    assert.deepEqual(heard, []);
  });

  it('ends every wait when it is stopped', async t => {
    const { open } = await setup(t);
    const backend = await open();
    const id = randomUUID();
    const problems: string[] = [];
    await backend.subscribe(
      id,
      () => {},
      error => problems.push(error.name),
    );
    const waiting = waitForResult(backend, id);
    waiting.catch(() => {});
    await eventually(() => backend.subscriptions === 1);

    await backend.stop();

    await assert.rejects(waiting, { name: /ConnectionClosed|BackendGetMetaError/ });
    assert.deepEqual(problems, ['ConnectionClosed']);
    assert.equal(backend.subscriptions, 0);
  });

  it('hides the password in its URL', async t => {
    const { open } = await setup(t);

    assert.doesNotMatch((await open()).url, /secret/);
  });
}
