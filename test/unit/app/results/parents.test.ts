import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AsyncResult,
  Celery,
  GroupResult,
  resultFromTuple,
  TimeoutError,
} from '../../../../src/index.ts';
import { startTestWorker } from '../../../../src/testing/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { isSettled, storedResults } from './workflow-results.ts';

async function chain(t: Parameters<typeof storedResults>[0]) {
  const stored = await storedResults(t);
  const { app, backend } = stored;
  const fromTuple = (tuple: unknown) => resultFromTuple(tuple, app) as AsyncResult;
  const subscribed = (count: number) =>
    eventually(() => assert.equal(backend.subscriptions, count));
  return {
    ...stored,
    subscribed,
    /** `a`, then `b`, then `c`: the handle of `c`. */
    last: () => fromTuple([['c', [['b', [['a', null], null]], null]], null]),
    /** The body of a chord with this header. */
    body: (header: string) =>
      fromTuple([['body', [['h', null], [...header].map(id => [[id, null], null])]], null]),
  };
}

describe('the result of a chain', () => {
  it('knows what came before it', async t => {
    const { last } = await chain(t);

    assert.deepEqual(last().asList(), ['c', 'b', 'a']);
    assert.equal(last().parent?.parent?.parent, undefined);
    assert.equal(JSON.stringify(last()), '[["c",[["b",[["a",null],null]],null]],null]');
    assert.equal(last().equals('c'), true);
    assert.equal(last().equals(last().parent), false);
  });

  it('throws the error of a step before it as soon as that has failed', async t => {
    const { last, fail, succeed, subscribed } = await chain(t);
    await succeed('a', 1);
    const waiting = last().get({ timeout: 5 });
    const patient = last().get({ timeout: 5, followParents: false });
    const quiet = last().get({ timeout: 5, propagate: false });
    await subscribed(2);

    await fail('b', 'the second step');

    await assert.rejects(waiting, { name: 'RangeError', message: 'the second step' });
    assert.equal(await isSettled(patient), false);
    assert.equal(await isSettled(quiet), false);
    await succeed('c', 3);
    assert.deepEqual([await patient, await quiet], [3, 3]);
    await subscribed(0);
  });

  it('throws the first failure of those that are stored, and its own with followParents: false', async t => {
    const { last, fail, subscribed } = await chain(t);
    for (const [id, error] of [
      ['c', 'third'],
      ['b', 'second'],
      ['a', 'first'],
    ] as const) {
      await fail(id, error);
    }
    const result = last();

    await assert.rejects(result.get({ timeout: 5, followParents: false }), /third/);
    await assert.rejects(result.get({ timeout: 5 }), { message: 'first' });
    await assert.rejects(last().get({ timeout: 5 }), { message: 'first' });
    await assert.rejects(last().maybeThrow(), { message: 'third' });
    await subscribed(0);
  });

  it('is given without a look at those before when it has succeeded', async t => {
    const { last, succeed, subscribed } = await chain(t);
    const waiting = last().get({ timeout: 5 });
    await subscribed(3);

    await succeed('c', 3);

    assert.equal(await waiting, 3);
    assert.equal(await last().get({ timeout: 0.05 }), 3);
    await assert.rejects(last().parent!.get({ timeout: 0.02 }), TimeoutError);
    await subscribed(0);
  });

  it('throws what failed in the header of a chord', async t => {
    const { body, fail, succeed, subscribed } = await chain(t);
    await succeed('x', 1);
    const waiting = body('xyz').get({ timeout: 5 });
    await subscribed(3);

    await fail('z', 'of the header');

    await assert.rejects(waiting, { message: 'of the header' });
    await subscribed(0);
  });

  it('is forgotten after those before it', async t => {
    const { last, succeed, backend } = await chain(t);
    for (const id of 'abc') await succeed(id, id);

    await last().forget({ timeout: 5 });

    for (const id of 'abc') assert.equal(await backend.fetch(id), undefined);
  });
});

describe('what a task published', () => {
  const child = (id: string) => [[id, null], null];

  async function tree(t: Parameters<typeof storedResults>[0]) {
    const stored = await storedResults(t);
    const { app, succeed } = stored;
    await succeed('a', 1, {
      children: [
        child('b'),
        [
          ['g', null],
          [child('c'), child('d')],
        ],
      ],
    });
    await succeed('b', 2, { children: [child('e'), child('b')] });
    for (const id of 'cd') await succeed(id, id);
    return { ...stored, root: app.AsyncResult('a') };
  }

  it('are handles, of groups as one', async t => {
    const { root } = await tree(t);

    const [b, g] = await root.children();

    assert.equal(b?.id, 'b');
    assert.ok(g instanceof GroupResult);
    assert.deepEqual(await g.get({ timeout: 5 }), ['c', 'd']);
  });

  it('can be gone through breadth first, each once', async t => {
    const { root, succeed } = await tree(t);
    await succeed('e', 5);
    const seen: unknown[] = [];

    for await (const [parent, node] of root.iterdeps({ timeout: 5 }))
      seen.push([parent?.id, node.id]);

    assert.deepEqual(seen, [
      [undefined, 'a'],
      ['a', 'b'],
      ['a', 'g'],
      ['b', 'e'],
      ['g', 'c'],
      ['g', 'd'],
    ]);
  });

  it('is not known of a task that is not ready', async t => {
    const { root } = await tree(t);
    const through = async (intermediate: boolean) => {
      const ids: string[] = [];
      for await (const [, { id }] of root.iterdeps({ intermediate })) ids.push(id);
      return ids.join('');
    };

    assert.equal(await through(true), 'abgecd');
    await assert.rejects(through(false), {
      name: 'IncompleteStream',
      message: /^The task e is not/,
    });
    await assert.rejects(root.graph(), { code: 'INCOMPLETE_STREAM' });
  });

  it('can be collected with what each returned, which is waited for', async t => {
    const { root, succeed } = await tree(t);
    const seen: unknown[] = [];

    for await (const [{ id }, value] of root.collect({ timeout: 5 })) {
      seen.push([id, value]);
      if (id === 'g') await succeed('e', 5);
    }

    assert.deepEqual(seen, [
      ['a', 1],
      ['b', 2],
      ['g', ['c', 'd']],
      ['e', 5],
      ['c', 'c'],
      ['d', 'd'],
    ]);
    assert.equal(await root.getLeaf({ timeout: 5 }), 'd');
    await assert.rejects(root.getLeaf({ interval: -1 }), TypeError);
  });

  it('has one time for all that is waited for', async t => {
    const { root } = await tree(t);

    await assert.rejects(root.getLeaf({ timeout: 0.05 }), TimeoutError);
  });

  it('is a graph', async t => {
    const { root, succeed } = await tree(t);
    await succeed('e', 5);

    const graph = await root.graph();

    assert.deepEqual(graph.topsort().map(String).sort().join(''), 'abcdeg');
    assert.equal(String(graph.topsort().at(-1)), 'a');
    assert.match(
      graph.toDot(),
      /^digraph dependencies \{\n.*root="a".*\n(?:.*\n)* {4}"a" -> "g" \[/,
    );
  });
});

describe('get inside a task', () => {
  it('waits, unless it is told not to', async t => {
    const app = new Celery('inside');
    const add = app.task('add', (x: number, y: number) => x + y);
    const waits = app.task('waits', async (disableSyncSubtasks: boolean) => {
      const result = app.GroupResult('g', [await add.delay(1, 2)]);
      const [sum] = await result.get({ timeout: 5, disableSyncSubtasks });
      return [sum, await result.results[0].get({ timeout: 5, disableSyncSubtasks })];
    });
    const worker = await startTestWorker(app);
    t.after(() => worker.stop());

    assert.deepEqual(await (await waits.delay(false)).get({ timeout: 5 }), [3, 3]);
    await assert.rejects((await waits.delay(true)).get({ timeout: 5 }), {
      name: 'SyncSubtask',
      message: /^Never call result\.get\(\) within a task!/,
    });
    assert.equal(await (await add.delay(1, 1)).get({ timeout: 5, disableSyncSubtasks: true }), 2);
  });
});
