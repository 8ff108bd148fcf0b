/** What a stranger writes into a message or a command is one line of the log. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

let surroundings: Surroundings;
before(async () => {
  surroundings = await redisSurroundings();
});
after(() => surroundings.stop());

const EVIL = 'x\n[2026-01-01 00:00:00,000: CRITICAL/MainProcess] root logged in\u001b[31m';

test('what an error of a task says begins no record', async () => {
  await withWorker(surroundings, { args: ['-P', 'solo'] }, async ({ app, worker }) => {
    await app.sendTask('w.fail', [EVIL]);

    await worker.sees(/raised unexpected[\s\S]*root logged in/);

    const said = worker.stdout + worker.stderr;
    assert.doesNotMatch(said, /^\[2026-01-01/m);
    assert.ok(!said.includes('\u001b[31m'));
  });
});

test('names, ids and revoked ids with line ends and escapes write no lines of their own', async () => {
  await withWorker(surroundings, { args: ['-P', 'solo'] }, async ({ app, worker }) => {
    await app.sendTask(EVIL, [1]);
    await app.control.revoke(`revoked ${EVIL}`);
    await app.sendTask('w.add', [1, 2], { taskId: `id ${EVIL}` });

    await worker.sees(/unregistered task of type 'x/);
    await worker.sees(/flagged as revoked: revoked x/);
    await worker.sees(/succeeded in/);

    const said = worker.stdout + worker.stderr;
    assert.doesNotMatch(said, /^\[2026-01-01/m);
    assert.ok(!said.includes('\u001b[31mroot') && !said.includes('in\u001b[31m'));
  });
});
