import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import { RateLimits } from '../../../../src/worker/intake/rate-limits.ts';
import { definitionOf, requestFor } from '../made-requests.ts';

function setup() {
  const clock = new FakeClock(0);
  const released: string[] = [];
  const limits = new RateLimits(clock, ({ id, state }, isLate) => {
    released.push(`${id} ${state}${isLate ? ', late' : ''}`);
  });
  /** A request of a task with this limit; each task has one limit. */
  const request = (id: string, rateLimit: string | null = '1/m', task = 't.add') =>
    requestFor({ id, task }, rateLimit === null ? {} : { rateLimit }).request;
  return { clock, released, limits, request };
}

describe('the rate limits of a worker', () => {
  test('let a task without limit pass untouched', () => {
    const { limits, request, released } = setup();
    const free = request('1', null);

    assert.equal(limits.hold(free, false), false);

    assert.deepEqual([released, free.state], [[], 'reserved']);
  });

  test('let a task with the limit 0 pass', () => {
    const { limits, request } = setup();

    assert.equal(limits.hold(request('1', '0'), false), false);
  });

  test('release the first at once and the next one when its time comes', () => {
    const { clock, limits, request, released } = setup();
    const second = request('2');

    assert.equal(limits.hold(request('1'), false), true);
    assert.equal(limits.hold(second, false), true);
    assert.deepEqual([released, second.state], [['1 reserved'], 'limited']);
    clock.advance(60);

    assert.deepEqual(released, ['1 reserved', '2 reserved, late']);
  });

  test('hold each task by itself', () => {
    const { limits, request, released } = setup();

    for (const id of ['1', '2']) limits.hold(request(id), false);
    limits.hold(request('3', '1/h', 't.other'), false);

    assert.deepEqual(released, ['1 reserved', '3 reserved']);
  });

  test('say which tasks may have to wait', () => {
    const { limits } = setup();
    limits.set('t.set', '1/s');

    assert.equal(limits.limits(definitionOf('t.add', { rateLimit: '1/m' })), true);
    assert.equal(limits.limits(definitionOf('t.set')), true);
    assert.equal(limits.limits(definitionOf('t.free')), false);
  });
});

describe('a rate limit that is set while the worker runs', () => {
  test('holds for a task that had none', () => {
    const { limits, request, released } = setup();
    limits.set('t.add', '1/m');

    for (const id of ['1', '2']) assert.equal(limits.hold(request(id, null), false), true);

    assert.deepEqual(released, ['1 reserved']);
  });

  test('is the pace of those that wait already', () => {
    const { clock, limits, request, released } = setup();
    for (const id of ['1', '2']) limits.hold(request(id, '1/h'), false);

    limits.set('t.add', '1/s');
    clock.advance(1);

    assert.deepEqual(released, ['1 reserved', '2 reserved, late']);
  });

  for (const none of [null, 0, '0/m']) {
    test(`to ${none} releases all that wait, and holds nobody any more`, () => {
      const { limits, request, released } = setup();
      for (const id of ['1', '2', '3']) limits.hold(request(id, '1/h'), false);

      limits.set('t.add', none);

      assert.deepEqual(released, ['1 reserved', '2 reserved, late', '3 reserved, late']);
      assert.equal(limits.hold(request('4', '1/h'), false), false);
    });
  }

  test('changes nothing when it is no rate', () => {
    const { limits, request } = setup();

    assert.throws(() => limits.set('t.add', 'fast'), /^RangeError: Invalid rate limit string/);

    assert.equal(limits.hold(request('1', null), false), false);
  });
});

describe('requests that are withdrawn from rate limits', () => {
  test('are released no more, and hold nobody up', () => {
    const { clock, limits, request, released } = setup();
    for (const id of ['1', '2', '3']) limits.hold(request(id), false);
    limits.hold(request('4', '1/h', 't.other'), false);

    const withdrawn = limits.withdraw(({ id }) => id === '2' || id === '4');
    clock.advance(60);

    assert.deepEqual(
      withdrawn.map(({ id }) => id),
      ['2'],
    );
    assert.deepEqual(released, ['1 reserved', '4 reserved', '3 reserved, late']);
  });
});

describe('rate limits that are cleared', () => {
  test('give back what waits, of all tasks, and release nothing of it later', () => {
    const { clock, limits, request, released } = setup();
    for (const id of ['1', '2']) limits.hold(request(id), false);
    for (const id of ['3', '4']) limits.hold(request(id, '1/h', 't.other'), false);

    const waiting = limits.clear().map(({ id }) => id);
    clock.advance(4000);

    assert.deepEqual(waiting, ['2', '4']);
    assert.deepEqual(released, ['1 reserved', '3 reserved']);
  });
});
