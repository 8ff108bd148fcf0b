import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PoolVitals } from '../../../../../src/pool/contract.ts';
import { FakeClock } from '../../../../../src/testing/fake-clock.ts';
import type { LinkState } from '../../../../../src/worker/broker-link.ts';
import { healthPages, metricsPage } from '../../../../../src/worker/steps/health/pages.ts';
import { WorkerHealth } from '../../../../../src/worker/steps/health/worker-health.ts';

function setup() {
  const vitals: { -readonly [K in keyof PoolVitals]: PoolVitals[K] } = {
    ...{ wanted: 2, ready: 2, blocked: 0, launched: 2, lost: 0 },
  };
  const link: { state: LinkState; queues: string[]; missing: string[] } = {
    ...{ state: 'consuming', queues: ['celery'], missing: [] },
  };
  const transport = { connected: true };
  const clock = new FakeClock(0);
  const pool = { vitals: () => vitals };
  return {
    vitals,
    link,
    transport,
    clock,
    health: new WorkerHealth({ pool, link, transport }, 60, clock),
  };
}

describe('a worker is ready', () => {
  test('when it is connected, consumes, and a child takes tasks', () => {
    assert.equal(setup().health.whyNotReady(), undefined);
  });

  test('and not otherwise', () => {
    const why = (change: (given: ReturnType<typeof setup>) => void) => {
      const given = setup();
      change(given);
      return given.health.whyNotReady();
    };
    const state = (name: LinkState) => why(({ link }) => Object.assign(link, { state: name }));

    assert.equal(state('starting'), 'it does not consume yet');
    assert.equal(state('lost'), 'the connection to the broker is lost');
    assert.equal(state('stopping'), 'it is stopping');
    assert.equal(
      why(({ transport }) => Object.assign(transport, { connected: false })),
      'the connection to the broker is lost',
    );
    assert.equal(
      why(({ link }) => Object.assign(link, { queues: [] })),
      'no queue is consumed',
    );
    assert.equal(
      why(({ link }) => Object.assign(link, { missing: ['a'] })),
      'queue "a" is not consumed',
    );
    assert.equal(
      why(({ link }) => Object.assign(link, { missing: ['a', 'b', 'c'] })),
      'queue "a" and 2 others are not consumed',
    );
    assert.equal(
      why(({ vitals }) => Object.assign(vitals, { ready: 0 })),
      'no child of the pool is ready',
    );
  });

  test('without children in a pool that has none, and with children that are busy', () => {
    const { vitals, health } = setup();
    Object.assign(vitals, { ready: 1, blocked: 1 });
    assert.equal(health.whyNotReady(), undefined);
    Object.assign(vitals, { wanted: 0, ready: 0, blocked: 0 });
    assert.equal(health.whyNotReady(), undefined);
  });
});

describe('a worker is live', () => {
  test('whatever the broker does', () => {
    const { link, transport, health } = setup();
    Object.assign(link, { state: 'lost' });
    transport.connected = false;

    assert.equal(health.whyNotLive(), undefined);
  });

  test('until none of its children has been ready for long', () => {
    const { vitals, clock, health } = setup();
    vitals.ready = 0;
    assert.equal(health.whyNotLive(), undefined);
    clock.advance(60);
    assert.equal(health.whyNotLive(), undefined);
    clock.advance(1);

    assert.equal(health.whyNotLive(), 'no child of the pool has been ready for 61 s');
    assert.equal(health.whyNotReady(), 'no child of the pool has been ready for 61 s');

    vitals.ready = 1;
    assert.equal(health.whyNotLive(), undefined);
    vitals.ready = 0;
    assert.equal(health.whyNotLive(), undefined);
  });

  test('while it stops, when children go one after the other', () => {
    const { vitals, link, clock, health } = setup();
    Object.assign(link, { state: 'stopping' });
    vitals.ready = 0;
    health.whyNotLive();
    clock.advance(1000);

    assert.equal(health.whyNotLive(), undefined);
  });
});

describe('the pages of a worker', () => {
  test('are 200 or 503, with the reason', () => {
    const { link, health } = setup();
    const pages = new Map(healthPages(health));
    const seen = () =>
      ['/live', '/ready'].map(path => {
        const { status, body } = pages.get(path)!();
        return [status, String(body)];
      });

    assert.deepEqual(seen(), [
      [200, 'live\n'],
      [200, 'ready\n'],
    ]);
    link.state = 'lost';
    assert.deepEqual(seen(), [
      [200, 'live\n'],
      [503, 'not ready: the connection to the broker is lost\n'],
    ]);
  });

  test('of metrics are made twice a second at most', () => {
    const clock = new FakeClock(0);
    let made = 0;
    const samples = () => [{ value: ++made }];
    const [path, page] = metricsPage(
      () => [{ name: 'made', type: 'gauge', help: 'Made.', samples: samples() }],
      clock,
    );
    const read = () => Number(/made (\d+)\n$/.exec(String(page().body))?.[1]);

    assert.equal(path, '/metrics');
    assert.deepEqual([read(), read(), read()], [1, 1, 1]);
    clock.advance(0.6);
    assert.deepEqual([read(), read()], [2, 2]);
  });
});
