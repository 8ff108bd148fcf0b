import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runCli, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { program } from '../support/program.ts';
import { temporaryProject } from '../support/temporary-project.ts';

const APP = `
import { appendFileSync } from 'node:fs';
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj');
for (const name of ['celeryInit', 'celeryAfterSetup', 'workerInit', 'workerBeforeCreateProcess', 'workerReady',
  'workerShuttingDown', 'workerShutdown', 'workerProcessInit', 'workerProcessShutdown']) {
  app.signals[name].connect(event => {
    const { hostname, slot, how } = event;
    const where = name.includes('Before') ? 'parent' : event.pid === undefined ? 'parent' : event.pid === process.pid ? 'child' : '?';
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
      'workerBeforeCreateProcess w@h parent 1',
      'workerBeforeCreateProcess w@h parent 2',
      'workerBeforeCreateProcess w@h parent 3',
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

const LOGGING_APP = `
import { appendFileSync } from 'node:fs';
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj');
app.task('proj.log', { bind: true }, self => self.logger.info('from the task'));
app.signals.setupLogging.connect(({ processName, loglevel, use }) => {
  use((level, message, fields) => {
    appendFileSync('log', [loglevel, level, processName, message, fields.task_name].join('|') + '\\n');
  });
});
app.signals.afterSetupLogger.connect(({ logger, processName }) => logger.info('set up ' + processName));
`;

describe('a receiver of setupLogging', () => {
  it('gets all lines of the worker and its children instead of the log', async t => {
    const cwd = temporaryProject(t, { 'tasks.js': LOGGING_APP });
    const worker = startCli(['-A', 'tasks', 'worker', '-n', 'w@h', '-l', 'info', '-c', '1'], {
      cwd,
    });
    t.after(() => worker.kill('SIGKILL'));
    const log = () => {
      const file = join(cwd, 'log');
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    };
    await eventually(() => log().includes('w@h ready.'));

    await runCli(['-A', 'tasks', 'call', 'proj.log'], { cwd });
    await eventually(() => /succeeded in/.test(log()));
    worker.kill('SIGTERM');
    const { stderr } = await worker.ended();

    assert.match(log(), /^info\|info\|MainProcess\|set up MainProcess\|$/m);
    assert.match(log(), /^info\|info\|ForkPoolWorker-1\|set up ForkPoolWorker-1\|$/m);
    assert.match(log(), /^info\|info\|ForkPoolWorker-1\|from the task\|proj\.log$/m);
    assert.doesNotMatch(stderr, /ready|succeeded|from the task/);
  });
});
