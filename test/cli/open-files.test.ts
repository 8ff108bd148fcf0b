import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const SECONDS = 30;

describe('a process that may open few files', { skip: process.platform !== 'linux' }, () => {
  it('says so in one line when a worker cannot start for it', t => {
    const cwd = temporaryProject(t, {
      'tasks.mjs': `import { Celery } from ${JSON.stringify(program.library)};
        export const app = new Celery('few', { broker: 'memory://' });`,
    });
    const words = [...program.nodeArgs, program.entry, '-A', 'tasks.mjs', 'worker', '-P', 'solo'];
    const { status, stderr } = spawnSync(
      'bash',
      ['-c', 'ulimit -n 64; exec "$@"', 'bash', process.execPath, ...words],
      { cwd, env: { ...process.env, ...program.env }, encoding: 'utf8', timeout: SECONDS * 1000 },
    );

    assert.equal(stderr, 'Error: Too many open files: this process may open 64 (ulimit -n).\n');
    assert.equal(status, 1);
  });
});
