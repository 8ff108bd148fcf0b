/** What becomes of the processes that jobs start when their child of the prefork pool is killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive, logFile, startedPool } from '../fixtures/pool-harness.ts';
import type { PoolCommand } from '../fixtures/pool-runner.ts';
import { eventually } from '../support/eventually.ts';
import { TYPESCRIPT } from '../support/typescript.ts';

/** A job that starts two processes, one below the other, and their ids. */
function family(t: TestContext, more: Partial<PoolCommand> = {}) {
  // before the file goes
  t.after(() => {
    for (const pid of pids()) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  const file = logFile(t);
  const pids = () => file.lines().map(Number);
  const command: PoolCommand = { do: 'family', value: file.path, ...more };
  const started = () => eventually(() => pids().length >= 2 && pids().every(isAlive));
  const gone = () => eventually(() => !pids().some(isAlive));
  return { command, pids, started, gone };
}

describe('what a job has started', () => {
  for (const [child, more] of [
    ['waits', {}],
    ['blocks its child', { ms: 60_000 }],
  ] as const) {
    test(`ends with the job at its hard time limit (it ${child})`, async t => {
      const { command, pids, gone } = family(t, more);
      const h = await startedPool(t, 'prefork');

      const { error } = await h.run(command, { timeLimit: 1 });

      assert.equal(error?.code, 'TIME_LIMIT');
      assert.equal(pids().length, 2);
      await gone();
    });

    test(`ends with a worker that is killed (it ${child})`, async t => {
      const { command, started, gone } = family(t, more);
      const script = fileURLToPath(new URL('../fixtures/pool-parent.ts', import.meta.url));
      const args = [...TYPESCRIPT, script, JSON.stringify(command)];
      const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      t.after(() => parent.kill('SIGKILL'));
      await once(parent.stdout, 'data');
      await started();

      parent.kill('SIGKILL');

      await gone();
    });
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`ends with a job that is terminated by ${signal}`, async t => {
      const { command, started, gone } = family(t);
      const h = await startedPool(t, 'prefork');
      const id = h.submit(command);
      await started();

      h.pool.terminate(id, signal);

      assert.equal((await h.answerTo(id)).error?.code, 'TERMINATED');
      await gone();
    });
  }

  test('ends with a pool that is stopped', async t => {
    const { command, started, gone } = family(t);
    const h = await startedPool(t, 'prefork');
    h.submit(command);
    await started();

    await h.pool.stop();

    await gone();
  });

  test('lives on in a session of its own', async t => {
    const { command, pids } = family(t, { code: 1 });
    const h = await startedPool(t, 'prefork');

    await h.run(command, { timeLimit: 1 });
    await h.pool.stop();

    assert.equal(pids().filter(isAlive).length, 2);
  });
});
