import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { Celery, GroupResult, resultFromTuple } from '../../../../src/index.ts';
import { startTestWorker } from '../../../../src/testing/index.ts';
import { storedResults } from './workflow-results.ts';

describe('the result of a group', () => {
  it('is saved under its id and can be had again until that is deleted', async t => {
    const { app, group, succeed } = await storedResults(t);
    const saved = group('ab', app.AsyncResult('before'));
    await succeed('a', 1);
    await succeed('b', 2);

    assert.equal(await app.GroupResult.restore('the-group'), undefined);
    await saved.save({ timeout: 5 });
    const found = await app.GroupResult.restore<[number, number]>('the-group', { timeout: 5 });

    assert.ok(found instanceof GroupResult);
    assert.equal(found.equals(saved), true);
    assert.equal(found.parent?.id, 'before');
    assert.deepEqual(await found.get({ timeout: 5, followParents: false }), [1, 2]);
    await found.delete();
    assert.equal(await app.GroupResult.restore('the-group'), undefined);
    assert.equal(await found.successful(), true, 'its results stay');
  });

  it('is written as a result tuple with all before it and in it, and read again', async t => {
    const { app } = await storedResults(t);
    const parent = app.AsyncResult('p');
    const inner = app.GroupResult('inner', [app.AsyncResult('b')], { parent });
    const outer = app.GroupResult('outer', [app.AsyncResult('a'), inner]);

    const tuple = [
      ['outer', null],
      [
        [['a', null], null],
        [['inner', [['p', null], null]], [[['b', null], null]]],
      ],
    ];

    assert.deepEqual(outer.asTuple(), tuple);
    assert.deepEqual(JSON.parse(JSON.stringify(outer)), tuple);
    assert.equal(resultFromTuple(tuple, app).equals(outer), true);
    assert.equal(resultFromTuple('just-an-id', app).id, 'just-an-id');
    assert.throws(() => resultFromTuple([null, 5], app), { name: 'TypeError', message: /got \[/ });
  });

  it('equals one with the same id, results and parent', async t => {
    const { app, group } = await storedResults(t);

    assert.equal(group('ab').equals(group('ab')), true);
    assert.equal(group('ab').equals(group('ba')), false);
    assert.equal(group('ab').equals(group('ab', app.AsyncResult('p'))), false);
    assert.equal(group('ab').equals(app.GroupResult('other', [...group('ab')])), false);
    assert.equal(group('ab').equals('the-group'), false);
  });

  it('shows its id and those of its results', async t => {
    const { app, group } = await storedResults(t);

    assert.equal(inspect(group('ab')), '<GroupResult: the-group [a, b]>');
    assert.equal(String(group('ab')), 'the-group');
    assert.deepEqual((await group('ab').children()).map(String), ['a', 'b']);
    assert.throws(() => app.GroupResult('', []), /GroupResult needs an id, got ""/);
  });

  it('is the result of a task that returns it, as its tuple', async t => {
    const app = new Celery('returns');
    const add = app.task('add', (x: number, y: number) => x + y);
    const both = app.task('both', async () =>
      app.GroupResult('pair', [await add.delay(1, 1), await add.delay(2, 2)]),
    );
    const one = app.task('one', () => add.delay(3, 3));
    const worker = await startTestWorker(app);
    t.after(() => worker.stop());

    const pair = resultFromTuple(await (await both.delay()).get({ timeout: 5 }), app);
    const single = resultFromTuple(await (await one.delay()).get({ timeout: 5 }), app);

    assert.deepEqual(await pair.get({ timeout: 5 }), [2, 4]);
    assert.equal(await single.get({ timeout: 5 }), 6);
  });

  it('fails with what failed before the group, which its tasks never hear of', async t => {
    const { app, group, fail, backend } = await storedResults(t);
    const waiting = group('ab', app.AsyncResult('first')).get({ timeout: 5 });
    while (backend.subscriptions < 3) await new Promise(setImmediate);

    await fail('first', 'the first step');

    await assert.rejects(waiting, { name: 'RangeError', message: 'the first step' });
  });
});
