/** A worker whose SQLite file is on a disk that is full, may only be read, or is deleted. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Celery, OperationalError } from '../../src/index.ts';
import { runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { lines, startWorker } from '../support/worker.ts';

/** A disk of its own, or undefined where this process may not mount one. */
function smallDisk(t: TestContext, kib: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tscelery-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
  } catch {
    rmSync(folder, { recursive: true });
    t.skip('only root may mount a file system of its own');
    return undefined;
  }
  t.after(() => {
    execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

function settingsFor(folder: string) {
  const file = join(folder, 'celery.sqlite');
  return { broker_url: `sqla+sqlite:///${file}`, result_backend: `db+sqlite:///${file}` };
}

describe('a worker on an SQLite file', () => {
  it('on a disk that is full says so, and goes on when there is room again', async t => {
    const disk = smallDisk(t, 2048);
    if (disk === undefined) return;
    const notesFolder = mkdtempSync(join(tmpdir(), 'tscelery-notes-'));
    const [notes, ballast] = [join(notesFolder, 'notes'), join(disk, 'ballast')];
    const settings = settingsFor(disk);
    const app = new Celery('client', settings);
    const worker = startWorker(settings, ['-c', '2']);
    t.after(async () => {
      await app.close();
      worker.kill('SIGKILL');
      await worker.ended();
      rmSync(notesFolder, { recursive: true });
    });
    await worker.sees(/ ready\./);
    const names = Array.from({ length: 20 }, (_, n) => String(n));
    for (const name of names) await app.sendTask('w.lateWork', [notes, name, 0.2]);
    await eventually(async () => assert.ok((await lines(notes)).length >= 2));

    fill(ballast);
    await assert.rejects(
      (async () => {
        for (;;) await app.sendTask('w.echo', ['x'.repeat(20_000)], { retry: false });
      })(),
      error => {
        assert.ok(error instanceof OperationalError);
        assert.match(error.message, /celery\.sqlite cannot grow: the disk is full/);
        return true;
      },
    );
    await worker.sees(/Connection to broker lost[^\n]*\n[^\n]*cannot grow: the disk is full/);
    rmSync(ballast);

    await worker.sees(/consuming again/);
    await eventually(async () => {
      assert.equal(new Set(await lines(notes)).size, names.length);
    });
    const result = await app.sendTask('w.add', [1, 2]);
    assert.equal(await result.get({ timeout: 20 }), 3);
    assert.equal(worker.child.exitCode, null);
  });

  it('that may only be read ends with one clear line', async t => {
    const disk = smallDisk(t, 2048);
    if (disk === undefined) return;
    const settings = settingsFor(disk);
    // by a process that ends: SQLite files stay open in ours for a while
    const url = settings.broker_url;
    const made = await runCli(['-b', url, 'call', 'w.add'], { cwd: disk });
    assert.equal(made.code, 0, made.stderr);
    execFileSync('mount', ['-o', 'remount,ro', disk]);

    const { code, stderr } = await startWorker(settings).ended();

    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Error: The SQLite database \S+celery\.sqlite .*(read-?only|only be read)/im,
    );
    assert.doesNotMatch(stderr, /\n {4}at /);
  });

  it('that is deleted ends with one clear line, and clients go on with the next file', async t => {
    const folder = mkdtempSync(join(tmpdir(), 'tscelery-deleted-'));
    const settings = settingsFor(folder);
    const app = new Celery('client', settings);
    const workers = [startWorker(settings, ['-c', '1'])];
    t.after(async () => {
      await app.close();
      for (const worker of workers) worker.kill('SIGKILL');
      for (const worker of workers) await worker.ended();
      rmSync(folder, { recursive: true });
    });
    await workers[0]!.sees(/ ready\./);
    const before = await app.sendTask('w.add', [1, 2]);
    assert.equal(await before.get({ timeout: 20 }), 3);
    const lost = app.AsyncResult('of the old file').get({ timeout: 60 });
    lost.catch(() => {});

    for (const file of readdirSync(folder)) rmSync(join(folder, file));

    const { code, stderr } = await workers[0]!.ended();
    assert.equal(code, 1);
    assert.match(
      stderr,
      /CRITICAL\/MainProcess\] Unrecoverable error: .*celery\.sqlite was deleted or replaced while it was in use/,
    );
    assert.doesNotMatch(stderr, /\n {4}at /);

    const after = await app.sendTask('w.add', [2, 2]);
    workers.push(startWorker(settings, ['-c', '1']));
    assert.equal(await after.get({ timeout: 20 }), 4);
    await app.sendTask('w.add', [5, 5], { taskId: 'of the old file' });
    assert.equal(await lost, 10);
  });
});

/** Takes all the room there is. */
function fill(file: string): void {
  const chunk = Buffer.alloc(4096, 1);
  try {
    for (;;) writeFileSync(file, chunk, { flag: 'a' });
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
}
