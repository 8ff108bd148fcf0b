import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chain, chord, group, type Signature } from '../../../../src/index.ts';
import { madeSums, resultOf, WAIT } from './made-sums.ts';

const roundTrip = (value: unknown) => JSON.parse(JSON.stringify(value));

describe('map, starmap and chunks of a task', () => {
  test('are Celery\u2019s dictionaries, which take no arguments', async t => {
    const { add, double } = await madeSums(t);
    const inner = roundTrip(double.s());

    assert.deepEqual(roundTrip(double.map([1, 2])), {
      task: 'celery.map',
      args: [],
      kwargs: { task: inner, it: [1, 2] },
      options: {},
      subtask_type: 'xmap',
      immutable: true,
    });
    assert.equal(String(double.map([1, 2])), '[sums.double(x) for x in [1, 2]]');
    assert.equal(String(add.starmap([[1, 2]])), '[sums.add(*x) for x in [[1, 2]]]');
    assert.deepEqual(roundTrip(add.chunks([[1, 2]], 3)).kwargs, {
      ...{ task: roundTrip(add.s()), it: [[1, 2]], n: 3 },
    });
  });

  test('go where the task goes that they call', async t => {
    const { double, testApp } = await madeSums(t, {
      settings: { task_routes: { 'sums.double': 'doubles' } },
    });

    await double.map([1, 2]).delay();
    await double.starmap([[1]]).delay();

    assert.deepEqual(
      testApp.sent.map(({ task, routingKey }) => [task, routingKey]),
      [
        ['celery.map', 'doubles'],
        ['celery.starmap', 'doubles'],
      ],
    );
  });

  test('in chunks are one message for each chunk', async t => {
    const { add, testApp } = await madeSums(t);
    const pairs = [0, 1, 2, 3, 4].map(i => [i, i] as [number, number]);
    const chunks = add.chunks(pairs, 2);

    const result = await chunks.applyAsync([], { priority: 4 });
    await chunks.group().skew({ start: 1 }).delay();

    assert.equal(result.length, 3);
    assert.deepEqual(
      testApp.sent.map(({ task, kwargs }) => [task, (kwargs as { it: unknown }).it]),
      [0, 1].flatMap(() => [
        ['celery.starmap', pairs.slice(0, 2)],
        ['celery.starmap', pairs.slice(2, 4)],
        ['celery.starmap', pairs.slice(4)],
      ]),
    );
  });

  test('refuse what they cannot call', async t => {
    const { add, double } = await madeSums(t);

    assert.throws(() => double.map(7 as never), /What map takes must be a list.*got 7/);
    assert.throws(
      () => add.starmap([1] as never),
      /list of arguments for each call.*got 1 as item 1/,
    );
    assert.throws(() => add.chunks([[1, 2]], 0), /whole number from 1 on, got 0/);
    assert.throws(() => add.chunks([[1, 2]], 1.5), /got 1\.5/);
  });
});

describe('a signature', () => {
  test('can have its sections replaced, each as a whole', async t => {
    const { add } = await madeSums(t);
    const signature = add.signature([1, 2], { queue: 'slow', countdown: 3 });

    const replaced = signature.replace({ args: [3], options: { priority: 1 } });

    assert.deepEqual([replaced.args, replaced.options], [[3], { priority: 1 }]);
    assert.deepEqual(signature.replace({ kwargs: { y: 1 } }).kwargs, { y: 1 });
    assert.throws(() => signature.replace({ arg: [] } as never), /arg.*args/s);
    assert.throws(() => signature.replace({ options: { qeue: 'x' } as never }), /qeue.*queue/s);
  });

  test('is linked by onError as by linkError', async t => {
    const { add, hear } = await madeSums(t);

    assert.deepEqual(
      roundTrip(add.s(1).onError(hear.s())),
      roundTrip(add.s(1).linkError(hear.s())),
    );
  });

  test('tells all that is linked to it', async t => {
    const { add, double, hear } = await madeSums(t);
    const linked = add
      .s(1, 2)
      .link(double.s().link(hear.s('a')))
      .link(hear.s('b'));

    const names = linked.flattenLinks().map(String);

    assert.deepEqual(names, [
      'sums.add(1, 2)',
      'sums.double()',
      "sums.hear('a')",
      "sums.hear('b')",
    ]);
  });

  test('has its ids before it is sent when it is frozen', async t => {
    const { add, double, sum } = await madeSums(t, { worker: true });

    const one = add.s(1, 2).freeze({ taskId: 'chosen' });
    assert.equal(one.result.id, 'chosen');
    await one.signature.delay();
    assert.equal(await one.result.get(WAIT), 3);

    const { signature, result } = chain(add.s(1, 2), double.s()).freeze();
    const sent = await signature.delay();
    assert.equal(sent.id, result.id);
    assert.equal(await result.get(WAIT), 6);
    assert.equal(result.parent?.id, sent.parent?.id);

    const members = group(add.s(1, 2), double.s(2)).freeze();
    await members.signature.delay();
    assert.deepEqual(await members.result.get(WAIT), [3, 4]);
    const whole = chord([add.s(1, 2), double.s(2)], sum.s()).freeze();
    await whole.signature.delay();
    assert.equal(await whole.result.get(WAIT), 7);
  });

  test('of a chain or a chord gives its options to what it begins with', async t => {
    const { add, double, sum, testApp } = await madeSums(t);

    await chain(add.s(1, 2), double.s()).set({ priority: 2 }).delay();
    await chord([add.s(1, 2), double.s(1)], sum.s())
      .set({ priority: 7 })
      .delay();

    const priorities = testApp.sent.map(
      ({ properties }) => (properties as { priority?: number }).priority,
    );
    assert.deepEqual(priorities, [2, 7, 7]);
  });
});

describe('a signature from what was written down', () => {
  test('is the same again, of whatever kind', async t => {
    const { app, add, double, sum } = await madeSums(t);
    const kinds: Signature<never, unknown, never, unknown>[] = [
      add.signature([1], { queue: 'q', kwargs: { y: 2 } }),
      add.si(1, 2).link(double.s()).linkError(double.si(1)),
      chain(add.s(1, 2), group(double.s(), double.s()), sum.s()),
      group(add.s(1, 2), chain(add.s(1, 2), double.s())).set({ priority: 2 }),
      chord([add.s(1, 2), group(double.s(1))], group(sum.s(), sum.s())),
      double.map([1]),
      add.starmap([[1, 2]]),
      add.chunks([[1, 2]], 1),
      chord([add.s(1, 2), double.s(1)], sum.s()).freeze().signature,
      chain(add.s(1, 2).stamp({ tenant: 'x' }), double.s()).freeze().signature,
    ] as never;

    for (const kind of kinds) {
      const written = JSON.stringify(kind);
      const read = app.signature(JSON.parse(written));
      assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(written));
      assert.equal(JSON.stringify(read), written);
      assert.equal(read.constructor, kind.constructor);
      assert.equal(String(read), String(kind));
    }
  });

  test('runs, and takes further arguments and options', async t => {
    const { app, add, double, sum } = await madeSums(t, { worker: true });
    const written = roundTrip(chord([add.s(1), double.s()], sum.s()));

    assert.equal(await (await app.signature(written).delay(3)).get(WAIT), 10);
    const more = app.signature(roundTrip(add.s(2)), [1], { queue: 'q', kwargs: { z: 1 } });
    assert.deepEqual([more.args, more.kwargs, more.options], [[1, 2], { z: 1 }, { queue: 'q' }]);
    assert.equal(await resultOf(app.signature('sums.add', [1, 2])), 3);
    assert.equal(await resultOf(app.signature(add, [1, 2])), 3);
    assert.equal(await resultOf(app.signature(add.s(2), [1])), 3);
  });

  test('is refused when it is none', async t => {
    const { app } = await madeSums(t);

    assert.throws(() => app.signature(7 as never), /signature takes the name of a task.*got 7/);
    assert.throws(() => app.signature(''), /got ''/);
    assert.throws(
      () => app.signature({ task: 'x', subtask_type: 'grup' } as never),
      /grup.*no kind of signature.*group/s,
    );
    assert.throws(() => app.signature('x', [], { qeue: 'x' } as never), /qeue.*queue/s);
  });
});
