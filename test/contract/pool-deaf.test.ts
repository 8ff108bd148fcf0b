import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WorkerLostError } from '../../src/pool/errors.ts';
import { startedPool } from '../fixtures/pool-harness.ts';

for (const kind of ['prefork', 'threads']) {
  describe(`a child of the ${kind} pool that is cut off from its parent`, () => {
    test('by the job that it runs is killed, and the job is lost', async t => {
      const h = await startedPool(t, kind, { blockedAfter: 0.5 });

      const { error } = await h.run({ do: 'deafen', ms: 60_000 });

      assert.ok(error instanceof WorkerLostError);
      assert.match(h.logs.join(), /PoolWorker-1 pid:\d+ is not blocked and has not answered for/);
      assert.equal((await h.run({ do: 'echo', value: 'next' })).reply, 'next');
    });

    test('by a job before is killed, and what it was to run runs in the next one', async t => {
      const h = await startedPool(t, kind, { blockedAfter: 0.5, slots: 2 });
      // keeps a thread alive that listens to nothing
      void h.run({ do: 'release', ms: 60_000 });
      await h.run({ do: 'deafen', ms: 0 });

      assert.equal((await h.run({ do: 'echo', value: 'next' })).reply, 'next');
    });

    test('does not keep a pool from ending', async t => {
      const h = await startedPool(t, kind, { blockedAfter: 0.5 });
      const { error } = await h.run({ do: 'deafen', ms: 0 });
      assert.equal(error, undefined);

      await h.pool.drain();

      assert.equal(h.pool.free, 0);
    });
  });

  describe(`a child of the ${kind} pool`, () => {
    test('that computes for longer than it may be silent is left alone', async t => {
      const h = await startedPool(t, kind, { blockedAfter: 0.2 });

      const { error, reply } = await h.run({ do: 'block', ms: 3000, value: 'computed' });

      assert.equal(error, undefined);
      assert.equal(reply, 'computed');
      assert.ok(h.blockages.length > 0);
    });

    test('in which a job has faked timers and process functions answers and goes on', async t => {
      const h = await startedPool(t, kind);

      assert.equal((await h.run({ do: 'fakeTimers' })).reply, 'faked');

      assert.equal((await h.run({ do: 'echo', value: 'next' })).reply, 'next');
      assert.deepEqual(h.logs, []);
    });
  });
}

describe('a process', () => {
  test('in which a job has removed all listeners goes on', async t => {
    const h = await startedPool(t, 'prefork');
    const { pids } = h.pool;

    await h.run({ do: 'removeListeners' });

    assert.equal((await h.run({ do: 'pid' })).reply, pids[0]);
    assert.equal((await h.run({ do: 'pid' })).reply, pids[0]);
  });
});
