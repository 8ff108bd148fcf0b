/** Exchanges that Python and TypeScript share on Redis: topic and fanout, both ways. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { broadcast, Celery, exchange } from '../../src/index.ts';
import { startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { pythonCelery, runPython } from '../support/python.ts';
import { startRedis } from '../support/servers.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));
const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';

/** A Python and a TypeScript worker, each with a queue at the exchange `news` and a broadcast. */
async function startBoth(t: TestContext) {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const settings = { broker_url: redis.url, task_ignore_result: true };
  const env = { TEST_SETTINGS: JSON.stringify(settings), PYTHONDONTWRITEBYTECODE: '1' };
  const typescript = startCli(
    ['-A', 'routing-app.ts:app', 'worker', '-l', 'INFO', '-c', '1', '-n', 'ts@test'],
    { cwd: FIXTURES, env },
  );
  const python = { log: '' };
  const child = spawn(
    PYTHON,
    '-m celery -A python_routing_app worker -c 1 -l INFO -n py@test'.split(' '),
    { cwd: FIXTURES, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      python.log += text;
    });
  }
  t.after(async () => {
    typescript.kill('SIGKILL');
    child.kill('SIGKILL');
    await Promise.all([typescript.ended(), once(child, 'close')]);
  });
  await typescript.sees(/ ready\./);
  await eventually(() => assert.match(python.log, / ready\./), { seconds: 30 });
  return { settings, env, python, typescript };
}

/** What the tasks printed, in alphabetical order. */
const printed = (log: string) =>
  (log.match(/(python|typescript) (stores \w+|reloads)/g) ?? []).sort();

describe('exchanges on Redis', () => {
  it('take what Python and TypeScript send to the queues that both have bound', async t => {
    if (!(await pythonCelery())) return t.skip('Python Celery is not installed here');
    const { settings, env, python, typescript } = await startBoth(t);
    const app = new Celery('client', { ...settings, task_queues: [broadcast('everyone')] });
    t.after(() => app.close());
    const topic = { exchange: exchange('news', 'topic') };

    await app.sendTask('store', ['one'], { ...topic, routingKey: 'feed.ts.x' });
    await app.sendTask('store', ['nothing'], { ...topic, routingKey: 'food.ts' });
    await app.sendTask('reload', [], { queue: 'everyone' });
    // Python knows an exchange's type only when it has declared it on this connection
    await runPython(
      `
from python_routing_app import app, news, store, reload
queues = app.amqp.queues
store.apply_async(('two',), exchange=news, routing_key='feed.py.x', declare=[queues['from_python']])
store.apply_async(('nothing',), exchange=news, routing_key='food.py', declare=[queues['from_python']])
reload.apply_async(queue='everyone', declare=[queues['everyone'].exchange])
`,
      { cwd: FIXTURES, env },
    );

    await eventually(
      () => {
        for (const [name, log] of [
          ['python', python.log],
          ['typescript', typescript.stderr],
        ] as const) {
          const both = ['reloads', 'reloads', 'stores one', 'stores two'];
          assert.deepEqual(
            printed(log),
            both.map(what => `${name} ${what}`),
          );
        }
      },
      { seconds: 20 },
    );
  });
});
