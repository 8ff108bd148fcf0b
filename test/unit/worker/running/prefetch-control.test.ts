import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PrefetchOptions } from '../../../../src/worker/running/prefetch.ts';
import { PrefetchControl } from '../../../../src/worker/running/prefetch-control.ts';

/** A worker with two places and a link that notes the counts. */
function setup(options: Partial<PrefetchOptions> = {}) {
  const counts: number[] = [];
  const dispatcher = { mostPlaces: 2, free: 2, lateRunning: 0, onTheWay: 0 };
  const ports = { dispatcher, link: { setPrefetch: (n: number) => void counts.push(n) } };
  const control = new PrefetchControl({
    ...{ multiplier: 4, etaLimit: null, onlyFree: false },
    ...options,
  });
  return { control, counts, ports, dispatcher };
}

describe('the prefetch count of a worker', () => {
  test('is told to the broker as soon as there is a link', () => {
    const { control, counts, ports } = setup();
    control.scheduled = 3;
    assert.deepEqual(counts, []);

    control.attach(ports);

    assert.deepEqual(counts, [8 + 3]);
  });

  test('follows the number of messages that wait for their time', () => {
    const { control, counts, ports } = setup();
    control.attach(ports);

    control.scheduled = 1;
    control.scheduled = 0;

    assert.deepEqual(counts, [8, 9, 8]);
  });

  test('makes up for messages of unknown tasks beside them', () => {
    const { control, counts, ports } = setup();
    control.attach(ports);

    control.scheduled = 2;
    control.unknown = 5;
    control.scheduled = 0;

    assert.deepEqual(counts, [8, 10, 15, 13]);
  });

  test('follows the pool and what it runs when it is adjusted', () => {
    const { control, counts, ports, dispatcher } = setup({ onlyFree: true });
    control.attach(ports);

    Object.assign(dispatcher, { free: 0, lateRunning: 1 });
    control.adjust();
    Object.assign(dispatcher, { mostPlaces: 5, free: 3 });
    control.adjust();

    assert.deepEqual(counts, [2, 1, 4]);
  });
});

describe('the number of requests that may wait in a worker', () => {
  test('is the multiplier for each place, and none before there is a pool', () => {
    const { control, ports } = setup();
    assert.equal(control.mostWaiting, 0);

    control.attach(ports);

    assert.equal(control.mostWaiting, 8);
  });
});
