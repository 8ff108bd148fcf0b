import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { INTERNALS } from '../../src/app/app-internals.ts';
import { DEFAULT_EXCHANGE, queue } from '../../src/messaging/entities.ts';
import { eventually } from '../support/eventually.ts';
import { redisSurroundings, sqliteSurroundings, withWorker } from '../support/worker.ts';

const COUNT = 2000;

describe('dead letters of a worker that is killed', () => {
  for (const [name, surround] of [
    ['Redis', redisSurroundings],
    ['SQLite', sqliteSurroundings],
  ] as const) {
    it(`are all there in the end on ${name}`, async () => {
      const surroundings = await surround();
      const settings = { worker_dead_letter_queue: 'grave', task_ignore_result: true };
      try {
        await withWorker(surroundings, { settings }, async ({ app, worker, another }) => {
          const transport = await app[INTERNALS].transport();
          const sent = await Promise.all(
            Array.from({ length: COUNT }, (_, n) => app.sendTask('w.nobody', [n])),
          );
          await eventually(async () => (await transport.size('grave')) > 0);
          worker.kill('SIGKILL');
          await worker.ended();
          assert.ok((await transport.size('grave')) < COUNT, 'killed too late');
          await another();

          const seen = new Set<string>();
          const consumer = await transport.consume(
            [queue('grave', { exchange: DEFAULT_EXCHANGE })],
            {
              prefetch: 0,
              onDeliveries: deliveries => {
                for (const { message } of deliveries) seen.add(String(message.headers.id));
              },
            },
          );
          await eventually(() => assert.equal(seen.size, COUNT), { seconds: 40 });
          await consumer.close();
          assert.ok(sent.every(({ id }) => seen.has(id)));
        });
      } finally {
        await surroundings.stop();
      }
    });
  }
});
