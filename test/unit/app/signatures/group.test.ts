import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chain, chord, GroupResult, group } from '../../../../src/index.ts';
import { madeSums, resultOf, WAIT } from './made-sums.ts';

describe('a group', () => {
  test('gives the results of its members in their order, however it is written', async t => {
    const { add, double } = await madeSums(t, { worker: true });

    const result = await group(add.s(1, 2), double.s(5)).delay();
    assert.ok(result instanceof GroupResult);
    assert.deepEqual(await result.get(WAIT), [3, 10]);
    assert.deepEqual(await resultOf(group([add.s(2, 2), add.s(4, 4)])), [4, 8]);
    const numbers = function* () {
      for (let i = 0; i < 5; i++) yield double.s(i);
    };
    assert.deepEqual(await resultOf(group(numbers())), [0, 2, 4, 6, 8]);
    assert.deepEqual(await resultOf(group(new Set([add.s(1, 1)]))), [2]);
    assert.deepEqual(await resultOf(group(group(add.s(1, 1), add.s(2, 2)))), [2, 4]);
  });

  test('takes members that come asynchronously', async t => {
    const { double } = await madeSums(t, { worker: true });
    const rows = async function* () {
      yield double.s(1);
      yield double.s(2);
    };

    assert.deepEqual(await resultOf(group(rows())), [2, 4]);
    assert.throws(() => JSON.stringify(group(rows())), /come asynchronously/);
  });

  test('hands the arguments of the call to each member that takes some', async t => {
    const { add, double } = await madeSums(t, { worker: true });

    const members = group(add.s(10), double.s(), add.si(1, 1));

    assert.deepEqual(await (await members.delay(5)).get(WAIT), [15, 10, 2]);
  });

  test('without members is over at once, and nothing is sent', async t => {
    const { testApp, sum } = await madeSums(t, { worker: true });

    for (const empty of [group(), group([]), group(new Set<never>())]) {
      const result = await empty.delay();
      assert.ok(result instanceof GroupResult);
      assert.equal(result.length, 0);
      assert.equal(await result.ready(), true);
      assert.deepEqual(await result.get(WAIT), []);
    }
    assert.equal(testApp.sent.length, 0);
    assert.equal(await resultOf(chain(group<readonly []>([]), sum.s())), 0);
  });

  test('gives its options to each member, and can be put in the place of a step', async t => {
    const { add, testApp } = await madeSums(t);

    await group(add.s(1, 2), add.s(3, 4)).set({ priority: 3 }).applyAsync([], { shadow: 'shown' });

    const sent = testApp.sent.map(({ headers, properties }) => [
      headers.shadow,
      (properties as { priority?: number }).priority,
      headers.group_index,
    ]);
    assert.deepEqual(sent, [
      ['shown', 3, 0],
      ['shown', 3, 1],
    ]);
    assert.equal(new Set(testApp.sent.map(({ headers }) => headers.group)).size, 1);
  });

  test('may have countdowns that grow from member to member', async t => {
    const { double } = await madeSums(t);
    const countdowns = (options?: Parameters<ReturnType<typeof group>['skew']>[0]) =>
      (
        group([1, 2, 3, 4].map(i => double.s(i)))
          .skew(options)
          .toJSON().kwargs.tasks as {
          options: { countdown: number };
        }[]
      ).map(({ options }) => options.countdown);

    assert.deepEqual(countdowns(), [1, 2, 3, 4]);
    assert.deepEqual(countdowns({ start: 10, stop: 15, step: 2 }), [10, 12, 14, 14]);
    assert.throws(() => countdowns({ stopp: 3 } as never), /stopp.*stop/s);
  });

  test('cannot be linked by an option, which would not say to what', async t => {
    const { add } = await madeSums(t);

    await assert.rejects(
      group(add.s(1, 2), add.s(3, 4)).applyAsync([], { link: add.s(1) }),
      /group cannot be called with the option link.*chord\(group, call\)/s,
    );
    await assert.rejects(group(add.s(1, 2)).apply([], { linkError: add.s(1) }), /linkError/);
  });

  test('has callbacks after its first member, and errbacks after each', async t => {
    const { add, broken, hear, heard } = await madeSums(t, { worker: true });
    const linked = group(add.s(1, 2), broken.s(3), broken.s(4))
      .link(hear.s('first'))
      .linkError(hear.s('failed'));

    await (await linked.delay()).get({ ...WAIT, propagate: false });
    await resultOf(add.s(0, 0));

    const failures = heard.filter(args => (args as unknown[]).includes('failed'));
    assert.equal(failures.length, 2);
    assert.deepEqual(heard.filter(args => (args as unknown[])[0] === 'first').length, 1);
  });

  test('is Celery\u2019s dictionary, and shows as Celery shows it', async t => {
    const { add, double } = await madeSums(t);
    const numbers = function* () {
      yield double.s(1);
    };

    assert.equal(String(group(add.s(2, 2), add.s(4, 4))), 'group([sums.add(2, 2), add(4, 4)])');
    assert.deepEqual(JSON.parse(JSON.stringify(group(numbers()))), {
      task: 'celery.group',
      args: [],
      kwargs: { tasks: [JSON.parse(JSON.stringify(double.s(1)))] },
      options: {},
      subtask_type: 'group',
      immutable: false,
    });
    const unread = numbers();
    assert.equal(String(group(unread)), 'group(<generator>)');
    assert.equal([...unread].length, 1);
  });

  test('refuses what is no signature, and says where', async t => {
    const { add } = await madeSums(t);
    const wrong = function* () {
      yield add.s(1, 2);
      yield 7;
    };

    assert.throws(() => group(add.s(1, 2), add as never), /a function \(sums\.add\) as member 2/);
    assert.throws(() => group([{ task: 'x' } as never]), /member 1/);
    await assert.rejects(
      group(wrong() as unknown as ReturnType<typeof add.si>[]).delay(),
      /got 7 as member 2/,
    );
  });
});

describe('a group of a generator', () => {
  test('is read while it is sent, not before', async t => {
    const { double } = await madeSums(t);
    let read = 0;
    const numbers = function* () {
      for (; read < 3500; read++) yield double.s(read);
    };

    const members = group(numbers());
    assert.equal(read, 0);
    const result = await members.delay();

    assert.equal(result.length, 3500);
    await assert.rejects(members.delay(), /generator of this group was read/);
  });

  test('keeps nothing of members whose results are ignored', async t => {
    const { double, testApp } = await madeSums(t);
    const numbers = function* () {
      for (let i = 0; i < 2500; i++) yield double.s(i);
    };

    const result = await group(numbers()).applyAsync([], { ignoreResult: true });

    assert.equal(testApp.sent.length, 2500);
    assert.deepEqual(
      testApp.sent.map(({ headers }) => headers.group_index),
      [...Array(2500).keys()],
    );
    assert.equal(result.length, 0);
    assert.equal(testApp.sent[0]!.headers.group, result.id);
  });

  test('can be applied again when it can be iterated again', async t => {
    const { double, testApp } = await madeSums(t);
    const numbers = {
      *[Symbol.iterator]() {
        for (let i = 0; i < 1500; i++) yield double.s(i);
      },
    };
    const members = group(numbers).set({ ignoreResult: true });

    await members.delay();
    await members.delay();

    assert.equal(testApp.sent.length, 3000);
  });

  test('is the header of a chord of any size', async t => {
    const { double, sum, app } = await madeSums(t, { worker: true });
    let read = 0;
    const numbers = function* () {
      for (; read < 2100; read++) yield double.s(read);
    };

    const whole = group(numbers()).pipe(sum.s());
    assert.equal(read, 0);
    const result = await whole.delay();

    assert.equal(await result.get({ timeout: 30 }), 2100 * 2099);
    assert.equal((result.parent as GroupResult).length, 0);
    assert.equal(await app.AsyncResult(result.id).get(WAIT), 2100 * 2099);
    const small = chord([1, 2, 3].map(i => double.s(i)).values(), sum.s());
    assert.equal(await resultOf(small), 12);
  });

  test('of parts that end in groups has to be a list when it is the header of a chord', async t => {
    const { double, hear } = await madeSums(t);
    const parts = function* () {
      for (let i = 0; i < 1500; i++) yield chain(double.s(i), group(double.s(), double.s()));
    };

    await assert.rejects(chord(parts(), hear.s()).delay(), /give it as a list/);
  });
});
