import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { arm, type Bounds, bounded } from '../../../src/backends/bounded.ts';
import { Closing } from '../../../src/base/closing.ts';
import { deferred } from '../../../src/base/deferred.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';

describe('a wait with bounds', () => {
  const never = () => new Promise<never>(() => {});
  const wait = (
    bounds: Bounds = {},
    closing = new Closing(),
    work: () => Promise<unknown> = never,
  ) => bounded(work, bounds, closing);

  test('gives what is waited for, or its error', async () => {
    assert.equal(await wait({ timeout: 5 }, new Closing(), async () => 7), 7);
    const fails = async () => {
      throw new RangeError('mine');
    };
    await assert.rejects(wait({ timeout: 5 }, new Closing(), fails), /^RangeError: mine/);
  });

  test('ends with its time, in the words of Celery', async () => {
    await assert.rejects(wait({ timeout: 0.001 }), {
      name: 'TimeoutError',
      message: 'The operation timed out.',
    });
  });

  test('ends with the reason of a signal', async () => {
    const controller = new AbortController();
    const waiting = wait({ signal: controller.signal });

    controller.abort(new RangeError('enough'));

    await assert.rejects(waiting, /^RangeError: enough/);
  });

  test('ends when it is closed, with the error that it is closed with', async () => {
    const closing = new Closing();
    const waiting = wait({}, closing);

    closing.close(new RangeError('closed'));

    await assert.rejects(waiting, /^RangeError: closed/);
  });

  test('does not begin when it has ended already', async () => {
    let begun = 0;
    const work = async () => void begun++;
    const closed = new Closing();
    closed.close(new RangeError('closed'));

    await assert.rejects(wait({ signal: AbortSignal.abort() }, new Closing(), work), {
      name: 'AbortError',
    });
    await assert.rejects(wait({}, closed, work), /^RangeError: closed/);

    assert.equal(begun, 0);
  });

  test('leaves work that goes on to itself, whatever becomes of it', async () => {
    const work = deferred();
    await assert.rejects(
      wait({ timeout: 0 }, new Closing(), () => work.promise),
      {
        name: 'TimeoutError',
      },
    );

    work.reject(new Error('nobody hears this'));
    await new Promise(setImmediate);
  });
});

describe('bounds that are armed', () => {
  function setup(bounds: Bounds, whose?: string) {
    const clock = new FakeClock(0);
    const closing = new Closing();
    const reasons: string[] = [];
    const disarm = arm(
      { ...bounds, closing, clock },
      reason => void reasons.push((reason as Error).message),
      whose === undefined ? undefined : () => whose,
    );
    return { clock, closing, reasons, disarm };
  }

  for (const timeout of [undefined, null, Number.POSITIVE_INFINITY]) {
    test(`need no timer for a wait of ${timeout}, which is for ever`, () => {
      assert.equal(setup({ timeout }).clock.pending, 0);
    });
  }

  test('say who was waited for, and how long', () => {
    const { clock, reasons } = setup({ timeout: 5 }, 'The task 1 was not ready');

    clock.advance(4.999);
    assert.deepEqual(reasons, []);
    clock.advance(0.001);

    assert.deepEqual(reasons, ['The operation timed out. The task 1 was not ready after 5 s.']);
  });

  test('leave neither timer nor listener when they are disarmed', () => {
    const controller = new AbortController();
    const { clock, closing, reasons, disarm } = setup({ timeout: 5, signal: controller.signal });

    disarm();
    disarm();
    controller.abort();
    closing.close(new Error('closed'));
    clock.advance(10);

    assert.deepEqual([reasons, clock.pending], [[], 0]);
  });
});
