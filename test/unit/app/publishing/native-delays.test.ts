import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NativeDelays } from '../../../../src/app/publishing/native-delays.ts';
import { ChannelError } from '../../../../src/drivers/errors.ts';
import { Celery } from '../../../../src/index.ts';
import type { Transport } from '../../../../src/messaging/contract.ts';
import { exchange, type Queue, queue } from '../../../../src/messaging/entities.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';

const quorum = (name: string, type: 'topic' | 'direct' = 'topic') =>
  queue(name, { exchange: exchange(name, type), queueArguments: { 'x-queue-type': 'quorum' } });

interface Made {
  readonly queues?: readonly Queue[];
  readonly settings?: Record<string, unknown>;
  /** What the broker answers to a setup. */
  readonly refuse?: () => Error | undefined;
}

function setup({ queues = [quorum('jobs')], settings = {}, refuse }: Made = {}) {
  const app = new Celery('proj', { task_queues: queues, ...settings });
  const warnings: string[] = [];
  const setups: unknown[] = [];
  const transport = {
    setUpDelayedDelivery: async (found: readonly Queue[], options: unknown) => {
      setups.push([found.map(({ name }) => name), options]);
      const error = refuse?.();
      if (error) throw error;
    },
  } as unknown as Transport;
  const delays = new NativeDelays({
    conf: app.conf,
    queues: () => app.queues,
    clock: () => new FakeClock(1000),
    warn: message => warnings.push(message),
  });
  const delay = (eta: number | string, target: Queue | undefined = queues[0]) =>
    delays.delay(
      transport,
      { queue: target, exchange: target?.exchange ?? exchange('x', 'fanout') },
      eta,
    );
  return { delays, transport, warnings, setups, delay };
}

describe('a broker that can delay messages', () => {
  it('does so when a quorum queue is among those of the app', () => {
    const { delays, transport } = setup({ queues: [queue('a'), quorum('b')] });
    assert.equal(delays.isActive(transport), true);
  });

  it('does not when there is none, or when nobody is to look for them', () => {
    for (const made of [
      { queues: [queue('a')] },
      { settings: { worker_detect_quorum_queues: false } },
    ]) {
      const { delays, transport } = setup(made);
      assert.equal(delays.isActive(transport), false);
    }
  });

  it('is one that has what it takes', async () => {
    const { delays, setups } = setup();
    const other = {} as Transport;

    assert.equal(delays.isActive(other), false);
    await delays.setUp(other, [quorum('jobs')]);

    assert.deepEqual(setups, []);
  });

  it('gives the queues of a worker what they need, of the type that was chosen', async () => {
    const { delays, transport, setups } = setup({
      settings: { broker_native_delayed_delivery_queue_type: 'classic' },
    });

    await delays.setUp(transport, [quorum('jobs'), queue('b')]);

    assert.deepEqual(setups, [[['jobs', 'b'], { queueType: 'classic' }]]);
  });
});

describe('a message with an ETA', () => {
  const etas: readonly (readonly [string, number | string, number | undefined])[] = [
    ['in a minute', 1060, 60],
    ['in a minute and a bit', 1060.9, 60],
    ['in a second', 1001, 1],
    ['in less than a second', 1000.99, undefined],
    ['now', 1000, undefined],
    ['long ago', 10, undefined],
    ['in a minute, as text', '1970-01-01T00:17:40+00:00', 60],
    ['in a minute, in another zone', '1970-01-01T02:17:40+02:00', 60],
  ];
  for (const [what, eta, seconds] of etas) {
    it(`${what} is kept for ${seconds ?? 'no'} seconds`, async () => {
      assert.equal(await setup().delay(eta), seconds);
    });
  }

  it('brings about what its queue needs, only if that is missing', async () => {
    const { delay, setups } = setup();

    await delay(1060);

    assert.deepEqual(setups, [[['jobs'], { queueType: 'quorum', ifMissing: true }]]);
  });

  it('for a direct exchange waits with the workers, and that is told once a queue', async () => {
    const queues = [quorum('a', 'direct'), quorum('b', 'direct')];
    const { delay, warnings, setups } = setup({ queues });

    for (const each of [queues[0], queues[0], queues[1]]) {
      assert.equal(await delay(1060, each), undefined);
    }

    assert.equal(warnings.length, 2);
    assert.match(warnings[0]!, /those with an ETA for queue "a", which has a direct exchange/);
    assert.deepEqual(setups, []);
  });

  it('for a broadcast of others is not ours to delay', async () => {
    const { delays, transport, setups } = setup();
    const target = { queue: undefined, exchange: exchange('news', 'fanout') };

    assert.equal(await delays.delay(transport, target, 1060), undefined);

    assert.deepEqual(setups, []);
  });

  it('for an exchange without a queue that is known binds none', async () => {
    const { delays, transport, setups } = setup();
    const target = { queue: undefined, exchange: exchange('news', 'topic') };

    assert.equal(await delays.delay(transport, target, 1060), 60);

    assert.deepEqual(setups, [[[], { queueType: 'quorum', ifMissing: true }]]);
  });

  it('waits with the workers when the broker refuses, and that is told once', async () => {
    const { delay, warnings } = setup({ refuse: () => new ChannelError('no exchange for you') });

    assert.equal(await delay(1060), undefined);
    assert.equal(await delay(1070), undefined);

    assert.deepEqual(warnings, ['Messages with an ETA wait with the workers: no exchange for you']);
  });

  it('is kept again when the broker has thought better of it', async () => {
    let isRefused = true;
    const refuse = () => (isRefused ? new ChannelError('not yet') : undefined);
    const { delay } = setup({ refuse });
    assert.equal(await delay(1060), undefined);

    isRefused = false;

    assert.equal(await delay(1060), 60);
  });

  it('is not sent when the connection is gone', async () => {
    const { delay, warnings } = setup({ refuse: () => new Error('connection lost') });

    await assert.rejects(delay(1060), /connection lost/);

    assert.deepEqual(warnings, []);
  });

  it('is warned of for ever new queues within bounds', async () => {
    const { delays, transport, warnings } = setup();
    const send = (n: number) =>
      delays.delay(transport, { queue: undefined, exchange: exchange(`e${n}`) }, 1060);
    for (let n = 0; n < 1000; n++) await send(n);
    await send(0);
    assert.equal(warnings.length, 1000);

    await send(1000);
    await send(0);

    assert.equal(warnings.length, 1002);
  });
});
