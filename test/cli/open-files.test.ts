import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const SECONDS = 30;
/** Enough to begin with, and not for a worker; the sources are more files than what is built. */
const FILES = program.nodeArgs.length === 0 ? 36 : 64;

describe('a process that may open few files', { skip: process.platform !== 'linux' }, () => {
  it('says so in one line when a worker cannot start for it', t => {
    const cwd = temporaryProject(t, {
      'tasks.mjs': `import { Celery } from ${JSON.stringify(program.library)};
        export const app = new Celery('few', { broker: 'memory://' });`,
    });
    const words = [...program.nodeArgs, program.entry, '-A', 'tasks.mjs', 'worker', '-P', 'solo'];
    const { status, stderr } = spawnSync(
      'bash',
      ['-c', `ulimit -n ${FILES}; exec "$@"`, 'bash', process.execPath, ...words],
      { cwd, env: { ...process.env, ...program.env }, encoding: 'utf8', timeout: SECONDS * 1000 },
    );

    assert.equal(
      stderr,
      `Error: Too many open files: this process may open ${FILES} (ulimit -n).\n`,
    );
    assert.equal(status, 1);
  });
});
