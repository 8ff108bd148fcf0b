import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Celery, ResultSet, TimeoutError } from '../../../../src/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { resources } from '../../../support/resources.ts';
import { isSettled, storedResults } from './workflow-results.ts';

const subscribed = (backend: { subscriptions: number }, count: number) =>
  eventually(() => assert.equal(backend.subscriptions, count));

describe('a set of results', () => {
  it('holds each once, in the order in which they were added', async t => {
    const { app } = await storedResults(t);
    const [a, b, c] = ['a', 'b', 'c'].map(id => app.AsyncResult(id));
    const set = new ResultSet([a!, b!]);

    set.add(app.AsyncResult('a'));
    set.update([b!, c!]);

    assert.deepEqual(set.results.map(String), ['a', 'b', 'c']);
    assert.deepEqual([...set].length, set.length);
    set.remove('b');
    set.discard('b');
    assert.deepEqual([set.has('b'), set.has(a!), set.has('c')], [false, true, true]);
    assert.throws(() => set.remove(b!), { name: 'RangeError', message: /has no result 'b'/ });
    set.clear();
    assert.equal(set.length, 0);
  });

  it('refuses what is no result, and results of two apps', async t => {
    const { app } = await storedResults(t);
    const set = new ResultSet([app.AsyncResult('a')]);

    assert.throws(() => set.add('b' as never), { name: 'TypeError', message: /got 'b'/ });
    assert.throws(() => set.add(new Celery('other').AsyncResult('c')), /c is of another app/);
  });

  it('asks nobody when it is empty', async () => {
    const set = new ResultSet();

    assert.deepEqual(await set.get({ timeout: 0 }), []);
    assert.deepEqual(
      [await set.ready(), await set.waiting(), await set.successful(), await set.failed()],
      [true, false, true, false],
    );
    for await (const _ of set) assert.fail();
    await set.forget();
    await set.revoke();
  });

  it('knows whether all are ready, have succeeded, or any has failed', async t => {
    const { group, succeed, fail, store } = await storedResults(t);
    const seen: unknown[] = [];
    const look = async () => {
      const set = group('abc');
      seen.push([
        await set.ready(),
        await set.waiting(),
        await set.successful(),
        await set.failed(),
        await set.completedCount(),
      ]);
    };

    await look();
    await succeed('a', 1);
    await succeed('b', 2);
    await look();
    await store('c', 'REVOKED', null);
    await look();
    await succeed('c', 3);
    await look();
    const other = group('ad');
    await fail('d', 'bad');

    assert.deepEqual(seen, [
      [false, true, false, false, 0],
      [false, true, false, false, 2],
      [true, false, false, false, 2],
      [true, false, true, false, 3],
    ]);
    assert.deepEqual([await other.failed(), await other.completedCount()], [true, 1]);
    await assert.rejects(other.maybeThrow(), { name: 'RangeError', message: 'bad' });
    await group('abc').maybeThrow();
  });

  it('gives what all returned in its order, however they come', async t => {
    const { group, succeed, backend } = await storedResults(t);
    const set = group('abc');
    await succeed('b', 2);
    const values = set.get({ timeout: 5 });
    await subscribed(backend, 2);

    await succeed('c', 3);
    assert.equal(await isSettled(values), false);
    await succeed('a', 1);

    assert.deepEqual(await values, [1, 2, 3]);
    await subscribed(backend, 0);
    assert.deepEqual(await set.joinNative(), await set.join());
    assert.equal(await set.results[1]!.get({ timeout: 0 }), 2, 'its members know theirs');
  });

  it('gives the values of groups in it as lists', async t => {
    const { app, group, succeed } = await storedResults(t);
    for (const id of 'abcd') await succeed(id, id.toUpperCase());
    const inner = app.GroupResult('inner', [app.AsyncResult('b'), group('cd')]);

    const set = new ResultSet([app.AsyncResult('a'), inner]);

    assert.deepEqual(await set.get({ timeout: 5 }), ['A', ['B', ['C', 'D']]]);
    assert.equal(await set.completedCount(), 2);
  });

  it('throws the first error that comes, and gives them with propagate: false', async t => {
    const { group, succeed, fail, backend } = await storedResults(t);
    const waiting = group('abc').get({ timeout: 5 });
    const all = group('abc').get({ timeout: 5, propagate: false });
    await subscribed(backend, 3);

    await fail('b', 'broken');

    await assert.rejects(waiting, { name: 'RangeError', message: 'broken' });
    assert.equal(await isSettled(all), false);
    await succeed('a', 1);
    await fail('c', 'broken too');
    assert.deepEqual((await all).map(String), [
      '1',
      'RangeError: broken',
      'RangeError: broken too',
    ]);
    await subscribed(backend, 0);
  });

  it('calls back with each as it comes and keeps nothing then', async t => {
    const { group, succeed, backend } = await storedResults(t);
    const seen: unknown[] = [];
    await succeed('c', 3);

    const kept = group('abc').get({ callback: (id, value) => void seen.push([id, value]) });
    await subscribed(backend, 2);
    await succeed('b', 2);
    await succeed('a', 1);

    assert.deepEqual(await kept, []);
    assert.deepEqual(seen, [
      ['c', 3],
      ['b', 2],
      ['a', 1],
    ]);
  });

  it('does not wait for results that are ignored', async t => {
    const { app, succeed } = await storedResults(t);
    const add = app.task('add', () => 1);
    const ignored = await add.applyAsync([], { ignoreResult: true });
    await succeed('a', 1);

    const set = new ResultSet([ignored, app.AsyncResult('a')]);

    assert.deepEqual(await set.get({ timeout: 5 }), [undefined, 1]);
  });

  it('takes results of tasks that ran here', async t => {
    const { app, succeed } = await storedResults(t);
    const add = app.task('add', (x: number, y: number) => x + y);
    await succeed('a', 'A');

    const set = new ResultSet([await add.apply([1, 2]), app.AsyncResult('a')]);

    assert.deepEqual(await set.get({ timeout: 5 }), [3, 'A']);
    assert.equal(await set.completedCount(), 2);
  });

  it('says how many were not ready in time, and leaves nothing behind', async t => {
    const { group, succeed, backend } = await storedResults(t);
    await succeed('a', 1);
    const before = resources();

    await assert.rejects(group('abc').get({ timeout: 0.02 }), (error: unknown) => {
      assert.ok(error instanceof TimeoutError);
      assert.match(
        error.message,
        /^The operation timed out\. Of 3 tasks 2 were not ready, b among them, after 0\.02 s\.$/,
      );
      return true;
    });

    await subscribed(backend, 0);
    assert.deepEqual(resources(), before);
  });

  it('ends every wait when its signal aborts and when the app is closed', async t => {
    const { app, group, backend } = await storedResults(t);
    const abort = new AbortController();
    const one = group('abc').get({ signal: abort.signal });
    const other = group('cde').get();
    const reading = group('ab')[Symbol.asyncIterator]().next();
    await subscribed(backend, 5);

    abort.abort(new Error('the user left'));
    await assert.rejects(one, /the user left/);
    await app.close();

    await assert.rejects(other, { name: 'ConnectionClosed' });
    await assert.rejects(reading, { name: 'ConnectionClosed' });
    assert.equal(backend.subscriptions, 0);
  });

  it('tells of every state while it waits, and ends with what onInterval throws', async t => {
    const { group, succeed, store, backend } = await storedResults(t);
    const seen: string[] = [];
    const values = group('ab').get({
      onMessage: ({ task_id, status }) => seen.push(task_id + status),
    });
    await subscribed(backend, 2);

    await store('b', 'PROGRESS', 1);
    await succeed('b', 2);
    await succeed('a', 1);
    await values;

    assert.deepEqual(seen, ['bPROGRESS', 'bSUCCESS', 'aSUCCESS']);
    const onInterval = () => {
      throw new Error('enough');
    };
    await assert.rejects(group('xy').get({ interval: 0.005, onInterval }), /enough/);
  });

  it('gives ids and documents in the order in which they end', async t => {
    const { group, succeed, fail, backend } = await storedResults(t);
    await succeed('c', 3);
    const seen: unknown[] = [];

    for await (const [id, { status }] of group('abc').iterNative({ timeout: 5 })) {
      seen.push([id, status]);
      if (id === 'c') await fail('b', 'broken');
      if (id === 'b') await succeed('a', 1);
    }

    assert.deepEqual(seen, [
      ['c', 'SUCCESS'],
      ['b', 'FAILURE'],
      ['a', 'SUCCESS'],
    ]);
    await subscribed(backend, 0);
  });

  it('gives every state of every task in a loop, which may be left', async t => {
    const { group, succeed, store, backend } = await storedResults(t);
    await store('a', 'PROGRESS', 1);
    const seen: string[] = [];

    for await (const { task_id, status } of group('ab')) {
      seen.push(task_id + status);
      if (seen.length === 1) await store('b', 'STARTED', null);
      if (seen.length === 2) await succeed('a', 1);
      if (seen.length === 3) await succeed('b', 2);
    }
    for await (const _ of group('ayz')) break;

    assert.deepEqual(seen, ['aPROGRESS', 'bSTARTED', 'aSUCCESS', 'bSUCCESS']);
    await subscribed(backend, 0);
  });

  it('is forgotten with all that came before', async t => {
    const { app, group, succeed, backend } = await storedResults(t);
    for (const id of 'abp') await succeed(id, id);
    const set = group('ab', app.AsyncResult('p'));
    await set.get();

    await set.forget();

    for (const id of 'abp') assert.equal(await backend.fetch(id), undefined);
    assert.equal(await set.ready(), false);
  });

  it('waits for ten thousand over one path and leaves nothing behind', async t => {
    const { app, backend, succeed } = await storedResults(t);
    const ids = Array.from({ length: 10_000 }, (_, i) => `many-${i}`);
    const handles = () => ids.map(id => app.AsyncResult(id));
    const values = new ResultSet(handles()).get({ timeout: 60 });
    const abort = new AbortController();
    const givenUp = new ResultSet(handles()).get({ signal: abort.signal });
    await subscribed(backend, 10_000);
    abort.abort(new Error('given up'));
    await assert.rejects(givenUp, /given up/);

    for (const [i, id] of ids.entries()) await succeed(id, i);

    assert.deepEqual(
      await values,
      ids.map((_, i) => i),
    );
    await subscribed(backend, 0);
  });
});
