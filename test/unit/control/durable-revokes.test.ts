import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ResultBackend } from '../../../src/backends/contract.ts';
import { openBackend } from '../../../src/backends/open.ts';
import { DurableRevokes } from '../../../src/control/durable-revokes.ts';
import { DEFAULT_OPTIONS } from '../../contract/backend.contract.ts';

const open = (url: string) => openBackend(url, DEFAULT_OPTIONS);

describe('revokes in a result store', () => {
  it('are known to whoever opens the store', async t => {
    const url = `cache+memory://${randomUUID()}`;
    const [one, other] = [await open(url), await open(url)];
    t.after(() => Promise.all([one.stop(), other.stop()]));

    await new DurableRevokes(one).keep(['a', 'b']);

    const known = new DurableRevokes(other);
    assert.deepEqual(await Promise.all(['a', 'b', 'c'].map(id => known.has(id))), [
      true,
      true,
      false,
    ]);
    assert.equal(await other.fetch('a'), undefined, 'the result is not touched');
  });

  it('are what a store that fails names, and not the groups that they are kept as', async t => {
    const store = await open('db+sqlite:////no/such/folder/results.sqlite');
    t.after(() => store.stop());
    const revokes = new DurableRevokes(store);

    await assert.rejects(revokes.keep(['a']), /storing the durable revoke revoked-a/);
    await assert.rejects(revokes.has('a'), /reading the durable revoke revoked-a/);
  });

  it('go to the store a thousand at a time', async () => {
    const kept: string[] = [];
    let now = 0;
    let most = 0;
    const store = {
      name: 'made',
      async storeGroup(id: string) {
        most = Math.max(most, ++now);
        await new Promise(setImmediate);
        now--;
        kept.push(id);
      },
    } as unknown as ResultBackend;
    const ids = Array.from({ length: 2500 }, (_, i) => `id-${i}`);

    await new DurableRevokes(store).keep(ids);

    assert.deepEqual([kept.length, most], [2500, 1000]);
  });

  it('are refused by stores that nobody else can read', async () => {
    const rpc = { name: 'rpc', url: 'rpc://', onlyForSender: true } as ResultBackend;
    for (const backend of [await open('disabled://'), rpc]) {
      assert.throws(() => new DurableRevokes(backend), {
        code: 'IMPROPERLY_CONFIGURED',
        message: `task_durable_revokes needs a result_backend that every node can read; ${backend.url} is none.`,
      });
    }
  });
});
