import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openBackend } from '../../src/backends/open.ts';
import { openSqlite } from '../../src/drivers/sqlite/driver.ts';
import { chordTeller } from '../support/chord-teller.ts';
import { eventually } from '../support/eventually.ts';
import { DEFAULT_OPTIONS, meta } from './backend.contract.ts';
import { chordContract, part } from './chords.contract.ts';

async function setup(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-chords-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'results.sqlite');
  const url = `db+sqlite:///${path}`;
  const open = async (options = {}, query = '') => {
    const backend = await openBackend(url + query, { ...DEFAULT_OPTIONS, ...options });
    t.after(() => backend.stop());
    return backend;
  };
  return { path, url, open };
}

chordContract('sqlite', async t => {
  const { url, open } = await setup(t);
  return { open: options => open(options), otherProcess: more => chordTeller(t, url, more) };
});

describe('sqlite chords', () => {
  async function look(t: TestContext, path: string) {
    const database = openSqlite(path);
    t.after(() => database.close());
    const column = (sql: string) =>
      database
        .prepare(sql)
        .all()
        .map(row => Object.values(row as object)[0]);
    return { database, column };
  }

  it('make no tables before there is one, also when somebody asks for one', async t => {
    const { path, open } = await setup(t);
    const backend = await open();
    await backend.store(meta('id', 'SUCCESS'));

    assert.equal(await backend.chords?.progress('g'), undefined);

    const { column } = await look(t, path);
    const tables = "SELECT name FROM sqlite_master WHERE name LIKE 'tscelery%'";
    assert.deepEqual(column(tables), []);
    await backend.chords?.addPart('g', part('a'));
    assert.ok(column(tables).includes('tscelery_chord'));
  });

  it('are deleted with their parts by cleanup when they have expired', async t => {
    const { path, open } = await setup(t);
    const backend = await open({ expires: 60 });
    for (const group of ['old', 'closed', 'fresh']) {
      await backend.chords?.setSize(group, 2);
      await backend.chords?.addPart(group, part('a'));
    }
    await backend.chords?.close('closed');
    const { database, column } = await look(t, path);
    database.exec("UPDATE tscelery_chord SET touched = 1 WHERE group_id != 'fresh'");

    await backend.cleanup();

    assert.deepEqual(column('SELECT group_id FROM tscelery_chord'), ['fresh']);
    assert.deepEqual(column('SELECT group_id FROM tscelery_chord_part'), ['fresh']);
  });

  it('wait for another writer, and fail by name when it takes too long', async t => {
    const { path, open } = await setup(t);
    const patient = await open();
    await patient.chords?.setSize('g', 1);
    const { database } = await look(t, path);
    database.exec('BEGIN IMMEDIATE');

    const added = patient.chords?.addPart('g', part('a'));
    await patient.stop();
    await assert.rejects(Promise.resolve(added), { name: 'BackendStoreError', taskId: 'a' });
    database.exec('COMMIT');

    const next = await open();
    assert.equal((await next.chords?.addPart('g', part('a')))?.length, 1);
  });

  it('go on in a new file when the old one was deleted', async t => {
    const { path, open } = await setup(t);
    const backend = await open();
    await backend.chords?.setSize('g', 1);
    for (const name of [path, `${path}-wal`, `${path}-shm`]) await rm(name, { force: true });

    await eventually(async () => {
      await backend.chords?.setSize('h', 1);
      assert.equal(await backend.chords?.progress('g'), undefined);
    });

    assert.equal((await backend.chords?.addPart('h', part('a')))?.length, 1);
  });
});
