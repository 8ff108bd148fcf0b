import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chain, chord, EagerResult, GroupResult, group } from '../../../../src/index.ts';
import { madeSums, resultOf, WAIT } from './made-sums.ts';

const EAGER = { settings: { task_always_eager: true, result_backend: 'disabled://' } };

describe('a workflow that runs here', () => {
  test('has the results that workers would give it, and sends nothing', async t => {
    const { add, double, sum, testApp } = await madeSums(t);

    assert.equal(await (await add.s(1).apply([2])).get(), 3);
    const steps = await chain(add.s(1), double.s()).apply([2]);
    assert.ok(steps instanceof EagerResult);
    assert.equal(await steps.get(), 6);
    assert.equal(await steps.parent!.get(), 3);
    const members = await group(add.s(1), double.s()).apply([2]);
    assert.ok(members instanceof GroupResult);
    assert.deepEqual(await members.get(), [3, 4]);
    const whole = await chord([add.s(1), double.s()], sum.s()).apply([2]);
    assert.equal(await whole.get(), 7);
    assert.deepEqual(await whole.parent!.get(), [3, 4]);
    assert.equal(await (await chord([], sum.s()).apply()).get(), 0);
    const spread = chain(double.s(1), group(add.s(1), add.s(2)), sum.s(), double.s());
    assert.equal(await (await spread.apply()).get(), 14);
    const lazy = group([1, 2, 3].map(i => double.s(i)).values()).pipe(sum.s());
    assert.equal(await (await lazy.apply()).get(), 12);
    assert.equal(testApp.sent.length, 0);
  });

  test('does so for every call when everything is eager, without a result store', async t => {
    const { add, double, sum, hear, heard, testApp } = await madeSums(t, EAGER);

    assert.equal(await resultOf(chain(add.s(1, 2), double.s())), 6);
    assert.deepEqual(await resultOf(group(add.s(1, 2), double.s(4))), [3, 8]);
    assert.equal(await resultOf(chord([add.s(1, 2), double.s(4)], sum.s())), 11);
    assert.equal(await resultOf(chain(group(add.s(1, 2), double.s(4)), sum.s(), double.s())), 22);
    await chain(add.s(1, 2), double.s()).applyAsync([], { link: hear.s('linked') });
    assert.deepEqual(heard, [[6, 'linked']]);
    const result = await group(add.s(1, 2)).applyAsync([], { taskId: 'group-id' });
    assert.equal(result.id, 'group-id');
    assert.equal(testApp.sent.length, 0);
  });

  test('knows the ids of its parts, as tasks see them', async t => {
    const { app } = await madeSums(t);
    const look = app.task('sums.look', { bind: true }, self => {
      const { id, rootId, parentId, group: groupId, groupIndex } = self.request;
      return { id, rootId, parentId, groupId, groupIndex };
    });

    const result = await chain(look.si(), group(look.si(), look.si())).apply();

    const [first, second] = await result.get();
    const before = (await result.parent!.get()) as typeof first;
    assert.deepEqual(first, {
      id: result.results[0].id,
      rootId: before.id,
      parentId: before.id,
      groupId: result.id,
      groupIndex: 0,
    });
    assert.deepEqual(second, { ...first, id: result.results[1].id, groupIndex: 1 });
  });

  test('fails all that comes after a step that fails, with its error', async t => {
    const { add, broken, double, hear, heard } = await madeSums(t, EAGER);

    const result = await chain(add.s(1, 2), broken.s(), double.s()).linkError(hear.s()).delay();

    assert.equal(await result.state(), 'FAILURE');
    await assert.rejects(result.get(WAIT), /broken 3/);
    assert.equal(await result.parent!.failed(), true);
    assert.equal(heard.length, 1);
  });

  test('fails the body of a chord when a part of its header has failed', async t => {
    const { add, broken, hear, heard } = await madeSums(t, EAGER);

    const result = await chord([add.s(1, 2), broken.s(7)], hear.s()).delay();

    await assert.rejects(result.get(WAIT), /broken 7/);
    await assert.rejects(result.get({ followParents: false }), {
      name: 'ChordError',
      message: /Dependency .* raised RangeError\('broken 7'\)/,
    });
    assert.deepEqual(heard, []);
  });

  test('throws instead, where that is wanted', async t => {
    const { broken, double } = await madeSums(t, {
      settings: { task_always_eager: true, task_eager_propagates: true },
    });
    const failing = chain(broken.s(1), double.s());

    await assert.rejects(failing.delay(), /broken 1/);
    await assert.rejects(group(broken.s(2)).apply(), /broken 2/);
    assert.equal(await (await failing.apply([], { throw: false })).failed(), true);
  });

  test('stops after a step that is ignored', async t => {
    const { app, hear, heard } = await madeSums(t);
    const { Ignore } = await import('../../../../src/index.ts');
    const ignored = app.task('sums.ignored', () => {
      throw new Ignore('not today');
    });

    const result = await chain(ignored.s(), hear.s()).apply();

    assert.equal(await result.state(), 'IGNORED');
    assert.deepEqual(heard, []);
  });

  test('cannot be run when its code is elsewhere', async t => {
    const { app, add } = await madeSums(t);

    await assert.rejects(chain(add.s(1, 2), app.signature('far.away')).apply(), {
      code: 'NOT_REGISTERED',
      message: /far\.away/,
    });
  });

  test('has what a task puts in its place, and what follows that', async t => {
    const { app, add, double, sum, hear, heard } = await madeSums(t, EAGER);
    const replaced = app.task('sums.replaced', { bind: true }, (self, by: unknown): number => {
      throw self.replace(by as never);
    });
    const parts = [add.s(1, 2), double.s(4)];

    assert.equal(await resultOf(replaced.s(add.s(1, 2))), 3);
    assert.equal(await resultOf(replaced.s(chord(parts, sum.s()))), 11);
    assert.deepEqual(await resultOf(replaced.s(group(parts))), [3, 8]);
    assert.equal(await resultOf(chain(replaced.s(chain(parts[0]!, double.s())), add.s(1))), 7);
    const result = await replaced.s(chord(parts, sum.s())).applyAsync([], { taskId: 'mine' });
    assert.deepEqual([result.id, await result.state()], ['mine', 'SUCCESS']);
    await add
      .s(1, 2)
      .link(chord([add.s(1), double.s()], hear.s()))
      .delay();
    await double.s(1).link(group(hear.s(), hear.s())).delay();
    assert.deepEqual(heard, [[[4, 6]], [2], [2]]);
  });

  test('is replaced here also when only this call runs here', async t => {
    const { app, add, double, sum, testApp } = await madeSums(t);
    const replaced = app.task('sums.replaced', { bind: true }, (self, by: unknown): number => {
      throw self.replace(by as never);
    });

    const result = await replaced.apply([chord([add.s(1, 2), double.s(4)], sum.s())]);

    assert.equal(await result.get(), 11);
    assert.equal(testApp.sent.length, 0);
    const linked = add.s(1, 2).link(chord([add.s(1), double.s()], sum.s()));
    await assert.rejects((await linked.apply()).get(), /chord cannot follow a task that runs here/);
  });

  test('of one task has the result that was made here', async t => {
    const { add } = await madeSums(t, EAGER);

    const result = await add.s(1).delay(2);

    assert.ok(result instanceof EagerResult);
    assert.equal(await result.get(), 3);
  });
});
