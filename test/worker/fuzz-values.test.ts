import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fuzz } from '../../scripts/fuzz/fuzz-run.ts';
import { type RedisServer, startRedis } from '../support/servers.ts';

/** `scripts/fuzz/values.ts` sends more, and others. */
const [SEED, COUNT] = [10, 300];
/** Every pool and every serializer, not each with each. */
const RUNS = [
  ['prefork', 'json'],
  ['threads', 'msgpack'],
  ['async', 'json'],
  ['solo', 'yaml'],
] as const;

describe('random values as arguments, results and errors', () => {
  let server: RedisServer;

  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());

  for (const [pool, format] of RUNS) {
    it(`arrive as documented or are an EncodeError (${pool}, ${format})`, async () => {
      const url = server.url;

      const found = await fuzz({ pool, format, seed: SEED, count: COUNT, url });

      assert.deepEqual(found.wrong, []);
      assert.ok(found.equal > COUNT);
      assert.ok(found.documented > COUNT / 2);
      assert.ok(found.refused > COUNT / 10);
    });
  }
});
