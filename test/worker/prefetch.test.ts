import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { eventually } from '../support/eventually.ts';
import { rabbitmqSurroundings } from '../support/shared-rabbitmq.ts';
import {
  redisSurroundings,
  type Surroundings,
  sqliteSurroundings,
  withWorker,
} from '../support/worker.ts';

const SHORT = 5000;
const LONG = 150;
/** `-c 2`: two that run and the prefetch count. */
const MOST_TAKEN = 2 + 2 * 4;

for (const surround of [redisSurroundings, sqliteSurroundings, rabbitmqSurroundings]) {
  describe(`prefetching on ${surround.name.replace('Surroundings', '')}`, () => {
    let surroundings: Surroundings;
    before(async () => {
      surroundings = await surround();
    });
    after(() => surroundings.stop());

    it('leaves long tasks behind thousands of short ones to other workers', async () => {
      await withWorker(surroundings, {}, async ({ app, worker, another, file, lines, queue }) => {
        worker.kill('SIGTERM');
        await worker.ended();
        const notes = file();
        const transport = await app[INTERNALS].transport();
        await Promise.all(Array.from({ length: SHORT }, () => app.sendTask('w.nothing')));
        for (let i = 0; i < LONG; i++) await app.sendTask('w.work', [notes, String(i), 60]);

        await another();
        await eventually(async () => assert.equal((await lines(notes)).length, 2));
        await eventually(async () => assert.ok((await transport.size(queue)) >= LONG - MOST_TAKEN));

        assert.deepEqual((await lines(notes)).sort(), ['0', '1']);
        await another();
        await eventually(async () => assert.equal(new Set(await lines(notes)).size, 4));
      });
    });
  });
}
