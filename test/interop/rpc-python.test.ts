/** Results over the broker between us and Python Celery, over RabbitMQ. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { Celery, type CeleryConfig } from '../../src/index.ts';
import type { RunningCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { python, pythonCelery } from '../support/python.ts';
import { rabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { lines, startWorker } from '../support/worker.ts';

const skip = (await pythonCelery()) ? false : 'python3-celery is not installed';
const FIXTURES = dirname(fileURLToPath(new URL('../fixtures/python_app.py', import.meta.url)));
const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';

const CLIENT = `
from celery import Celery
from celery.result import ResultSet
app = Celery('py', broker=data['broker'], backend='rpc://')
app.conf.update(task_default_queue=data['queue'], broker_connection_timeout=5)
def send(name, *args, kwargs=None, **options):
    return app.send_task(name, args=args, kwargs=kwargs or {}, **options)
`;

/** Seconds: Python's worker tries for less than one to send a result. */
const UNTIL_BROKER_IS_BACK = 12;

type PythonWorker = ChildProcess & { log: string };

function startPythonWorker(settings: object): PythonWorker {
  const args = ['-m', 'celery', '-A', 'python_app', 'worker', '-c', '2', '-l', 'INFO'];
  const child = spawn(PYTHON, [...args, '--without-gossip', '--without-mingle'], {
    cwd: FIXTURES,
    env: { ...process.env, TEST_SETTINGS: JSON.stringify(settings), PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const worker = Object.assign(child, { log: '' });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      worker.log += text;
    });
  }
  return worker;
}

describe('results over RabbitMQ shared with Python Celery', { skip }, () => {
  let surroundings: Awaited<ReturnType<typeof rabbitmqWithRpc>>;
  let ours: RunningCli;
  let theirs: PythonWorker;
  let app: Celery;
  const [ourQueue, theirQueue] = [`ts-${randomUUID()}`, `py-${randomUUID()}`];
  const file = () => `${surroundings.dir}/${randomUUID()}`;

  before(async () => {
    surroundings = await rabbitmqWithRpc();
    const settings = (queue: string): CeleryConfig => ({
      ...surroundings.settings,
      task_default_queue: queue,
    });
    app = new Celery('client', settings(theirQueue));
    // with one name both would want the same control queue, and Python's worker ends when it comes second
    ours = startWorker(settings(ourQueue), ['-n', 'typescript@%h']);
    theirs = startPythonWorker(settings(theirQueue));
    await ours.sees(/ ready\./);
    await eventually(() => assert.match(theirs.log, / ready\./), { seconds: 30 });
  });
  after(async () => {
    await app.close();
    ours.kill('SIGKILL');
    theirs.kill('SIGKILL');
    await Promise.all([ours.ended(), once(theirs, 'close')]);
    await surroundings.stop();
  });

  const client = <T>(code: string, extra: Record<string, unknown> = {}) =>
    python<T>(`${CLIENT}${code}`, {
      broker: surroundings.settings.broker_url,
      queue: ourQueue,
      ...extra,
    });
  const get = async (name: string, args: unknown[] = []) =>
    (await app.sendTask(name, args)).get({ timeout: 60 });

  it('reach Python from our worker: values, errors and states on the way', async () => {
    const [values, error, seen, many] = await client<unknown[]>(
      `
values = [send('w.add', 1, 2).get(timeout=20),
          send('w.echo', {'a': [1, None, True, 'ü', 2.5]}).get(timeout=20),
          len(send('w.echo', 'é' * 300000).get(timeout=20))]
r = send('w.fail', 'so sorry')
try:
    r.get(timeout=20)
except Exception as exc:
    error = [type(exc).__name__, list(exc.args), r.state, 'worker-app.' in r.traceback]
seen = []
r = send('w.progress')
r.get(timeout=20, on_message=lambda m: seen.append([m['status'], m['result']]))
results = [send('w.add', i, i) for i in range(200)]
out = [values, error, seen, ResultSet(results, app=app).get(timeout=20)]
`,
    );

    assert.deepEqual(values, [3, { a: [1, null, true, 'ü', 2.5] }, 300_000]);
    assert.deepEqual(error, ['TypeError', ['so sorry'], 'FAILURE', true]);
    assert.deepEqual(seen, [
      ['PROGRESS', { step: 1 }],
      ['PROGRESS', { step: 2 }],
      ['PROGRESS', { step: 3 }],
      ['SUCCESS', 'done'],
    ]);
    assert.deepEqual(
      many,
      Array.from({ length: 200 }, (_, i) => 2 * i),
    );
  });

  it('reach Python from the worker itself when the task expired or died', async () => {
    const names = await client<string[]>(
      `
out = []
for r in [send('w.add', 1, 1, countdown=0.5, expires=0.1), send('w.dies', data['file'])]:
    try:
        r.get(timeout=20)
    except Exception as exc:
        out.append(type(exc).__name__)
`,
      { file: file() },
    );

    assert.deepEqual(names, ['TaskRevokedError', 'WorkerLostError']);
  });

  it('reach us from a Python worker: values, errors and states on the way', async () => {
    assert.equal(await get('py.add', [1, 2]), 3);
    assert.deepEqual(await get('py.echo', [{ a: 'ü' }]), { args: [{ a: 'ü' }], kwargs: {} });
    assert.equal(((await get('py.large', [300_000])) as string).length, 300_000);
    await assert.rejects(get('py.fail', ['gone']), { name: 'KeyError', message: /gone/ });

    const seen: unknown[] = [];
    const taskId = randomUUID();
    const onMessage = ({ status, result }: { status: string; result: unknown }) =>
      void seen.push([status, result]);
    const waiting = app.AsyncResult(taskId).get({ timeout: 30, onMessage });
    const backend = await app[INTERNALS].backend();
    await eventually(() => assert.equal(backend.subscriptions, 1));
    await app.sendTask('py.progress', [], { taskId });

    assert.equal(await waiting, 'done');
    assert.deepEqual(seen, [
      ['PROGRESS', { step: 1 }],
      ['PROGRESS', { step: 2 }],
      ['PROGRESS', { step: 3 }],
      ['SUCCESS', 'done'],
    ]);
  });

  it('reach us in the hundreds before anybody asks', async () => {
    const results = await Promise.all(
      Array.from({ length: 300 }, (_, i) => app.sendTask('py.add', [i, i])),
    );
    const last = results.at(-1)!;
    await eventually(async () => assert.equal(await last.ready(), true), { seconds: 30 });

    const values = await Promise.all(results.map(result => result.get({ timeout: 20 })));

    assert.deepEqual(
      values,
      results.map((_, i) => 2 * i),
    );
  });

  it('reach us although the broker was killed between sending and reading', async () => {
    const [inOurs, inTheirs] = [file(), file()];
    const results = [
      await app.sendTask('w.work', [inTheirs, 'python', UNTIL_BROKER_IS_BACK]),
      await app.sendTask('w.work', [inOurs, 'typescript', UNTIL_BROKER_IS_BACK], {
        queue: ourQueue,
      }),
    ];
    await eventually(async () => {
      assert.deepEqual(await lines(inTheirs), ['py python']);
      assert.deepEqual(await lines(inOurs), ['typescript']);
    });

    await surroundings.server.restart();

    const values = await Promise.all(results.map(result => result.get({ timeout: 60 })));
    assert.deepEqual(values, ['python', 'typescript']);
    // and the connections are good for more
    assert.equal(await get('py.add', [2, 3]), 5);
    assert.equal(await client(`out = send('w.add', 2, 3).get(timeout=50)`), 5);
  });
});
