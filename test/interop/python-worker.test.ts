import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Celery, RemoteTaskError } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import {
  lines,
  redisSurroundings,
  type Surroundings,
  sqliteSurroundings,
  startWorker,
} from '../support/worker.ts';

const FIXTURES = dirname(fileURLToPath(new URL('../fixtures/python_app.py', import.meta.url)));
const PYTHON = process.env.TSCELERY_TEST_PYTHON ?? '/usr/bin/python3';

function startPythonWorker(settings: object): ChildProcess & { log: string } {
  const args = ['-m', 'celery', '-A', 'python_app', 'worker', '-c', '2', '-l', 'INFO'];
  const child = spawn(PYTHON, [...args, '--without-gossip', '--without-mingle'], {
    cwd: FIXTURES,
    env: {
      ...process.env,
      TEST_SETTINGS: JSON.stringify(settings),
      PYTHONDONTWRITEBYTECODE: '1',
    },
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

for (const surround of [redisSurroundings, sqliteSurroundings]) {
  describe(`a Python worker on ${surround === redisSurroundings ? 'Redis' : 'SQLite'}`, () => {
    let surroundings: Surroundings;
    let settings: Surroundings['settings'];
    let worker: ReturnType<typeof startPythonWorker>;
    let app: Celery;

    before(async () => {
      surroundings = await surround();
      settings = { ...surroundings.settings, task_default_queue: `q-${randomUUID()}` };
      app = new Celery('client', settings);
      worker = startPythonWorker(settings);
      await eventually(() => assert.match(worker.log, / ready\./), { seconds: 30 });
    });
    after(async () => {
      await app.close();
      worker.kill('SIGKILL');
      await once(worker, 'close');
      await surroundings.stop();
    });

    const get = async (name: string, args: unknown[] = [], options = {}) =>
      (await app.sendTask(name, args, options)).get({ timeout: 30 });

    it('runs what we send, with positional and keyword arguments', async () => {
      assert.equal(await get('py.add', [1, 2]), 3);
      assert.equal(await get('py.add', [1]), 11);
      assert.equal(await get('py.add', [], { kwargs: { y: 2, x: 1 } }), 3);
    });

    it('reads values of every plain type that we send', async () => {
      const value = { text: 'ünï ✓', list: [1, 2.5, null, true, [[]]], nested: { a: { b: 'c' } } };

      assert.deepEqual(await get('py.echo', [value], { kwargs: { k: [1] } }), {
        args: [value],
        kwargs: { k: [1] },
      });
    });

    it('fails with an error of the name it has there, and its traceback', async () => {
      const result = await app.sendTask('py.fail', ['gone']);

      await assert.rejects(result.get({ timeout: 30 }), (error: Error) => {
        assert.ok(error instanceof RemoteTaskError);
        assert.equal(error.name, 'KeyError');
        assert.match(error.message, /gone/);
        assert.match(error.traceback ?? '', /^Traceback .*python_app\.py/s);
        return true;
      });
      assert.match((await result.traceback()) ?? '', /python_app\.py/);
    });

    it('keeps our eta', async () => {
      const eta = new Date(Date.now() + 800);

      const started = (await get('py.now', [], { eta })) as number;

      assert.ok(started * 1000 >= eta.getTime() - 1);
    });

    it('shares a queue with a worker of ours', async () => {
      const ours = startWorker(settings, ['-n', 'ts@test']);
      try {
        await ours.sees(/ ready\./);
        const notes = join(surroundings.dir, 'shared');
        const names = Array.from({ length: 60 }, (_, n) => String(n));
        const results = await Promise.all(
          names.map(name => app.sendTask('w.work', [notes, name, 0.1])),
        );

        const values = await Promise.all(results.map(result => result.get({ timeout: 60 })));

        assert.deepEqual(values, names);
        const ran = await lines(notes);
        assert.equal(ran.length, names.length);
        const python = ran.filter(line => line.startsWith('py ')).length;
        assert.ok(
          python > 0 && python < names.length,
          `${python} of ${names.length} ran in Python`,
        );
      } finally {
        ours.kill('SIGKILL');
        await ours.ended();
      }
    });
  });
}
