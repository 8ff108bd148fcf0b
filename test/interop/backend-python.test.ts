/** Python Celery reads what we store and the reverse, for each store that both have. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { ResultBackend } from '../../src/backends/contract.ts';
import { openBackend } from '../../src/backends/open.ts';
import { waitForResult } from '../../src/backends/wait.ts';
import { encodeException } from '../../src/wire/results/exception.ts';
import { DEFAULT_OPTIONS, meta } from '../contract/backend.contract.ts';
import { python, pythonCelery } from '../support/python.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';

const skip = (await pythonCelery()) ? false : 'python3-celery is not installed';

const APP = `
from celery import Celery
from celery.result import AsyncResult, GroupResult
app = Celery('interop', backend=data['url'], set_as_current=True)
app.conf.result_extended = data.get('extended', False)
backend = app.backend
`;

/** Reads with AsyncResult what lies under `data['ids']`. */
const READ = `${APP}
out = {}
for id in data['ids']:
    result = app.AsyncResult(id)
    value = result.result
    error = isinstance(value, BaseException)
    out[id] = {
        'state': result.state,
        'value': None if error else value,
        'error': [type(value).__module__, type(value).__name__, list(value.args)] if error else None,
        'traceback': result.traceback,
        'date_done': result.date_done.isoformat() if hasattr(result.date_done, 'isoformat') else result.date_done,
        'extended': [result.name, result.args, result.kwargs, result.worker, result.retries, result.queue],
    }
`;

interface Read {
  state: string;
  value: unknown;
  error: [module: string, name: string, args: unknown[]] | null;
  traceback: string | null;
  date_done: string | null;
  extended: unknown[];
}

interface Store {
  readonly url: string;
}

function withPython(name: string, makeStore: (t: TestContext) => Promise<Store>): void {
  async function setup(t: TestContext, extended = false) {
    const { url } = await makeStore(t);
    const backend = await openBackend(url, { ...DEFAULT_OPTIONS, extended });
    t.after(() => backend.stop());
    const read = (ids: string[]) => python<Record<string, Read>>(READ, { url, ids, extended });
    return { url, backend, read };
  }

  describe(`${name} results shared with Python Celery`, { skip }, () => {
    it('have values that Python reads as we stored them', async t => {
      const { backend, read } = await setup(t);
      const values: Record<string, unknown> = {
        number: 5,
        nothing: null,
        text: 'æ – 日本 \u{1F40D}',
        list: [1, [2.5, 'x'], { a: { b: true } }],
        large: 2n ** 70n,
      };
      const id = (key: string) => `${key}-${url}`;
      const url = randomUUID();
      for (const [key, value] of Object.entries(values)) {
        await backend.store(meta(id(key), 'SUCCESS', value));
      }

      const found = await read(Object.keys(values).map(id));

      for (const key of Object.keys(values)) assert.equal(found[id(key)]?.state, 'SUCCESS');
      for (const key of ['number', 'nothing', 'text', 'list']) {
        assert.deepEqual(found[id(key)]?.value, values[key]);
      }
      assert.equal(found[id('large')]?.value, Number(2n ** 70n));
      assert.match(found[id('number')]?.date_done ?? '', /^20\d\d-\d\d-\d\dT/);
    });

    it('have failures that Python raises as its own exception class, with our traceback', async t => {
      const { backend, read } = await setup(t);
      const [value, foreign] = [randomUUID(), randomUUID()];
      class OrderError extends Error {
        override name = 'OrderError';
      }
      const traceback = 'TypeError: é\n    at order.ts:12';
      const failure = (id: string, error: Error) => ({
        ...meta(id, 'FAILURE', encodeException(error)),
        traceback,
      });
      await backend.store(failure(value, new TypeError('too much: é')));
      await backend.store(failure(foreign, new OrderError('no stock')));

      const found = await read([value, foreign]);

      assert.equal(found[value]?.state, 'FAILURE');
      assert.deepEqual(found[value]?.error, ['builtins', 'TypeError', ['too much: é']]);
      assert.equal(found[value]?.traceback, traceback);
      assert.deepEqual(found[foreign]?.error?.slice(1), ['OrderError', ['no stock']]);
    });

    it('have states on the way and extended fields that Python reads', async t => {
      const { backend, read } = await setup(t, true);
      const [started, progress] = [randomUUID(), randomUUID()];
      const extended = { name: 'tasks.add', args: [1, 2], kwargs: { y: 'é' } };
      const more = { worker: 'celery@here', retries: 1, queue: 'celery' };
      await backend.store(meta(started, 'STARTED', { pid: 7, hostname: 'celery@here' }));
      await backend.store({ ...meta(progress, 'PROGRESS', { done: 3 }), ...extended, ...more });

      const found = await read([started, progress]);

      assert.equal(found[started]?.state, 'STARTED');
      assert.deepEqual(found[started]?.value, { pid: 7, hostname: 'celery@here' });
      assert.equal(found[started]?.date_done, null);
      assert.equal(found[progress]?.state, 'PROGRESS');
      assert.deepEqual(found[progress]?.value, { done: 3 });
      const { name, args, kwargs } = extended;
      assert.deepEqual(found[progress]?.extended, [name, args, kwargs, 'celery@here', 1, 'celery']);
    });

    it('of Python are read by us: values, failures and states', async t => {
      const { url, backend } = await setup(t);
      const id = randomUUID();
      await python(
        `${APP}
id = data['id']
backend.store_result(id + 'value', {'list': [1, 'é', None, 2.5], 'big': 2 ** 70}, 'SUCCESS')
backend.mark_as_started(id + 'started', pid=3, hostname='w')
backend.store_result(id + 'progress', {'done': 4}, 'PROGRESS')
try:
    raise KeyError('missing é')
except KeyError as exc:
    backend.mark_as_failure(id + 'failure', exc, traceback='Traceback: é')
`,
        { url, id },
      );

      const value = await backend.fetch(`${id}value`);
      const failure = await backend.fetch(`${id}failure`);
      const started = await backend.fetch(`${id}started`);
      const progress = await backend.fetch(`${id}progress`);

      assert.equal(value?.status, 'SUCCESS');
      assert.deepEqual(value.result, { list: [1, 'é', null, 2.5], big: 2n ** 70n });
      assert.ok(value.date_done);
      assert.deepEqual(failure?.result, {
        exc_type: 'KeyError',
        exc_message: ['missing é'],
        exc_module: 'builtins',
      });
      assert.equal(failure.traceback, 'Traceback: é');
      assert.deepEqual(started?.result, { pid: 3, hostname: 'w' });
      assert.equal(started.date_done, null);
      assert.deepEqual([progress?.status, progress?.result], ['PROGRESS', { done: 4 }]);
    });

    it('keep a success of Python although we report a failure later', async t => {
      const { url, backend, read } = await setup(t);
      const id = randomUUID();
      await python(`${APP}\nbackend.store_result(data['id'], 'theirs', 'SUCCESS')`, { url, id });

      await backend.store(meta(id, 'FAILURE', encodeException(new Error('late'))));

      const found = await read([id]);
      assert.deepEqual([found[id]?.state, found[id]?.value], ['SUCCESS', 'theirs']);
    });

    it('wake us when Python stores a result, and Python when we do', async t => {
      const { url, backend } = await setup(t);
      const [ours, theirs] = [randomUUID(), randomUUID()];
      const waiting = waitForResult(backend, theirs, { timeout: 30 });
      const pythonWaits = python<unknown>(
        `${APP}
backend.store_result(data['theirs'], 'from Python', 'SUCCESS')
out = app.AsyncResult(data['ours']).get(timeout=30, interval=0.05)
`,
        { url, ours, theirs },
      );

      assert.equal((await waiting).result, 'from Python');
      await backend.store(meta(ours, 'SUCCESS', 'from us'));

      assert.equal(await pythonWaits, 'from us');
    });

    it('include saved groups, in both directions', async t => {
      const { url, backend } = await setup(t);
      const [ours, theirs] = [randomUUID(), randomUUID()];
      const tuple = (id: string) => [
        [id, null],
        [
          [['one', null], null],
          [['inner', null], [[['two', null], null]]],
        ],
      ];
      await backend.storeGroup(ours, tuple(ours));

      const restored = await python<unknown>(
        `${APP}
inner = GroupResult('inner', [app.AsyncResult('two')])
GroupResult(data['theirs'], [app.AsyncResult('one'), inner]).save(backend=backend)
GroupResult(data['theirs'] + 'app', [app.AsyncResult('one'), inner], app=app).save(backend=backend)
out = GroupResult.restore(data['ours'], backend=backend).as_tuple()
`,
        { url, ours, theirs },
      );

      assert.deepEqual(restored, tuple(ours));
      assert.deepEqual(await backend.fetchGroup(theirs), tuple(theirs));
      assert.deepEqual(await backend.fetchGroup(`${theirs}app`), tuple(`${theirs}app`));
    });
  });
}

let redis: RedisServer;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

withPython('redis', async () => ({ url: redis.url }));

async function sqliteStore(t: TestContext): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-interop-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return { url: `db+sqlite:///${join(folder, 'results.sqlite')}` };
}

withPython('sqlite', sqliteStore);

describe('sqlite tables shared with Python Celery', { skip }, () => {
  it('are the same whether Python or we create them', async t => {
    const schema = `
import sqlite3
out = sorted([list(row) for row in sqlite3.connect(data['url'].split(':///')[1]).execute(
    'SELECT type, name, sql FROM sqlite_master')], key=str)
`;
    const [ours, theirs] = [await sqliteStore(t), await sqliteStore(t)];
    const backend: ResultBackend = await openBackend(ours.url, DEFAULT_OPTIONS);
    t.after(() => backend.stop());

    await backend.store(meta('id', 'SUCCESS', 1));
    const [we, they] = [
      await python(schema, ours),
      await python(`${APP}\nbackend.store_result('id', 1, 'SUCCESS')\n${schema}`, theirs),
    ];

    assert.deepEqual(we, they);
  });

  it('may lack the extended columns', async t => {
    const { url } = await sqliteStore(t);
    await python(
      `
import sqlite3
connection = sqlite3.connect(data['url'].split(':///')[1])
connection.execute('''CREATE TABLE celery_taskmeta (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  task_id VARCHAR(155), status VARCHAR(50), result BLOB, date_done DATETIME, traceback TEXT, UNIQUE (task_id))''')
`,
      { url },
    );
    const backend = await openBackend(url, { ...DEFAULT_OPTIONS, extended: true });
    t.after(() => backend.stop());

    await backend.store({ ...meta('id', 'SUCCESS', 1), name: 'tasks.add', args: [1] });

    const found = await backend.fetch('id');
    assert.deepEqual([found?.result, found?.name], [1, undefined]);
  });

  it('may have names of their own', async t => {
    const { url } = await sqliteStore(t);
    const database_table_names = { task: 'my tasks', group: 'my_groups' };
    const backend = await openBackend(url, {
      ...DEFAULT_OPTIONS,
      settings: { database_table_names },
    });
    t.after(() => backend.stop());
    await backend.store(meta('id', 'SUCCESS', 'value'));

    const found = await python<unknown>(
      `
from celery import Celery
app = Celery('interop', backend=data['url'])
app.conf.database_table_names = data['names']
out = app.AsyncResult('id').get(timeout=5)
`,
      { url, names: database_table_names },
    );

    assert.equal(found, 'value');
  });
});
