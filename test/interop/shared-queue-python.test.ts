/** Workers of both kinds that wait for the same queue on Redis. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { pythonCelery, startCelery } from '../support/python.ts';
import { redisSurroundings, type Surroundings, withWorker } from '../support/worker.ts';

const COUNT = 60;
const skip = (await pythonCelery()) ? false : 'Python Celery is not installed';

describe('an idle Python worker and an idle one of ours on one queue', { skip }, () => {
  let surroundings: Surroundings;
  before(async () => {
    surroundings = await redisSurroundings();
  });
  after(() => surroundings.stop());

  it('share tasks that come one after the other', async t => {
    await withWorker(surroundings, {}, async ({ queue, app, file, lines }) => {
      const settings = { ...surroundings.settings, task_default_queue: queue };
      const quietly = ['--without-gossip', '--without-mingle'];
      const theirs = startCelery(settings, 'worker', '-c', '2', '-l', 'INFO', ...quietly);
      t.after(() => theirs.stop());
      await eventually(() => assert.match(theirs.text, / ready\./), { seconds: 30 });
      const notes = file();

      for (let n = 1; n <= COUNT; n++) {
        await app.sendTask('w.work', [notes, String(n), 0]);
        await eventually(async () => (await lines(notes)).length === n);
        // both are idle again before the next one
        await new Promise(resolve => setTimeout(resolve, 50));
      }

      const python = (await lines(notes)).filter(line => line.startsWith('py ')).length;
      assert.ok(
        python >= COUNT / 4 && python <= (COUNT * 3) / 4,
        `${python} of ${COUNT} ran in Python`,
      );
    });
  });
});
