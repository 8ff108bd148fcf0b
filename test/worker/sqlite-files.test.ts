/** Files that cannot be used, and URLs that mean none. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { openSqlite } from '../../src/drivers/sqlite/driver.ts';
import { parseSqliteUrl } from '../../src/drivers/sqlite/location.ts';
import { DEFAULT_EXCHANGE, queue } from '../../src/messaging/entities.ts';
import { SqliteTransport } from '../../src/messaging/sqlite/transport.ts';
import { collect, textMessage } from '../contract/transport.contract.ts';
import { eventually } from '../support/eventually.ts';
import { startPeer } from '../support/sqlite-peer.ts';

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tscelery-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

const to = { exchange: DEFAULT_EXCHANGE, routingKey: 'work' };

describe('SQLite URL', () => {
  test('it names a file as SQLAlchemy does', () => {
    const paths = {
      'sqla+sqlite:///celery.sqlite': 'celery.sqlite',
      'sqla+sqlite:////var/lib/celery.db': '/var/lib/celery.db',
      'sqla+sqlite:///a%20b.db?timeout=3': 'a%20b.db',
      'sqlalchemy+sqlite+pysqlite:///x.db': 'x.db',
      'db+sqlite:///results.db': 'results.db',
      'sqlite:///file:x.db?mode=ro&uri=true': 'x.db',
      'sqla+sqlite://': ':memory:',
      'sqla+sqlite:///': ':memory:',
      'sqla+sqlite:///:memory:': ':memory:',
    };

    for (const [url, path] of Object.entries(paths)) assert.equal(parseSqliteUrl(url).path, path);
    assert.equal(parseSqliteUrl('sqlite:///x?timeout=2.5').timeout, 2.5);
    assert.equal(parseSqliteUrl('sqlite:///x?mode=ro').readOnly, true);
  });

  test('one that cannot be right is refused with a hint', () => {
    const refusals = {
      'sqla+sqlite://celery.db': /three slashes/,
      'sqla+sqlite:///x.db?timout=3': /"timout".*Did you mean "timeout"\?/,
      'sqla+sqlite:///x.db?timeout=1e15': /timeout=1e15.*It has to be below 1e11 seconds/,
      'sqla+sqlite:///x.db?timeout=soon': /timeout=soon.*not a number of seconds/,
    };

    for (const [url, message] of Object.entries(refusals)) {
      assert.throws(() => parseSqliteUrl(url), { name: 'ImproperlyConfigured', message });
    }
  });

  test('a table name that is none is refused', () => {
    assert.throws(() => new SqliteTransport('sqla+sqlite://', { message_tablename: 'a; DROP' }), {
      name: 'ImproperlyConfigured',
      message: /message_tablename is "a; DROP"/,
    });
  });
});

describe('SQLite file', () => {
  const refused = async (url: string, name: string, message: RegExp) => {
    const transport = new SqliteTransport(url);
    await assert.rejects(transport.connect(), { name, message });
    assert.equal(transport.connected, false);
    await assert.rejects(transport.publish(textMessage('x'), to), { name, message });
    await transport.close();
  };

  test('a missing folder is named', async t => {
    const folder = await folderOf(t);
    const file = join(folder, 'nowhere', 'celery.db');

    await refused(
      `sqla+sqlite:///${file}`,
      'ImproperlyConfigured',
      /folder .*nowhere does not exist/,
    );
  });

  test('a folder is not a file', async t => {
    const folder = await folderOf(t);

    await refused(`sqla+sqlite:///${folder}`, 'ImproperlyConfigured', /is a folder/);
  });

  test('a file that is something else stays untouched', async t => {
    const file = join(await folderOf(t), 'notes.txt');
    await writeFile(file, 'Dear diary, '.repeat(1000));

    await refused(`sqla+sqlite:///${file}`, 'ImproperlyConfigured', /notes\.txt is not an SQLite/);
  });

  test('a damaged database is called damaged', async t => {
    const file = join(await folderOf(t), 'celery.db');
    const peer = await startPeer(`sqla+sqlite:///${file}`, 'work');
    await peer.tell({ publish: Array(100).fill('x'.repeat(500)), concurrent: true });
    await peer.stop();
    const bytes = await readFile(file);
    bytes.fill(0xff, 100, bytes.length);
    await writeFile(file, bytes);

    await refused(`sqla+sqlite:///${file}`, 'ImproperlyConfigured', /celery\.db is damaged/);
  });

  test('a database that may only be read is refused when it is opened', async t => {
    const file = join(await folderOf(t), 'celery.db');
    openSqlite(file).close();

    await refused(
      `sqla+sqlite:///${file}?mode=ro`,
      'ImproperlyConfigured',
      /celery\.db is read-only/,
    );
  });

  test('after a failure consumers say so, try again and go on', async t => {
    const file = join(await folderOf(t), 'celery.db');
    const transport = new SqliteTransport(`sqla+sqlite:///${file}`);
    t.after(() => transport.close());
    const events: string[] = [];
    transport.onEvent(event => events.push(event.type));
    const { reaches } = await collect(transport, [queue('work')], 0, d => void d.ack());
    const database = openSqlite(file);
    t.after(() => database.close());

    database.exec('ALTER TABLE tscelery_lease RENAME TO hidden');
    await transport.publish(textMessage('x'), to).catch(() => {});
    await eventually(() => events.includes('lost'));
    database.exec('ALTER TABLE hidden RENAME TO tscelery_lease');
    await transport.publish(textMessage('y'), to);

    assert.ok((await reaches(1)).length > 0);
    await eventually(() => assert.deepEqual(events, ['connected', 'lost', 'consuming']));
  });
});
