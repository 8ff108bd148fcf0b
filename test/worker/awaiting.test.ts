import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

let surroundings: Surroundings;
before(async () => {
  surroundings = await redisSurroundings();
});
after(() => surroundings.stop());

const WARNING = /WARNING\/.*waits for the result of another one.*/;

describe('a task that waits for another one', { concurrency: true }, () => {
  for (const pool of ['prefork', 'threads', 'async', 'solo']) {
    it(`is reported when it has the only place of a worker with -P ${pool}`, async () => {
      const args = ['-P', pool, '-c', '1'];
      await withWorker(surroundings, { args }, async ({ app, worker }) => {
        const outer = await app.sendTask('w.spawnAndAwait', [1, 2]);

        const [inner] = (await worker.sees(/(?<=w\.add\[)[\w-]+(?=\] received)/))!;
        const [warning] = (await worker.sees(WARNING))!;

        assert.match(warning, /The only place of this worker is taken/);
        assert.ok(warning.includes(`w.spawnAndAwait[${outer.id}] waits for ${inner}.`), warning);
        assert.match(warning, /holds 1 of the awaited tasks and cannot start them/);
      });
    });
  }

  it('is reported when it was called like a function by the task that has the place', async () => {
    await withWorker(surroundings, { args: ['-c', '1'] }, async ({ app, worker }) => {
      const outer = await app.sendTask('w.delegates', [1, 2]);

      const [warning] = (await worker.sees(WARNING))!;

      assert.ok(warning.includes(`w.delegates[${outer.id}] waits for`), warning);
    });
  });

  it('is reported when the last free place is taken by such a task too', async () => {
    const args = ['-c', '1', '--slots', '2'];
    await withWorker(surroundings, { args }, async ({ app, worker }) => {
      const first = await app.sendTask('w.awaits', ['unknown-1', 'unknown-2']);
      await app.sendTask('w.work', ['/dev/null', 'slow', 6]);
      // starts when the other one leaves its place
      const second = await app.sendTask('w.awaits', ['unknown-3']);

      const [warning] = (await worker.sees(WARNING, 30))!;

      assert.match(warning, /Each of the 2 places/);
      for (const { id } of [first, second]) assert.ok(warning.includes(`w.awaits[${id}]`), warning);
      assert.doesNotMatch(warning, /cannot start them/);
    });
  });
});
