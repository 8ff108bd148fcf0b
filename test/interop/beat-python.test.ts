/** What our beat sends a worker of Python runs, and the other way round. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Celery } from '../../src/index.ts';
import { startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { program } from '../support/program.ts';
import { pythonCelery, startCelery } from '../support/python.ts';
import { temporaryProject } from '../support/temporary-project.ts';
import { redisSurroundings, type Surroundings } from '../support/worker.ts';

const QUEUE = 'periodic';

describe('beat and Python', () => {
  let surroundings: Surroundings;
  let isThere: boolean;
  before(async () => {
    isThere = await pythonCelery();
    surroundings = await redisSurroundings();
  });
  after(() => surroundings.stop());

  const settingsWith = (more: object) => ({
    ...surroundings.settings,
    task_default_queue: QUEUE,
    ...more,
  });
  const python = (t: TestContext, settings: object, ...words: string[]) => {
    const running = startCelery(settings, ...words);
    t.after(() => running.stop());
    return running;
  };
  const ours = (t: TestContext, source: string, ...words: string[]) => {
    const cwd = temporaryProject(t, { 'tasks.js': source });
    const running = startCli(['-A', 'tasks', ...words], { cwd });
    t.after(async () => {
      running.kill('SIGKILL');
      await running.ended();
    });
    return { running, cwd };
  };
  const source = (settings: object, more = '') => `
import { appendFileSync } from 'node:fs';
import { Celery } from ${JSON.stringify(program.library)};
export const app = new Celery('proj', ${JSON.stringify(settings)});
${more}`;

  it('a worker of Python runs what our beat sends', async t => {
    if (!isThere) return t.skip('Python Celery is not installed here');
    const options = { expires: 60 };
    const entry = { task: 'py.echo', schedule: 1, args: [1, 'two'], kwargs: { x: 3 }, options };
    python(t, settingsWith({}), 'worker', '-P', 'solo', '-l', 'INFO');
    const { running } = ours(
      t,
      source(settingsWith({ beat_schedule: { often: entry } })),
      ...['beat', '-l', 'debug'],
    );
    const [, id] = await running.sees(/py\.echo sent\. id->(\S+)/);
    await using app = new Celery('client', settingsWith({}));
    const result = await app.AsyncResult(id!).get({ timeout: 40 });
    assert.deepEqual(result, { args: [1, 'two'], kwargs: { x: 3 } });
  });

  it('our worker runs what the beat of Python sends', async t => {
    if (!isThere) return t.skip('Python Celery is not installed here');
    const { cwd } = ours(
      t,
      source(
        settingsWith({ task_default_queue: 'other' }),
        `app.task('proj.note', (x, y) => appendFileSync('ran.txt', x + ' ' + y + '\\n'));`,
      ),
      ...['worker', '-P', 'solo', '-l', 'info'],
    );
    const entry = { task: 'proj.note', schedule: 1, args: [1], kwargs: { y: 2 } };
    const settings = settingsWith({ task_default_queue: 'other', beat_schedule: { often: entry } });
    python(t, settings, 'beat', '-l', 'INFO', '-s', join(cwd, 'theirs'));
    await eventually(() => assert.match(readFileSync(join(cwd, 'ran.txt'), 'utf8'), /^1 2\n1 2\n/));
  });
});
