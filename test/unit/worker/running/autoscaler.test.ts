import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AutoscaleLoad } from '../../../../src/index.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import {
  type AutoscaleRange,
  Autoscaler,
  decider,
  keepalive,
} from '../../../../src/worker/running/autoscaler.ts';

const KEEPALIVE = 30;

interface Given extends Partial<AutoscaleRange> {
  readonly slots?: number;
  readonly children?: number;
  readonly decide?: (load: AutoscaleLoad) => unknown;
}

/** A pool of children that do nothing, some of which are said to be busy. */
function setup(t: { after(fn: () => void): void }, given: Given = {}) {
  const { max = 4, min = 1, slots = 1 } = given;
  const clock = new FakeClock(0);
  const lines: string[] = [];
  const work = { reserved: 0, busy: 0, ending: 0, isUp: true };
  const pool = {
    size: (given.children ?? Math.max(min, 1)) * slots,
    async grow(n: number) {
      if (!work.isUp) throw new Error('A pool that is stopped cannot grow');
      pool.size += n * slots;
    },
    async shrink() {
      assert.fail('children that are busy must not be asked');
    },
    letGo(n: number, busy = false): number {
      const going = busy ? n : Math.min(n, pool.size / slots - work.busy);
      work.ending += Math.max(0, work.busy - (pool.size / slots - going));
      pool.size -= going * slots;
      return going;
    },
  };
  const most: number[] = [];
  const autoscaler = new Autoscaler({ max, min }, KEEPALIVE, {
    ...{ clock, pool, slots },
    logger: {
      isEnabledFor: () => true,
      log() {},
      debug: (text: string) => void lines.push(`debug: ${text}`),
      info: (text: string) => void lines.push(text),
      warning() {},
      error: (text: string) => void lines.push(`error: ${text}`),
      critical() {},
    },
    reserved: () => work.reserved,
    onMost: () => void most.push(autoscaler.mostPlaces),
    decide: given.decide,
  });
  t.after(() => void autoscaler.stop());
  const children = () => pool.size / slots;
  /** So many requests are here, the last of which has just come. */
  const come = (reserved: number) => {
    work.reserved = reserved;
    autoscaler.noteWaiting();
    return children();
  };
  /** So many are left, and as much time goes by. */
  const pass = (
    seconds: number,
    reserved = work.reserved,
    busy = Math.min(reserved, children()),
  ) => {
    Object.assign(work, { reserved, busy });
    clock.advance(seconds);
    return children();
  };
  return { autoscaler, clock, pool, work, lines, most, children, come, pass };
}

describe('a pool that follows its work', () => {
  test('has a child for each request at once, and no more than the maximum', async t => {
    const { autoscaler, come, lines } = setup(t);
    await autoscaler.start();

    assert.deepEqual([0, 1, 2, 3, 4, 5, 100].map(come), [1, 1, 2, 3, 4, 4, 4]);
    assert.deepEqual(lines, Array(3).fill('Scaling up 1 processes.'));
  });

  test('grows by all that a burst needs in one step', async t => {
    const { autoscaler, come, lines } = setup(t, { max: 10 });
    await autoscaler.start();

    assert.equal(come(7), 7);
    assert.deepEqual(lines, ['Scaling up 6 processes.']);
  });

  test('keeps its children until the last growth is longer ago than the keepalive', async t => {
    const { autoscaler, come, pass, lines } = setup(t);
    await autoscaler.start();
    pass(20);
    come(4);

    assert.equal(pass(10, 0), 4);
    assert.equal(pass(29.9), 4);
    assert.equal(pass(0.2), 1);
    assert.equal(lines.at(-1), 'Scaling down 3 processes.');
  });

  test('counts that time anew with each growth', async t => {
    const { autoscaler, come, pass } = setup(t);
    await autoscaler.start();
    come(3);
    pass(59, 3);
    come(4);

    assert.equal(pass(1, 0), 4);
    assert.equal(pass(29), 4);
    assert.equal(pass(1), 1);
  });

  test('keeps as many as are needed, and never fewer than the minimum', async t => {
    const { autoscaler, come, pass } = setup(t, { max: 8, min: 2 });
    await autoscaler.start();
    come(8);

    assert.equal(pass(60, 5), 5);
    assert.equal(pass(60, 1), 2);
    assert.equal(pass(600, 0), 2);
  });

  test('may have no child at all while nothing comes, and has one for the first request', async t => {
    const { autoscaler, children, come, pass } = setup(t, { max: 2, min: 0 });
    await autoscaler.start();
    assert.equal(children(), 1);

    assert.equal(pass(31), 1);
    assert.equal(pass(30), 0);
    assert.equal(come(1), 1);
  });

  test('takes no child that is busy', async t => {
    const { autoscaler, come, pass, lines } = setup(t);
    await autoscaler.start();
    come(4);

    assert.equal(pass(60, 0, 3), 3);
    assert.equal(lines.at(-1), "debug: Autoscaler won't scale down: all processes busy.");
    assert.equal(pass(30, 0, 0), 1);
  });

  test('grows when time passes, too, if it has to', async t => {
    const { autoscaler, pass } = setup(t);
    await autoscaler.start();

    assert.equal(pass(29, 3), 1);
    assert.equal(pass(1), 3);
  });

  test('does nothing before it starts and when it has stopped', async t => {
    const { autoscaler, clock, pass, children } = setup(t, { children: 3 });
    pass(100, 0);
    await autoscaler.start();
    await autoscaler.start();
    assert.equal(clock.pending, 1);

    await autoscaler.stop();
    await autoscaler.stop();
    pass(100, 0);

    assert.equal(children(), 3);
    assert.equal(clock.pending, 0);
  });

  test('says nothing of growth in a pool that has ended meanwhile', async t => {
    const { autoscaler, work, come, lines } = setup(t);
    await autoscaler.start();
    work.isUp = false;

    assert.equal(come(3), 1);
    await Promise.resolve();
    assert.deepEqual(lines, ['debug: Autoscaler: scale_up: A pool that is stopped cannot grow']);
  });
});

describe('children with several slots', () => {
  test('are as many as the requests need places', async t => {
    const { autoscaler, come, pass } = setup(t, { max: 3, slots: 10 });
    await autoscaler.start();

    assert.deepEqual([10, 11, 20, 21, 1000].map(come), [1, 2, 2, 3, 3]);
    assert.equal(pass(60, 12, 2), 2);
    assert.equal(autoscaler.mostPlaces, 30);
    assert.deepEqual(autoscaler.info(), { max: 3, min: 1, current: 2, qty: 12 });
  });
});

describe('other bounds', () => {
  test('below what there is take idle children at once', async t => {
    const { autoscaler, come, children, work, most } = setup(t, { max: 8 });
    await autoscaler.start();
    come(8);
    Object.assign(work, { reserved: 2, busy: 2 });

    assert.deepEqual(autoscaler.update({ max: 3 }), { max: 3, min: 1 });

    assert.equal(children(), 3);
    assert.deepEqual(most, [3]);
  });

  test('below what is busy let children go that end what they run, however much waits', async t => {
    const { autoscaler, come, children, work, lines } = setup(t, { max: 4 });
    await autoscaler.start();
    come(50);
    work.busy = 4;

    autoscaler.update({ max: 2 });

    assert.equal(children(), 2);
    assert.equal(work.ending, 2);
    assert.equal(lines.at(-1), 'Scaling down 2 processes.');
    assert.equal(come(51), 2);
  });

  test('above what there is add what waits for children, and the minimum in any case', async t => {
    const { autoscaler, come, children, work } = setup(t);
    await autoscaler.start();
    come(10);
    assert.equal(children(), 4);

    autoscaler.update({ max: 6 });
    assert.equal(children(), 6);

    work.reserved = 0;
    autoscaler.update({ max: 9, min: 8 });
    assert.equal(children(), 8);
  });

  test('stay where they are when they are left out', async t => {
    const { autoscaler } = setup(t, { max: 4, min: 2 });

    assert.deepEqual(autoscaler.update({}), { max: 4, min: 2 });
    assert.deepEqual(autoscaler.update({ min: 0 }), { max: 4, min: 0 });
    assert.deepEqual(autoscaler.update({ max: 1 }), { max: 1, min: 0 });
  });

  test('between which there is nothing are refused, and change nothing', async t => {
    const { autoscaler, most } = setup(t, { max: 4, min: 2 });

    assert.throws(() => autoscaler.update({ max: 1 }), {
      name: 'RangeError',
      message: 'min must not be above max, got max=1 min=2',
    });
    assert.throws(() => autoscaler.update({ min: 5 }), RangeError);
    assert.throws(() => autoscaler.update({ max: 0, min: 0 }), /max must be at least 1, got 0/);
    const { max, min } = autoscaler.info();
    assert.deepEqual([max, min], [4, 2]);
    assert.deepEqual(most, []);
  });
});

describe('worker_autoscaler', () => {
  test('says how many children there are, within the bounds', async t => {
    const seen: AutoscaleLoad[] = [];
    const decide = (load: AutoscaleLoad) => {
      seen.push(load);
      return load.reserved / 2;
    };
    const { autoscaler, come, pass } = setup(t, { max: 4, min: 1, decide });
    await autoscaler.start();

    assert.deepEqual([1, 3, 4, 7, 100].map(come), [1, 2, 2, 4, 4]);
    assert.deepEqual(seen[1], { reserved: 3, children: 1, max: 4, min: 1 });
    assert.equal(pass(60, 3, 0), 2);
    assert.equal(pass(60, 0, 0), 1);
  });

  test('may want as many as there may be', async t => {
    const { autoscaler, come } = setup(t, { decide: () => Number.POSITIVE_INFINITY });
    await autoscaler.start();

    assert.equal(come(1), 4);
  });

  for (const [wrong, decide, text] of [
    ['throws', () => assert.fail('no\u001b[31m idea'), 'no\\x1b[31m idea'],
    ['returns no number', () => '3', "it returned '3', which is no number"],
    ['returns nothing', () => {}, 'it returned None, which is no number'],
    ['returns NaN', () => Number.NaN, 'it returned nan, which is no number'],
  ] as const) {
    test(`that ${wrong} is logged once, and the pool follows its work`, async t => {
      const { autoscaler, come, lines } = setup(t, { decide });
      await autoscaler.start();

      assert.deepEqual([1, 2, 3].map(come), [1, 2, 3]);

      const errors = lines.filter(line => line.startsWith('error'));
      assert.deepEqual(errors, [`error: worker_autoscaler is not heeded: ${text}`]);
    });
  }

  test('is Celery’s own or a function', () => {
    const decide = () => 1;
    assert.equal(decider('celery.worker.autoscale:Autoscaler'), undefined);
    assert.equal(decider(null), undefined);
    assert.equal(decider(decide), decide);
    class Scaler {}
    for (const [setting, shown] of [
      ['proj.scale:Scaler', "'proj.scale:Scaler'"],
      [Scaler, 'the class Scaler'],
    ] as const) {
      assert.throws(() => decider(setting), {
        name: 'ImproperlyConfigured',
        message: `worker_autoscaler must be a function ({ reserved, children, max, min }) => number, or celery.worker.autoscale:Autoscaler, not ${shown}.`,
      });
    }
  });
});

describe('AUTOSCALE_KEEPALIVE', () => {
  const given = (text?: string) =>
    keepalive(text === undefined ? {} : { AUTOSCALE_KEEPALIVE: text });

  test('is 30 seconds unless it says something else', () => {
    assert.deepEqual(
      [given(), given(''), given('  '), given('0.5'), given(' 120 ')],
      [30, 30, 30, 0.5, 120],
    );
  });

  for (const text of ['0', '-1', 'soon', '30s', 'Infinity', 'NaN', '1e12']) {
    test(`is refused when it is ${text}`, () => {
      assert.throws(() => given(text), {
        name: 'ImproperlyConfigured',
        message: `The environment variable AUTOSCALE_KEEPALIVE must be a number of seconds above 0, not "${text}".`,
      });
    });
  }
});
