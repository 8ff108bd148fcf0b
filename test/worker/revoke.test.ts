import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TaskRevokedError } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { python, pythonCelery } from '../support/python.ts';
import {
  redisSurroundings,
  type Surroundings,
  sqliteSurroundings,
  withWorker,
} from '../support/worker.ts';

for (const surround of [redisSurroundings, sqliteSurroundings]) {
  describe(`revoking on ${surround === redisSurroundings ? 'Redis' : 'SQLite'}`, () => {
    let surroundings: Surroundings;
    before(async () => {
      surroundings = await surround();
    });
    after(() => surroundings.stop());

    it('keeps a task that waits from running, and its client hears of it', async () => {
      await withWorker(surroundings, {}, async ({ app, file, lines, worker }) => {
        const notes = file();
        const result = await app.sendTask('w.work', [notes, 'never', 0], { countdown: 1 });

        await result.revoke();

        await assert.rejects(result.get({ timeout: 10 }), TaskRevokedError);
        await worker.sees(new RegExp(`Discarding revoked task: w\\.work\\[${result.id}`));
        assert.deepEqual(await lines(notes), []);
      });
    });

    it('with terminate kills what runs; the worker goes on', async () => {
      await withWorker(surroundings, {}, async ({ app, file, lines, worker }) => {
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
      await withWorker(surroundings, {}, async ({ app, another }) => {
        await another();

        const replies = await app.control.ping({ timeout: 2, limit: 2 });

        const nodes = replies.map(reply => [reply.node, reply.value]).sort();
        assert.deepEqual(nodes, [
          ['w1@test', { ok: 'pong' }],
          ['w2@test', { ok: 'pong' }],
        ]);
      });
    });

    it('an unknown command is answered with an error, a wrong one too', async () => {
      await withWorker(surroundings, {}, async ({ app }) => {
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
      await withWorker(surroundings, {}, async ({ queue }) => {
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
