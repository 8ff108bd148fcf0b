import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Celery } from '../../../../src/index.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import type { WorkerParts } from '../../../../src/worker/assembly.ts';
import { POOL_HANDLERS } from '../../../../src/worker/control/pool.ts';
import { Autoscaler } from '../../../../src/worker/running/autoscaler.ts';
import { runningPool, turn } from '../../pool/parent/made-children.ts';
import { notedLog } from '../made-requests.ts';

async function setup({
  concurrency = 2,
  bounds = undefined as { max: number; min: number } | undefined,
  restarts = true,
} = {}) {
  const made = await runningPool({ concurrency });
  const { logger, lines } = notedLog();
  const app = new Celery('c', { worker_pool_restarts: restarts });
  const autoscaler =
    bounds &&
    new Autoscaler(bounds, 30, {
      clock: new FakeClock(0),
      logger,
      pool: made.pool,
      slots: 1,
      reserved: () => 0,
      onMost: () => {},
    });
  const prefetch = { adjust: () => {} };
  const worker = { app, autoscaler, logger, pool: made.pool, prefetch } as unknown as WorkerParts;
  const ask = async (command: keyof typeof POOL_HANDLERS, args: Record<string, unknown> = {}) =>
    POOL_HANDLERS[command](worker, args);
  return { ...made, ask, lines };
}

describe('the commands pool_grow and pool_shrink', () => {
  it('add and take places, one when nobody says how many', async () => {
    const { ask, pool } = await setup();

    assert.deepEqual(await ask('pool_grow', { n: 3 }), { ok: 'pool will grow' });
    assert.equal(pool.size, 5);
    assert.deepEqual(await ask('pool_shrink'), { ok: 'pool will shrink' });
    assert.deepEqual(await ask('pool_shrink', { n: null }), { ok: 'pool will shrink' });
  });

  const wrong: readonly (readonly [unknown, RegExp])[] = [
    ['two', /n must be a whole number, got "two"/],
    [1.5, /n must be a whole number, got 1.5/],
    [-1, /n must be a whole number, got -1/],
    [[2], /n must be a whole number, got \[2\]/],
    [true, /n must be a whole number, got true/],
    [0, /whole number of at least 1, not 0/],
    [1001, /n must be at most 1000, got 1001/],
    [1e9, /n must be at most 1000/],
    [1e20, /n must be a whole number, got 100000000000000000000/],
  ];
  for (const [n, message] of wrong) {
    it(`refuse ${JSON.stringify(n)} of them`, async () => {
      const { ask, pool } = await setup();

      await assert.rejects(ask('pool_grow', { n }), message);
      await assert.rejects(ask('pool_shrink', { n }), message);

      assert.equal(pool.size, 2);
    });
  }

  it('grow the pool to a thousand children, however often they are asked', async () => {
    const { ask, pool } = await setup();
    for (let n = 0; n < 9; n++) await ask('pool_grow', { n: 100 });

    await assert.rejects(ask('pool_grow', { n: 100 }), {
      name: 'RangeError',
      message: 'A pool has at most 1000 children: this one has 902 and cannot get 100 more.',
    });

    assert.equal(pool.size, 902);
    assert.deepEqual(await ask('pool_grow', { n: 98 }), { ok: 'pool will grow' });
    await assert.rejects(ask('pool_grow', { n: 1 }), /has 1000 and cannot get 1 more/);
  });

  it('are for pools whose number of children is constant', async () => {
    const { ask, pool } = await setup({ bounds: { max: 4, min: 1 } });
    for (const command of ['pool_grow', 'pool_shrink'] as const) {
      assert.deepEqual(await ask(command, { n: 1 }), {
        error: `${command} is not supported with autoscale. Adjust autoscale range instead.`,
      });
    }
    assert.equal(pool.size, 2);
  });
});

describe('the command autoscale', () => {
  const rows: readonly (readonly [Record<string, unknown>, string])[] = [
    [{ max: 9, min: 3 }, 'autoscale now max=9 min=3'],
    [{ max: 9 }, 'autoscale now max=9 min=1'],
    [{ min: 4 }, 'autoscale now max=4 min=4'],
    [{ max: null, min: null }, 'autoscale now max=4 min=1'],
    [{}, 'autoscale now max=4 min=1'],
  ];
  for (const [args, text] of rows) {
    it(`with ${JSON.stringify(args)} leads to ${text.slice(14)}`, async () => {
      const { ask } = await setup({ bounds: { max: 4, min: 1 } });
      assert.deepEqual(await ask('autoscale', args), { ok: text });
    });
  }

  it('refuses what is no number, and numbers that would take the machine down', async () => {
    const { ask } = await setup({ bounds: { max: 4, min: 1 } });

    await assert.rejects(ask('autoscale', { max: 'many' }), /max must be a whole number/);
    await assert.rejects(ask('autoscale', { max: 1001 }), /max must be at most 1000, got 1001/);
    await assert.rejects(ask('autoscale', { min: -1 }), /min must be a whole number/);

    assert.deepEqual(await ask('autoscale'), { ok: 'autoscale now max=4 min=1' });
  });

  it('is an error where the number is constant', async () => {
    const { ask } = await setup();
    assert.deepEqual(await ask('autoscale', { max: 3 }), {
      error: "ValueError('Autoscale not enabled')",
    });
  });
});

describe('the command pool_restart', () => {
  it('answers at once, and replaces the children one by one', async () => {
    const { ask, child, pool } = await setup({ concurrency: 1 });

    assert.deepEqual(await ask('pool_restart'), { ok: 'reload started' });
    await turn();
    child(2).isReady();
    await turn();

    assert.deepEqual(pool.pids, [102]);
  });

  it('tells the log when the new code does not load', async () => {
    const { ask, child, lines } = await setup({ concurrency: 1 });
    await ask('pool_restart');
    await turn();

    child(2).says({ type: 'broken', message: 'SyntaxError: x', stack: '' });
    child(2).exits({ exitCode: 1 });
    await turn();

    assert.deepEqual(lines, [
      'info: Pool restart requested by remote.',
      'error: The pool could not be restarted: Could not restart: SyntaxError: x',
    ]);
  });

  it('is off unless a setting allows it', async () => {
    const { ask, launcher } = await setup({ restarts: false });

    assert.deepEqual(await ask('pool_restart'), {
      error: "ValueError('Pool restarts not enabled')",
    });

    assert.equal(launcher.children.length, 2);
  });
});
