import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ImproperlyConfigured } from '../../../../src/base/errors.ts';
import { OperationalError } from '../../../../src/drivers/errors.ts';
import {
  closeSqlite,
  isAboutValues,
  isBusy,
  mayPass,
  openSqlite,
  sqliteError,
  whileBusy,
} from '../../../../src/drivers/sqlite/driver.ts';
import { FileIdentity } from '../../../../src/drivers/sqlite/file-identity.ts';

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'sqlite-driver-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function open(t: TestContext, path: string, options?: Parameters<typeof openSqlite>[1]) {
  const database = openSqlite(path, options);
  t.after(() => closeSqlite(database));
  return database;
}

/** What drivers throw for a result code of SQLite. */
const coded = (errcode: number, message = 'x') => Object.assign(new Error(message), { errcode });

function problemOf(path: string): Error {
  try {
    openSqlite(path, { busyTimeout: 0 }).close();
  } catch (error) {
    return error as Error;
  }
  return assert.fail(`${path} was opened`);
}

describe('a database file', () => {
  test('is made for its owner alone, and read by others while one writes', t => {
    const path = join(folder(t), 'a.sqlite');

    const database = open(t, path);

    assert.equal(statSync(path).mode & 0o777, 0o600);
    const mode = database.prepare('PRAGMA journal_mode').get() as { journal_mode: string };
    assert.equal(mode.journal_mode, 'wal');
  });

  test('that is there keeps its mode', t => {
    const path = join(folder(t), 'a.sqlite');
    writeFileSync(path, '', { mode: 0o640 });
    chmodSync(path, 0o640);

    open(t, path);

    assert.equal(statSync(path).mode & 0o777, 0o640);
  });

  test('is not made, nor written, by who only reads it', t => {
    const path = join(folder(t), 'a.sqlite');
    assert.throws(() => openSqlite(path, { readOnly: true }), {
      name: 'ImproperlyConfigured',
      message: new RegExp(`^The SQLite database ${path} cannot be opened: `),
    });
    open(t, path).exec('CREATE TABLE x (a)');

    const reader = open(t, path, { readOnly: true });

    assert.throws(() => reader.exec('INSERT INTO x VALUES (1)'), /readonly/);
  });

  test('needs a folder that is there', t => {
    const missing = join(folder(t), 'none');

    const problem = problemOf(join(missing, 'a.sqlite'));

    assert.ok(problem instanceof ImproperlyConfigured);
    assert.match(problem.message, new RegExp(`the folder ${missing} does not exist\\.$`));
  });

  test('is no folder', t => {
    const path = join(folder(t), 'sub');
    mkdirSync(path);

    assert.equal(problemOf(path).message, `The SQLite database ${path} is a folder.`);
  });

  test('is no other file, whose contents stay', t => {
    const path = join(folder(t), 'a.txt');
    writeFileSync(path, 'Dear diary, this is no database at all.'.repeat(50));

    const problem = problemOf(path);

    assert.ok(problem instanceof ImproperlyConfigured);
    assert.match(problem.message, / is not an SQLite database: /);
    assert.match(String(statSync(path).size), /1950/);
  });

  test('may have a name with spaces, quotes and other letters', t => {
    const path = join(folder(t), `it's a "ü" %20?.sqlite`);

    open(t, path).exec('CREATE TABLE x (a)');

    assert.ok(statSync(path).size > 0);
  });

  test('in memory is nobody else’s', t => {
    open(t, ':memory:').exec('CREATE TABLE x (a)');

    assert.throws(() => open(t, ':memory:').exec('SELECT * FROM x'), /no such table/);
  });
});

describe('trouble with SQLite', () => {
  for (const [code, words, permanent] of [
    [5, 'is locked by another process', false],
    [6, 'is locked by another connection', false],
    [3, 'may not be used by this user', true],
    [8, 'is read-only', true],
    [10, 'cannot be read or written (disk error)', false],
    [11, 'is damaged', true],
    [13, 'cannot grow: the disk is full', false],
    [26, 'is not an SQLite database', true],
    [1, 'failed', false],
    [7, 'failed', false],
    [5 + 256, 'is locked by another process', false],
    [10 + 256 * 3, 'cannot be read or written (disk error)', false],
  ] as const) {
    test(`of code ${code} ${permanent ? 'stays' : 'may pass'}: it ${words}`, () => {
      const cause = coded(code, 'what it says');

      const error = sqliteError(cause, '/a.sqlite');

      assert.equal(error.message, `The SQLite database /a.sqlite ${words}: what it says`);
      assert.ok(error instanceof (permanent ? ImproperlyConfigured : OperationalError));
      assert.equal(error.cause, cause);
    });
  }

  test('with a file in a folder that cannot be written says that', t => {
    if (process.getuid?.() === 0) return t.skip('root may write everywhere');
    const locked = join(folder(t), 'locked');
    mkdirSync(locked, { mode: 0o555 });

    assert.match(sqliteError(coded(14), join(locked, 'a')).message, / is read-only: /);
  });

  for (const [code, permanent] of [
    ['EACCES', true],
    ['EROFS', true],
    ['ENAMETOOLONG', true],
    ['ENOSPC', false],
    ['EMFILE', false],
  ] as const) {
    test(`of the file system, ${code}, ${permanent ? 'stays' : 'may pass'}`, () => {
      const error = sqliteError(Object.assign(new Error('no'), { code }), '/a');

      assert.equal(error.message, 'The SQLite database /a failed: no');
      assert.equal(error instanceof ImproperlyConfigured, permanent);
    });
  }

  test('that is told already stays as it is', () => {
    for (const error of [new ImproperlyConfigured('a'), new OperationalError('b')]) {
      assert.equal(sqliteError(error, '/a'), error);
    }
    assert.equal(sqliteError('a text', '/a').message, 'The SQLite database /a failed: a text');
  });

  test('tells locks, values and what may pass from each other', () => {
    const codes = [1, 5, 6, 7, 8, 10, 13, 18, 19, 20, 25, 26];
    const those = (is: (error: Error) => boolean) => codes.filter(code => is(coded(code)));

    assert.deepEqual(those(isBusy), [5, 6]);
    assert.deepEqual(those(isAboutValues), [18, 19, 20, 25]);
    const wrapped = (code: number) => sqliteError(coded(code), '/a');
    assert.deepEqual(
      codes.filter(code => mayPass(wrapped(code))),
      [5, 6, 7, 8, 10, 13],
    );
    assert.equal(mayPass(new Error('of nothing')), false);
  });
});

describe('what finds a database locked', () => {
  test('is tried until it is free, without blocking others', async () => {
    let tries = 0;
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 1);

    const got = await whileBusy(() => {
      if (++tries < 6) throw coded(5);
      return 'done';
    }, 5);
    clearInterval(ticking);

    assert.deepEqual([got, tries], ['done', 6]);
    assert.ok(ticks > 0);
  });

  test('fails with the lock when its time is over', async () => {
    await assert.rejects(
      whileBusy(() => {
        throw coded(5, 'database is locked');
      }, 0.02),
      /database is locked/,
    );
  });

  test('fails at once with anything else, and is tried once at least', async () => {
    let tries = 0;
    const fails = (code: number, seconds: number) =>
      whileBusy(() => {
        tries++;
        throw coded(code);
      }, seconds);

    await assert.rejects(fails(13, 5), { errcode: 13 });
    assert.equal(tries, 1);
    await assert.rejects(fails(5, -1), { errcode: 5 });

    assert.equal(tries, 2);
  });
});

describe('the file of an open database', () => {
  test('is the one at its path until somebody takes it away or replaces it', t => {
    const path = join(folder(t), 'a.sqlite');
    writeFileSync(path, '');
    writeFileSync(`${path}.other`, '');
    const identity = new FileIdentity(path);
    assert.deepEqual([identity.isCurrent, identity.isReplaced], [true, false]);

    rmSync(path);
    assert.deepEqual([identity.isCurrent, identity.isReplaced], [false, false]);
    renameSync(`${path}.other`, path);

    assert.deepEqual([identity.isCurrent, identity.isReplaced], [false, true]);
    assert.match(identity.complaint, /a\.sqlite was deleted or replaced while it was in use\.$/);
  });

  test('is none in memory, which nobody can take away', () => {
    const identity = new FileIdentity(':memory:');

    assert.deepEqual([identity.isCurrent, identity.isReplaced], [true, false]);
  });
});
