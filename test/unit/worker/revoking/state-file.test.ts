import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { LamportClock } from '../../../../src/base/time/lamport.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import { RevokedTasks } from '../../../../src/worker/revoking/revoked-tasks.ts';
import { StateFile } from '../../../../src/worker/revoking/state-file.ts';
import { temporaryProject } from '../../../support/temporary-project.ts';
import { notedLog } from '../made-requests.ts';

const HOUR = 3600;

/** A worker with its state in `path`, at this time. */
async function worker(path: string, now = 0) {
  const clock = new FakeClock(now);
  const { logger, lines } = notedLog();
  const revoked = new RevokedTasks(clock);
  const lamport = new LamportClock();
  const file = new StateFile(path, { revoked, lamport, logger, clock });
  return { clock, lines, revoked, lamport, file };
}

const pathIn = (t: TestContext) => join(temporaryProject(t, {}), 'state.json');

describe('the state file of a worker', () => {
  it('brings back what was revoked, as old as it is by then', async t => {
    const path = pathIn(t);
    const before = await worker(path);
    await before.file.start();
    before.revoked.add('a');
    before.revoked.addStamp('batch', 'b1');
    before.lamport.adjust(41);
    await before.file.stop();

    const after = await worker(path, HOUR);
    await after.file.start();
    assert.deepEqual(after.revoked.ids(), ['a']);
    assert.equal(
      after.revoked.covers({ id: '', stampedHeaders: ['batch'], stamps: { batch: 'b1' } }),
      true,
    );
    assert.ok(after.lamport.value > 41);
    after.clock.advance(2 * HOUR);
    assert.deepEqual(after.revoked.ids(), []);
  });

  it('says what is known when a save has resolved, however many are under way', async t => {
    const path = pathIn(t);
    const { file, revoked } = await worker(path);
    await file.start();

    const saves = Array.from({ length: 20 }, (_, n) => {
      revoked.add(`${n}`);
      return file.save().then(() => {
        const { revoked: kept } = JSON.parse(readFileSync(path, 'utf8')) as { revoked: object };
        assert.ok(`${n}` in kept);
      });
    });
    await Promise.all(saves);
    assert.deepEqual(readdirSync(join(path, '..')).sort(), [
      'package.json',
      'state.json',
      'state.json.lock',
    ]);
  });

  it('is readable by nobody else', async t => {
    const path = pathIn(t);
    const { file } = await worker(path);
    await file.start();
    await file.save();

    assert.equal(statSync(path).mode & 0o077, 0);
  });

  it('is refused, and left alone, when something else wrote it', async t => {
    for (const text of ['GDBM', '{"a":1}', '[]']) {
      const path = pathIn(t);
      writeFileSync(path, text);
      const { file } = await worker(path);

      await assert.rejects(file.start(), {
        name: 'ImproperlyConfigured',
        message:
          /worker_state_db: .*state\.json cannot be used: it is not a state file of tscelery/,
      });
      await file.stop();
      assert.equal(readFileSync(path, 'utf8'), text);
    }
  });

  it('passes over ages that are none', async t => {
    const path = pathIn(t);
    const revoked = { good: 1, bad: 'x', worse: null };
    writeFileSync(path, JSON.stringify({ format: 'tscelery worker state', saved: 0, revoked }));
    const { file, revoked: known } = await worker(path);
    await file.start();

    assert.deepEqual(known.ids(), ['good']);
  });

  it('is begun anew when it is empty, and refused with advice when it is damaged', async t => {
    const path = pathIn(t);
    writeFileSync(path, '');
    const { file, revoked } = await worker(path);
    await file.start();
    revoked.add('a');
    await file.stop();

    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -3));
    await assert.rejects(
      (await worker(path)).file.start(),
      /is damaged \(.*\); remove it to begin/,
    );
  });

  it('is used by one worker at a time, also after one was killed', async t => {
    const path = pathIn(t);
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    t.after(() => other.kill('SIGKILL'));
    writeFileSync(`${path}.lock`, `${other.pid}\n`);
    await assert.rejects((await worker(path)).file.start(), {
      message: new RegExp(`another worker \\(pid ${other.pid}\\) uses it; .*%n`),
    });

    other.kill('SIGKILL');
    await once(other, 'exit');
    const { file } = await worker(path);
    await file.start();
    await file.stop();
    assert.deepEqual(readdirSync(join(path, '..')).sort(), ['package.json', 'state.json']);
  });

  it('that cannot be written is refused at the start', async t => {
    const { file } = await worker(join(temporaryProject(t, {}), 'none', 'state.json'));

    await assert.rejects(file.start(), /cannot be used: .*ENOENT/);
  });

  it('that cannot be written any more is told in the log, and the worker goes on', async t => {
    const path = pathIn(t);
    const { file, lines } = await worker(path);
    await file.start();
    rmSync(join(path, '..'), { recursive: true });
    await file.save();

    assert.match(lines[0]!, /^error: The state file .* cannot be written: ENOENT/);
  });
});
