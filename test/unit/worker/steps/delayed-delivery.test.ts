import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Celery } from '../../../../src/index.ts';
import type { Transport } from '../../../../src/messaging/contract.ts';
import { queue } from '../../../../src/messaging/entities.ts';
import type { WorkerParts } from '../../../../src/worker/assembly.ts';
import { refuseAutoscale } from '../../../../src/worker/steps/check-autoscale.ts';
import { setUpDelays } from '../../../../src/worker/steps/delayed-delivery.ts';
import { notedLog } from '../made-requests.ts';

async function setUp(queueType: string, fails?: Error) {
  const jobs = queue('jobs', { queueArguments: { 'x-queue-type': queueType } });
  const app = new Celery('c', { task_queues: [jobs] });
  const { logger, lines } = notedLog();
  const setups: unknown[] = [];
  const transport = {
    setUpDelayedDelivery: async (queues: readonly { name: string }[]) => {
      if (fails) throw fails;
      setups.push(queues.map(({ name }) => name));
    },
  } as unknown as Transport;
  let insisted = 0;
  const link = {
    insist: (work: () => Promise<void>) => {
      insisted += 1;
      return work();
    },
  };
  await setUpDelays({ app, link, logger, queues: [jobs], transport } as unknown as WorkerParts);
  return { lines, setups, insisted };
}

describe('the delays of a broker', () => {
  it('are set up for the queues of a worker, however long the broker takes', async () => {
    assert.deepEqual(await setUp('quorum'), { lines: [], setups: [['jobs']], insisted: 1 });
  });

  it('are let be where no queue needs them', async () => {
    const { setups, lines } = await setUp('classic');
    assert.deepEqual([setups, lines], [[], []]);
  });

  it('that cannot be set up do not keep a worker from working', async () => {
    const { lines } = await setUp('quorum', new Error('access refused'));
    assert.deepEqual(lines, ['error: Native delayed delivery is not set up: access refused']);
  });
});

describe('a number of children that follows the work', () => {
  const range = { max: 4, min: 1 };
  const check = (settings: Record<string, unknown>) =>
    refuseAutoscale(new Celery('c', settings), range);

  for (const pool of ['prefork', 'threads']) {
    it(`is for the pool ${pool}`, () => check({ worker_pool: pool }));
  }

  it('is refused beyond a thousand children', () => {
    assert.throws(
      () => refuseAutoscale(new Celery('c', {}), { max: 1001, min: 1 }),
      /^ImproperlyConfigured: The max of autoscale must be at most 1000 .*, not 1001\./,
    );
  });

  for (const pool of ['solo', 'async']) {
    it(`is refused for the pool ${pool}, with what to do instead`, () => {
      assert.throws(
        () => check({ worker_pool: pool }),
        new RegExp(
          `autoscale \\(max=4, min=1\\) needs a pool with children, and the pool "${pool}" has none\\..*with concurrency`,
        ),
      );
    });
  }

  it('may be decided by a function, and not by a class or a name', () => {
    check({ worker_autoscaler: () => 1 });
    check({ worker_autoscaler: 'celery.worker.autoscale:Autoscaler' });

    const mustBe = /worker_autoscaler must be a function .* not the class Mine\./;
    assert.throws(() => check({ worker_autoscaler: class Mine {} }), mustBe);
    assert.throws(() => check({ worker_autoscaler: 'proj:Mine' }), /not 'proj:Mine'\./);
  });

  for (const [text, isRight] of [
    ['5', true],
    [' 0.5 ', true],
    ['', true],
    ['0', false],
    ['-1', false],
    ['soon', false],
    ['1e300', false],
  ] as const) {
    it(`${isRight ? 'takes' : 'refuses'} ${JSON.stringify(text)} as AUTOSCALE_KEEPALIVE`, t => {
      const before = process.env.AUTOSCALE_KEEPALIVE;
      t.after(() => {
        if (before === undefined) delete process.env.AUTOSCALE_KEEPALIVE;
        else process.env.AUTOSCALE_KEEPALIVE = before;
      });
      process.env.AUTOSCALE_KEEPALIVE = text;
      if (isRight) check({});
      else
        assert.throws(() => check({}), /AUTOSCALE_KEEPALIVE must be a number of seconds above 0/);
    });
  }
});
