/** What a worker knows over restarts, and what workers tell each other when they start. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { sharedRabbitmqWithRpc } from '../support/rpc-brokers.ts';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

for (const { broker, surround } of [
  { broker: 'Redis', surround: redisSurroundings },
  { broker: 'RabbitMQ', surround: sharedRabbitmqWithRpc },
]) {
  describe(`revoked tasks on ${broker}`, () => {
    let surroundings: Surroundings;
    before(async () => {
      surroundings = await surround();
    });
    after(() => surroundings.stop());

    it('stay revoked when the worker was killed, with --statedb', async () => {
      const state = `${surroundings.dir}/%n.state`;
      const args = ['-P', 'solo', '--without-mingle', '--statedb', state];
      await withWorker(surroundings, { args }, async ({ app, worker, another, file, lines }) => {
        const id = randomUUID();
        const [reply] = await app.control.revoke(id, { reply: true, limit: 1, timeout: 20 });
        assert.deepEqual(reply!.value, { ok: `tasks ${id} flagged as revoked` });
        worker.kill('SIGKILL');
        await worker.ended();

        const next = await another([...args, '-n', 'w1@test']);
        const notes = file();
        const result = await app.sendTask('w.work', [notes, 'ran', 0], { taskId: id });
        await assert.rejects(result.get({ timeout: 20 }), { name: 'TaskRevokedError' });
        await next.sees(new RegExp(`Discarding revoked task: w\\.work\\[${id}`));
        assert.deepEqual(await lines(notes), []);
      });
    });

    it('are not told to a namesake, and both workers warn', async () => {
      await withWorker(surroundings, { args: ['-P', 'solo'] }, async ({ worker, another }) => {
        await worker.sees(/mingle: all alone/);

        const second = await another(['-P', 'solo', '-n', 'w1@test']);

        const warning = /WARNING\/MainProcess\] DuplicateNodenameWarning: .* name w1@test, too\./;
        await second.sees(warning);
        await worker.sees(warning);
        await second.sees(/mingle: all alone/);
      });
    });

    it('are told to a worker that starts', async () => {
      await withWorker(surroundings, { args: ['-P', 'solo'] }, async bench => {
        const { app, worker, another } = bench;
        await worker.sees(/mingle: all alone/);
        const id = randomUUID();
        await app.control.revoke(id, { reply: true, limit: 1, timeout: 20 });

        const second = await another(['-P', 'solo']);
        await second.sees(/mingle: sync with 1 nodes/);
        const inspect = app.control.inspect({ destination: ['w2@test'], timeout: 20 });
        assert.deepEqual(await inspect.revoked(), { 'w2@test': [id] });
      });
    });
  });
}
