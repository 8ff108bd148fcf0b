import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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
    assert.deepEqual(readdirSync(join(path, '..')).sort(), ['package.json', 'state.json']);
  });

  it('is readable by nobody else', async t => {
    const path = pathIn(t);
    const { file } = await worker(path);
    await file.start();
    await file.save();

    assert.equal(statSync(path).mode & 0o077, 0);
  });

  it('is refused, and left alone, when something else wrote it', async t => {
    for (const text of ['', 'GDBM', '{"a":1}', '[]']) {
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

  it('that cannot be written is told in the log, and the worker goes on', async t => {
    const { file, lines } = await worker(join(temporaryProject(t, {}), 'none', 'state.json'));
    await file.start();
    await file.save();

    assert.match(lines[0]!, /^error: The state file .* cannot be written: ENOENT/);
  });
});
