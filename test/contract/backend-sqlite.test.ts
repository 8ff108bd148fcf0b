import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openBackend } from '../../src/backends/open.ts';
import { waitForResult } from '../../src/backends/wait.ts';
import { openSqlite } from '../../src/drivers/sqlite/driver.ts';
import { eventually } from '../support/eventually.ts';
import { TYPESCRIPT } from '../support/typescript.ts';
import { backendContract, DEFAULT_OPTIONS, meta } from './backend.contract.ts';

async function setup(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-results-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'results.sqlite');
  const open = async (options = {}, query = '') => {
    const backend = await openBackend(`db+sqlite:///${path}${query}`, {
      ...DEFAULT_OPTIONS,
      ...options,
    });
    t.after(() => backend.stop());
    return backend;
  };
  return { path, open };
}

backendContract('sqlite', async t => {
  const { open } = await setup(t);
  return { keepsFamily: false, open: options => open(options) };
});

/** A process of its own that stores for us: `[status, result]` for a task id. */
function otherProcess(t: TestContext, path: string) {
  const child = fork(new URL('../fixtures/backend-store.ts', import.meta.url), [path], {
    execArgv: [...TYPESCRIPT],
  });
  t.after(() => child.kill('SIGKILL'));
  const store = (id: string, status: string, result: unknown = null) =>
    new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', reject);
      child.send(meta(id, status, result) as never);
    });
  return { child, store };
}

describe('sqlite results of other processes', () => {
  it('wake who waits, state by state', async t => {
    const { path, open } = await setup(t);
    const reader = await open();
    const { store } = otherProcess(t, path);
    const id = randomUUID();
    const states: string[] = [];
    const wait = waitForResult(reader, id, {
      timeout: 30,
      onMessage: seen => states.push(seen.status),
    });
    await eventually(() => assert.equal(reader.subscriptions, 1));

    for (const status of ['STARTED', 'PROGRESS', 'SUCCESS']) {
      await store(id, status);
      await eventually(() => assert.equal(states.at(-1), status));
    }

    assert.equal((await wait).status, 'SUCCESS');
    assert.deepEqual(states, ['STARTED', 'PROGRESS', 'SUCCESS']);
  });

  it('wake who waits for a task whose row was forgotten and stored again', async t => {
    const { path, open } = await setup(t);
    const reader = await open();
    const { store } = otherProcess(t, path);
    const id = randomUUID();
    await store(id, 'STARTED');
    const wait = waitForResult(reader, id, { timeout: 30 });
    await eventually(() => assert.equal(reader.subscriptions, 1));

    await reader.forget(id);
    await store(id, 'SUCCESS', 7);

    assert.equal((await wait).result, 7);
  });

  it('are whole although the process is killed while storing', async t => {
    const { path, open } = await setup(t);
    const reader = await open();
    const { child, store } = otherProcess(t, path);
    const ids = Array.from({ length: 200 }, () => randomUUID());

    for (const id of ids.slice(0, 100)) await store(id, 'SUCCESS', id);
    for (const id of ids.slice(100)) child.send(meta(id, 'SUCCESS', id) as never);
    child.kill('SIGKILL');

    await reader.store(meta('next', 'SUCCESS'));
    for (const id of ids.slice(0, 100)) assert.equal((await reader.fetch(id))?.result, id);
  });
});

describe('sqlite results', () => {
  it('wait for another writer and are stored when it is done', async t => {
    const { path, open } = await setup(t);
    const backend = await open();
    await backend.start();
    const other = openSqlite(path);
    t.after(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    const id = randomUUID();
    let stored = false;

    const store = backend.store(meta(id, 'SUCCESS', 1)).then(() => {
      stored = true;
    });
    await new Promise(done => setTimeout(done, 60));
    assert.equal(stored, false);
    assert.equal(await backend.fetch(id), undefined);
    other.exec('COMMIT');
    await store;

    assert.equal((await backend.fetch(id))?.result, 1);
  });

  it('are given up when the file stays locked longer than the timeout of the URL', async t => {
    const { path, open } = await setup(t);
    const backend = await open({}, '?timeout=0.1');
    await backend.start();
    const other = openSqlite(path);
    t.after(() => other.close());
    other.exec('BEGIN IMMEDIATE');

    await assert.rejects(backend.store(meta('some-id', 'SUCCESS')), {
      name: 'BackendStoreError',
      taskId: 'some-id',
      message: /locked by another/,
    });
    other.exec('COMMIT');
  });

  it('live in a file that only its owner reads', async t => {
    const { path, open } = await setup(t);

    await (await open()).start();

    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it('are thrown away by whoever stores, without beat, a minute apart at most', async t => {
    const { path, open } = await setup(t);
    const old = await open({ expires: null });
    const longAgo = '2020-01-01T00:00:00+00:00';
    await old.store(meta('never-finished', 'STARTED'));
    for (let i = 0; i < 1500; i++) {
      old.store({ ...meta(`old-${i}`, 'SUCCESS'), date_done: longAgo });
    }
    await old.store(meta('fresh', 'SUCCESS', 1));
    await old.store(meta('running', 'STARTED'));

    const backend = await open();
    await backend.store(meta('new', 'SUCCESS'));

    const database = openSqlite(path);
    t.after(() => database.close());
    await eventually(() => {
      const rows = database.prepare('SELECT task_id FROM celery_taskmeta ORDER BY id').all();
      assert.deepEqual(
        (rows as { task_id: string }[]).map(row => row.task_id),
        ['fresh', 'running', 'new'],
      );
    });
  });

  it('are counted when cleanup deletes them', async t => {
    const { open } = await setup(t);
    const backend = await open({ expires: 60 });
    await backend.store(meta('first', 'SUCCESS'));
    for (const id of ['a', 'b', 'c']) {
      await backend.store({ ...meta(id, 'SUCCESS'), date_done: '2020-01-01T00:00:00+00:00' });
    }

    assert.equal(await backend.cleanup(), 3);
    assert.equal(await backend.cleanup(), 0);
    assert.equal((await backend.fetch('first'))?.status, 'SUCCESS');
  });

  it('cannot live in a folder that does not exist', async t => {
    const backend = await openBackend('db+sqlite:////no/such/folder/x.sqlite', DEFAULT_OPTIONS);
    t.after(() => backend.stop());

    await assert.rejects(backend.start(), { name: 'ImproperlyConfigured', message: /no\/such/ });
  });

  it('that hold Python objects are refused, whether one waits already or comes later', async t => {
    const { path, open } = await setup(t);
    const backend = await open();
    await backend.start();
    const database = openSqlite(path);
    t.after(() => database.close());
    // pickle of os.system
    const evil = Buffer.from('80048c026f73948c0673797374656d94932e', 'hex');
    const refused = { name: 'BackendGetMetaError', message: /os\.system/ };
    const waiting = assert.rejects(waitForResult(backend, 'id', { timeout: 20 }), refused);
    await eventually(() => assert.equal(backend.subscriptions, 1));

    database
      .prepare("INSERT INTO celery_taskmeta (task_id, status, result) VALUES ('id', 'SUCCESS', ?)")
      .run(evil);

    await waiting;
    await assert.rejects(waitForResult(backend, 'id', { timeout: 20 }), refused);
  });
});
