/** Errors that nothing catches: thrown by a callback, or left in a promise. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { Celery, WorkerLostError } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { TYPESCRIPT } from '../support/typescript.ts';
import {
  redisSurroundings,
  type Surroundings,
  sharedWorker,
  startWorker,
  withWorker,
} from '../support/worker.ts';

let surroundings: Surroundings;
before(async () => {
  surroundings = await redisSurroundings();
});
after(() => surroundings.stop());

const POOLS = {
  prefork: { args: ['-P', 'prefork', '-c', '1', '--slots', '4'], hasChildren: true },
  threads: { args: ['-P', 'threads', '-c', '1', '--slots', '4'], hasChildren: true },
  async: { args: ['-P', 'async', '-c', '4'], hasChildren: false },
  solo: { args: ['-P', 'solo'], hasChildren: false },
};

for (const [pool, { args, hasChildren }] of Object.entries(POOLS)) {
  describe(`an error that nothing caught, in a worker with -P ${pool}`, () => {
    const shared = sharedWorker(() => surroundings, { args });

    it('of a callback fails its task, whatever its code does later', async () => {
      const { app, worker, file, lines } = shared();
      const notes = file();
      const result = await app.sendTask('w.throwsLater', [notes]);
      const error = { name: 'RangeError', message: 'nobody catches this' };

      await assert.rejects(result.get({ timeout: 20 }), error);

      await worker.sees(/ERROR\/.*Task w\.throwsLater\[.*RangeError.*nobody catches this/);
      assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);
      if (!hasChildren) await eventually(async () => (await lines(notes)).length === 1);
      assert.equal(await result.state(), 'FAILURE');
    });

    it('of a promise fails its task, also in a task called like a function', async () => {
      const { app } = shared();
      const own = await app.sendTask('w.forgets', ['own']);
      await assert.rejects(own.get({ timeout: 20 }), { name: 'RangeError', message: 'own' });

      const inner = await app.sendTask('w.delegatesForgets');
      await assert.rejects(inner.get({ timeout: 20 }), { message: 'by another' });
    });

    it('of a task with late acks settles its message', () =>
      withWorker(surroundings, { args }, async ({ app, worker, queue, file, lines }) => {
        const notes = file();
        const result = await app.sendTask('w.forgetsLate', [notes]);
        await assert.rejects(result.get({ timeout: 20 }), { message: 'late' });

        worker.kill('SIGTERM');

        assert.equal((await worker.ended()).code, 0);
        assert.equal(await (await app[INTERNALS].transport()).size(queue), 0);
        assert.deepEqual(await lines(notes), ['runs']);
      }));

    it('of a task that has ended is logged with its name and stack, and no other fails', async () => {
      const { app, worker, file } = shared();
      const neighbour = await app.sendTask('w.work', [file(), 'neighbour', 1]);
      const result = await app.sendTask('w.leavesBehind');

      await worker.sees(
        new RegExp(
          `ERROR/.*Task w\\.leavesBehind\\[${result.id}\\] had ended when nothing caught its error: RangeError: left behind\\n +at forgotten`,
        ),
      );
      assert.equal(await neighbour.get({ timeout: 20 }), 'neighbour');
      assert.equal(await result.get({ timeout: 20 }), null);
    });

    it('and that is no task’s ends the process as ever, and is in the log file', async t => {
      const log = join(surroundings.dir, `${pool}.log`);
      const settings = { ...surroundings.settings, task_default_queue: pool };
      const app = new Celery('client', settings);
      const worker = startWorker(settings, [...args, '-f', log]);
      t.after(() => worker.kill('SIGKILL'));
      t.after(() => app.close());
      const result = await app.sendTask('w.disturbs', ['nobody’s']);

      const wanted =
        /CRITICAL\/.*The process ends, as nothing caught this error: RangeError: nobody’s\n +at /;
      await eventually(async () => assert.match(await readFile(log, 'utf8'), wanted), {
        seconds: 20,
      });
      if (hasChildren) await assert.rejects(result.get({ timeout: 20 }), WorkerLostError);
      else assert.equal((await worker.ended()).code, 1);
    });
  });
}

describe('an error in a program that has a worker of its own', () => {
  it('fails its task, and ends the program when it is no task’s', async () => {
    const file = fileURLToPath(new URL('../fixtures/stray-program.ts', import.meta.url));
    const ran = promisify(execFile)(process.execPath, [...TYPESCRIPT, file]);

    const end = await ran.catch((error: { code: number; stdout: string; stderr: string }) => error);

    assert.equal(end.stdout, 'the task’s 0\n');
    assert.equal('code' in end && end.code, 1);
    assert.match(end.stderr, /\nRangeError: the program’s\n +at /);
    assert.doesNotMatch(end.stderr, /CRITICAL/);
  });
});
