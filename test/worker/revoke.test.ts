import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TaskRevokedError } from '../../src/index.ts';
import { runCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { python, pythonCelery } from '../support/python.ts';
import {
  redisSurroundings,
  type Surroundings,
  sqliteSurroundings,
  startWorker,
  WORKER_APP,
  withWorker,
} from '../support/worker.ts';

/** Where it does not matter what runs tasks: each child costs as much to start as its worker. */
const CHILDLESS = { args: ['-P', 'async', '-c', '2'] };
const ONE_CHILD = { args: ['-c', '1'] };

for (const surround of [redisSurroundings, sqliteSurroundings]) {
  describe(`revoking on ${surround === redisSurroundings ? 'Redis' : 'SQLite'}`, () => {
    let surroundings: Surroundings;
    before(async () => {
      surroundings = await surround();
    });
    after(() => surroundings.stop());

    it('keeps a task that waits from running, and its client hears of it', async () => {
      await withWorker(surroundings, CHILDLESS, async ({ app, file, lines, worker }) => {
        const notes = file();
        const result = await app.sendTask('w.work', [notes, 'never', 0], { countdown: 1 });

        await result.revoke();

        await assert.rejects(result.get({ timeout: 10 }), TaskRevokedError);
        await worker.sees(new RegExp(`Discarding revoked task: w\\.work\\[${result.id}`));
        assert.deepEqual(await lines(notes), []);
      });
    });

    it('lets go of a task that waits for its time: a stopped worker leaves no message behind', async () => {
      await withWorker(surroundings, CHILDLESS, async ({ app, queue, worker }) => {
        const result = await app.sendTask('w.add', [1, 2], { countdown: 3600 });
        await worker.sees(/received/);

        await result.revoke();

        await assert.rejects(result.get({ timeout: 10 }), TaskRevokedError);
        worker.kill('SIGTERM');
        await worker.ended();
        assert.doesNotMatch(worker.stderr, /Restoring/);
        assert.equal(await app.control.queueLength(queue), 0);
      });
    });

    it('reaches tasks that wait for a place or for their rate limit at once', async () => {
      const settings = { task_annotations: { 'w.add': { rate_limit: '1/h' } } };
      await withWorker(surroundings, { ...CHILDLESS, settings }, async ({ app, file, worker }) => {
        const long = () => app.sendTask('w.work', [file(), 'long', 60]);
        const running = [await long(), await long()];
        const reserved = await long();
        await app.sendTask('w.add', [1, 2]);
        const limited = await app.sendTask('w.add', [1, 2]);
        await worker.sees(new RegExp(`${limited.id}\\] received`));

        await app.control.revoke([reserved.id, limited.id]);

        await assert.rejects(reserved.get({ timeout: 10 }), TaskRevokedError);
        await assert.rejects(limited.get({ timeout: 10 }), TaskRevokedError);
        assert.equal(await running[0]!.state(), 'PENDING');
      });
    });

    it('without terminate leaves a running task and its state alone', async () => {
      await withWorker(surroundings, ONE_CHILD, async ({ app, file, lines, worker }) => {
        const notes = file();
        const result = await app.sendTask('w.work', [notes, 'ran', 1]);
        await eventually(async () => (await lines(notes)).length === 1);

        await result.revoke();

        await worker.sees(/Tasks flagged as revoked/);
        assert.equal(await result.get({ timeout: 10 }), 'ran');
      });
    });

    it('with an unknown signal is refused, and the task runs to its end', async () => {
      await withWorker(surroundings, ONE_CHILD, async ({ app, file, lines }) => {
        const notes = file();
        const result = await app.sendTask('w.work', [notes, 'ran', 1]);
        await eventually(async () => (await lines(notes)).length === 1);
        const asked = { task_id: result.id, terminate: true, signal: 'SIGKIL' };

        const [reply] = await app.control.call('revoke', asked, { limit: 1 });

        const said = 'There is no signal "SIGKIL". Did you mean "SIGKILL"?';
        assert.deepEqual(reply?.value, { error: `TypeError('${said}')` });
        assert.equal(await result.get({ timeout: 10 }), 'ran');
        assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 10 }), 3);
      });
    });

    it('takes a signal in every spelling', async () => {
      await withWorker(surroundings, ONE_CHILD, async ({ app, file, lines, worker }) => {
        for (const signal of ['kill', 'KILL', 'SIGKILL', 9] as const) {
          const notes = file();
          const result = await app.sendTask('w.work', [notes, 'long', 60]);
          await eventually(async () => (await lines(notes)).length === 1);

          await result.revoke({ terminate: true, signal });

          await worker.sees(new RegExp(`Terminating ${result.id} \\(SIGKILL\\)`));
          await assert.rejects(result.get({ timeout: 10 }), TaskRevokedError);
        }
      });
    });

    it('takes the number of a signal, as Python sends it', async () => {
      await withWorker(surroundings, ONE_CHILD, async ({ app, file, lines, worker }) => {
        const notes = file();
        const result = await app.sendTask('w.work', [notes, 'long', 60]);
        await eventually(async () => (await lines(notes)).length === 1);

        await app.control.broadcast('terminate', { task_id: result.id, signal: 9 });

        await worker.sees(new RegExp(`Terminating ${result.id} \\(SIGKILL\\)`));
        await assert.rejects(result.get({ timeout: 10 }), TaskRevokedError);
      });
    });

    it('with a signal that ends no process ends the task all the same, without a debugger', async () => {
      await withWorker(surroundings, ONE_CHILD, async ({ app, file, lines, worker }) => {
        const notes = file();
        const result = await app.sendTask('w.work', [notes, 'long', 60]);
        await eventually(async () => (await lines(notes)).length === 1);

        await result.revoke({ terminate: true, signal: 'SIGUSR1' });

        await assert.rejects(result.get({ timeout: 10 }), TaskRevokedError);
        assert.doesNotMatch(worker.stdout + worker.stderr, /Debugger/);
      });
    });

    it('of very many ids at once shows the first of them', async () => {
      await withWorker(surroundings, CHILDLESS, async ({ app, worker }) => {
        const ids = Array.from({ length: 20_000 }, (_, i) => `id-${i}`);

        await app.control.revoke(ids);

        await worker.sees(/flagged as revoked: id-0, .*id-99 and 19900 more\n/);
      });
    });

    it('with terminate kills what runs; the worker goes on', async () => {
      await withWorker(surroundings, ONE_CHILD, async ({ app, file, lines, worker }) => {
        const notes = file();
        const result = await app.sendTask('w.work', [notes, 'long', 60]);
        await eventually(async () => (await lines(notes)).length === 1);

        await app.control.terminate(result.id);

        await assert.rejects(result.get({ timeout: 10 }), TaskRevokedError);
        await worker.sees(new RegExp(`Terminating ${result.id} \\(SIGTERM\\)`));
        assert.equal(await (await app.sendTask('w.add', [1, 2])).get({ timeout: 20 }), 3);
      });
    });

    it('every worker answers a ping', async () => {
      await withWorker(surroundings, CHILDLESS, async ({ app, another }) => {
        await another(CHILDLESS.args);

        const replies = await app.control.ping({ timeout: 2, limit: 2 });

        const nodes = replies.map(reply => [reply.node, reply.value]).sort();
        assert.deepEqual(nodes, [
          ['w1@test', { ok: 'pong' }],
          ['w2@test', { ok: 'pong' }],
        ]);
      });
    });

    it('an unknown command is answered with an error, a wrong one too', async () => {
      await withWorker(surroundings, CHILDLESS, async ({ app }) => {
        const unknown = await app.control.call('levitate', {}, { limit: 1 });
        const wrong = await app.control.call('revoke', { task_id: 5 }, { limit: 1 });

        assert.deepEqual(unknown[0]?.value, { error: "KeyError('levitate')" });
        assert.match(JSON.stringify(wrong[0]?.value), /TypeError/);
      });
    });
  });
}

describe('a Python client of our worker', () => {
  it('revokes and pings over Redis', async t => {
    if (!(await pythonCelery())) return t.skip('Python Celery is not installed here');
    const surroundings = await redisSurroundings();
    try {
      await withWorker(surroundings, CHILDLESS, async ({ queue }) => {
        const [pong, state] = await python<[unknown[], string]>(
          `
from celery import Celery
import time
app = Celery('py', broker=data['url'], backend=data['url'])
app.conf.task_default_queue = data['queue']
pong = app.control.ping(timeout=2)
r = app.send_task('w.add', (1, 2), countdown=2)
r.revoke()
try:
    r.get(timeout=10)
except Exception as exc:
    out = [pong, type(exc).__name__ + ' ' + r.state]`,
          { url: surroundings.settings.broker_url, queue },
        );

        assert.deepEqual(pong, [{ 'w1@test': { ok: 'pong' } }]);
        assert.equal(state, 'TaskRevokedError REVOKED');
      });
    } finally {
      await surroundings.stop();
    }
  });
});

describe('a durable revoke', () => {
  const settings = { task_durable_revokes: true };

  for (const surround of [redisSurroundings, sqliteSurroundings]) {
    it(`reaches a worker that starts later (${surround === redisSurroundings ? 'Redis' : 'SQLite'})`, async t => {
      const surroundings = await surround();
      t.after(() => surroundings.stop());
      await withWorker(
        surroundings,
        { ...CHILDLESS, settings },
        async ({ app, file, lines, worker, another }) => {
          worker.kill('SIGTERM');
          await worker.ended();
          const notes = file();
          const revoked = await app.sendTask('w.work', [notes, 'revoked', 0]);
          const kept = await app.sendTask('w.work', [notes, 'kept', 0]);
          await revoked.revoke();

          await another(CHILDLESS.args);

          await kept.get({ timeout: 20 });
          await assert.rejects(revoked.get({ timeout: 20 }), TaskRevokedError);
          assert.deepEqual(await lines(notes), ['kept']);
        },
      );
    });
  }

  it('from the command line needs no worker', async t => {
    const surroundings = await redisSurroundings();
    t.after(() => surroundings.stop());
    await withWorker(
      surroundings,
      { ...CHILDLESS, settings },
      async ({ app, queue, worker, another }) => {
        worker.kill('SIGTERM');
        await worker.ended();
        const result = await app.sendTask('w.add', [1, 2]);
        const given = { ...surroundings.settings, ...settings, task_default_queue: queue };

        const cli = await runCli(
          ['-A', `${WORKER_APP}:app`, 'control', '-t', '0.2', 'revoke', result.id],
          {
            env: { TEST_SETTINGS: JSON.stringify(given) },
          },
        );

        assert.match(cli.stderr, /No nodes replied/);
        await another(CHILDLESS.args);
        await assert.rejects(result.get({ timeout: 20 }), TaskRevokedError);
      },
    );
  });

  it('is made of one that Python sends, by a worker that hears of it', async t => {
    if (!(await pythonCelery())) return t.skip('Python Celery is not installed here');
    const surroundings = await redisSurroundings();
    t.after(() => surroundings.stop());
    await withWorker(
      surroundings,
      { ...CHILDLESS, settings },
      async ({ app, queue, worker, another }) => {
        const result = await app.sendTask('w.add', [1, 2], { queue: 'elsewhere' });
        await python(
          `
from celery import Celery
app = Celery('py', broker=data['url'], backend=data['url'])
out = app.control.revoke(data['id'], reply=True, timeout=10, limit=1)`,
          { url: surroundings.settings.broker_url, id: result.id },
        );
        worker.kill('SIGTERM');
        await worker.ended();

        await another([...CHILDLESS.args, '-Q', `${queue},elsewhere`, '--without-mingle']);

        await assert.rejects(result.get({ timeout: 20 }), TaskRevokedError);
      },
    );
  });

  it('is refused at the start by a store that nobody else can read', async t => {
    const surroundings = await redisSurroundings();
    t.after(() => surroundings.stop());
    const given = { ...surroundings.settings, ...settings, result_backend: 'rpc://' };
    const worker = startWorker(given);

    assert.notEqual((await worker.ended()).code, 0);
    assert.match(worker.stderr, /task_durable_revokes needs a result_backend .* rpc:\/\/ is none/);
  });
});
