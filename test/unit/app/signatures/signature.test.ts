import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { chain, exchange, Signature } from '../../../../src/index.ts';
import { madeSums, resultOf, WAIT } from './made-sums.ts';

describe('a signature', () => {
  test('is the dictionary that Celery writes, and shows as Celery shows it', async t => {
    const { add } = await madeSums(t);

    const signature = add.signature([2], { queue: 'slow', countdown: 3, expires: new Date(0) });

    assert.deepEqual(JSON.parse(JSON.stringify(signature)), {
      task: 'sums.add',
      args: [2],
      kwargs: {},
      options: { queue: 'slow', countdown: 3, expires: '1970-01-01T00:00:00.000Z' },
      subtask_type: null,
      immutable: false,
    });
    assert.equal(String(signature), 'sums.add(2)');
    assert.equal(inspect(chain(signature, add.s(1))), 'sums.add(2) | add(1)');
    assert.ok(signature instanceof Signature);
  });

  test('never changes: what sets something gives another one', async t => {
    const { add, double } = await madeSums(t);
    const signature = add.s(1, 2);
    const before = JSON.stringify(signature);

    const others = [
      signature.set({ priority: 3 }),
      signature.link(double.s()),
      signature.linkError(double.s()),
      signature.clone([7], { z: 1 }),
      signature.asImmutable(),
      signature.stamp({ tenant: 'x' }),
    ];

    assert.equal(JSON.stringify(signature), before);
    for (const other of others) assert.notEqual(JSON.stringify(other), before);
    assert.throws(() => Object.assign(signature, { task: 'other' }), TypeError);
    assert.throws(() => (signature.args as unknown[]).push(3), TypeError);
  });

  test('is needed where something is linked, and by a chain, which also takes a list', async t => {
    const { add, double } = await madeSums(t);

    const odd = 'sums.double' as unknown as ReturnType<typeof double.s>;
    assert.throws(
      () => add.s(1, 2).link(odd),
      /^TypeError: link needs a signature, such as .*'sums.double'/,
    );
    assert.throws(() => add.s(1, 2).linkError(odd), /linkError needs a signature/);
    assert.throws(() => chain(...([] as unknown as [typeof odd])), /chain needs a step at least/);
    assert.throws(() => chain([]), /chain needs a step at least/);
    const call = add.delay(1, 2) as unknown as typeof odd;
    assert.throws(
      () => chain(call, double.s()),
      /got a promise, as of a call that was made already/,
    );
    await call;
    const steps = [add.s(1, 2), double.s(), double.s()];
    assert.equal(String(chain(steps)), String(chain(steps[0]!, double.s(), double.s())));
  });

  test('takes the arguments of the call before its own', async t => {
    const { add } = await madeSums(t, { worker: true });

    assert.equal(await (await add.s(2).delay(40)).get(WAIT), 42);
    assert.equal(await (await add.s(2).applyAsync([1], { priority: 1 })).get(WAIT), 3);
    assert.equal(await resultOf(add.si(1, 1)), 2);
  });

  test('is called with the result of what it is linked to', async t => {
    const { add, double, hear, heard } = await madeSums(t, { worker: true });

    assert.equal(await resultOf(add.s(1, 2).link(hear.s('from add'))), 3);
    await resultOf(double.s(0));
    assert.deepEqual(heard, [[3, 'from add']]);
    assert.equal(await (await add.applyAsync([1, 1], { link: hear.si('option') })).get(WAIT), 2);
    await resultOf(double.s(0));
    assert.deepEqual(heard.at(-1), ['option']);
  });

  test('may be an argument of a task, which gets the dictionary', async t => {
    const { add, double, hear, heard } = await madeSums(t, { worker: true });

    await resultOf(hear.s(add.s(1).set({ queue: 'q' })));

    assert.deepEqual(
      JSON.stringify((heard[0] as unknown[])[0]),
      JSON.stringify(add.s(1).set({ queue: 'q' })),
    );
    await resultOf(double.s(1));
  });

  test('has its stamps in the headers of its message', async t => {
    const { add, testApp } = await madeSums(t);

    await add.s(1, 2).stamp({ tenant: 'x' }).delay();

    const [message] = testApp.sent;
    assert.deepEqual(
      [message!.headers.stamped_headers, message!.headers.stamps],
      [['tenant'], { tenant: 'x' }],
    );
  });

  test('has its stamps on what follows it, too', async t => {
    const { add, double, hear, testApp } = await madeSums(t, { worker: true });
    const steps = chain(add.s(1, 2), double.s().link(hear.s())).stamp({ tenant: 'x' });

    await (await steps.delay()).get(WAIT);
    await resultOf(double.s(0));

    const stamps = testApp.sent.map(({ task, headers }) => [task, headers.stamps]);
    assert.deepEqual(stamps, [
      ['sums.add', { tenant: 'x' }],
      ['sums.double', { tenant: 'x' }],
      ['sums.hear', { tenant: 'x' }],
      ['sums.double', {}],
    ]);
  });

  test('keeps its options in the spelling of Celery, and is sent by them', async t => {
    const { add, testApp } = await madeSums(t);
    const signature = add.s(1, 2).set({
      ...{ exchange: exchange('sums-x', 'topic'), routingKey: 'a.b', timeLimit: 9 },
      retryPolicy: { maxRetries: 1, intervalStart: 0 },
    });

    assert.deepEqual(signature.options, {
      ...{ exchange: 'sums-x', exchange_type: 'topic', routing_key: 'a.b', time_limit: 9 },
      retry_policy: { max_retries: 1, interval_start: 0 },
    });
    await signature.delay();

    const [sent] = testApp.sent;
    assert.deepEqual(
      [sent!.exchange, sent!.routingKey, sent!.headers.timelimit],
      ['sums-x', 'a.b', [9, null]],
    );
  });

  test('refuses options that are none, and those that cannot travel', async t => {
    const { add } = await madeSums(t);

    assert.throws(() => add.s(1).set({ qeue: 'x' } as never), /qeue.*queue/s);
    assert.throws(() => add.s(1).set({ signal: AbortSignal.abort() }), /signal/);
    await assert.rejects(
      add.s(1).applyAsync([1], { countdwn: 1 } as never),
      /countdwn.*countdown/s,
    );
  });
});

describe('a chain', () => {
  test('gives each step the result of the one before', async t => {
    const { add, double } = await madeSums(t, { worker: true });

    assert.equal(await resultOf(chain(add.s(1, 2), add.s(3), double.s())), 12);
    assert.equal(await resultOf(chain(chain(add.s(1, 1), double.s()), double.s())), 8);
    assert.equal(await resultOf(chain(add.s(1, 1), add.si(5, 5))), 10);
    assert.equal(await (await chain(add.s(2), double.s()).delay(1)).get(WAIT), 6);
  });

  test('runs here, step by step, when everything is eager', async t => {
    const { add, double, testApp } = await madeSums(t, { settings: { task_always_eager: true } });

    await chain(add.s(1, 2), double.s()).delay();

    assert.equal(testApp.sent.length, 0);
  });

  test('fails as a whole when a step fails, and calls what is linked to it', async t => {
    const { add, broken, double, hear, heard } = await madeSums(t, { worker: true });
    const failing = chain(add.s(1, 2), broken.s(), double.s()).linkError(hear.s());

    const result = await failing.delay();

    await assert.rejects(result.get(WAIT), /broken 3/);
    await resultOf(double.s(0));
    assert.ok(heard.length > 0);
  });

  test('refuses what is no signature, and says which step', async t => {
    const { add } = await madeSums(t);

    assert.throws(() => chain(add.s(1, 2), add as never), /a function \(sums\.add\) as step 2/);
    assert.throws(() => chain(3 as never), /got 3 as step 1/);
  });
});
