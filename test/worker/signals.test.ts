import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startCli } from '../support/cli.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const TSCELERY = new URL('../../src/index.ts', import.meta.url).href;
const APP = `
import { appendFileSync } from 'node:fs';
import { Celery } from ${JSON.stringify(TSCELERY)};
export const app = new Celery('proj');
for (const name of ['celeryInit', 'celeryAfterSetup', 'workerInit', 'workerReady', 'workerShuttingDown',
  'workerShutdown', 'workerProcessInit', 'workerProcessShutdown']) {
  app.signals[name].connect(event => {
    const { hostname, slot, how } = event;
    const where = event.pid === undefined ? 'parent' : event.pid === process.pid ? 'child' : '?';
    appendFileSync('seen', [name, hostname, where, slot, how].filter(word => word !== undefined).join(' ') + '\\n');
  });
}
app.signals.celeryInit.connect(() => app.conf.update({ worker_concurrency: 3 }));
`;

describe('signals of a worker with children', () => {
  it('come in the parent and in each child', async t => {
    const cwd = temporaryProject(t, { 'tasks.js': APP });
    const worker = startCli(['-A', 'tasks', 'worker', '-n', 'w@h', '-l', 'info'], { cwd });
    t.after(() => worker.kill('SIGKILL'));
    await worker.sees(/ ready\./);

    worker.kill('SIGTERM');
    assert.equal((await worker.ended()).code, 0);

    const seen = readFileSync(join(cwd, 'seen'), 'utf8').trim().split('\n');
    const inParent = seen.filter(line => line.includes('parent'));
    assert.deepEqual(inParent, [
      'celeryInit w@h parent',
      'celeryAfterSetup w@h parent',
      'workerInit w@h parent',
      'workerReady w@h parent',
      'workerShuttingDown w@h parent warm',
      'workerShutdown w@h parent',
    ]);
    assert.deepEqual(seen.filter(line => !line.includes('parent')).sort(), [
      'workerProcessInit w@h child 1',
      'workerProcessInit w@h child 2',
      'workerProcessInit w@h child 3',
      'workerProcessShutdown w@h child',
      'workerProcessShutdown w@h child',
      'workerProcessShutdown w@h child',
    ]);
  });
});
