import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LastStores } from '../../../src/backends/last-stores.ts';
import { type Deferred, deferred } from '../../../src/base/deferred.ts';
import type { ResultMeta } from '../../../src/wire/results/result-meta.ts';
import { notedExecution, turn } from '../worker/made-requests.ts';

function setup() {
  const { clock } = notedExecution();
  const answers: Deferred<void>[] = [];
  const results = new LastStores(() => {
    answers.push(deferred());
    return answers.at(-1)!.promise;
  }, clock);
  const ends: string[] = [];
  const store = (id: string) =>
    results.store({ task_id: id, status: 'SUCCESS' } as ResultMeta).then(
      () => void ends.push(`${id} stored`),
      error => void ends.push(`${id}: ${error.code} ${error.recoverable} ${error.message}`),
    );
  const pass = async (seconds: number) => {
    clock.advance(seconds);
    await turn();
  };
  return { results, clock, answers, ends, store, pass };
}

const lost = (id: string, seconds: number) =>
  `${id}: BACKEND_STORE true Error storing the result of ${id}: the worker stops, and the store did not take it within ${seconds} s.`;

describe('results of a worker', () => {
  test('are waited for as long as the store tries while nobody is in a hurry', async () => {
    const { clock, ends, store } = setup();

    void store('a');

    assert.deepEqual([clock.pending, ends], [0, []]);
  });

  test('that stops have 45 seconds altogether, and what comes after that has two', async () => {
    const { results, ends, store, pass } = setup();
    void store('a');
    await pass(100);
    results.hurry();

    await pass(30);
    void store('b');
    await pass(14.9);
    assert.deepEqual(ends, []);
    await pass(0.1);
    assert.deepEqual(ends, [lost('a', 45), lost('b', 45)]);
    void store('c');
    await pass(2);

    assert.deepEqual(ends.slice(2), [lost('c', 2)]);
  });

  test('have their time anew when the store has taken one', async () => {
    const { results, clock, answers, ends, store, pass } = setup();
    results.hurry();
    void store('a');
    void store('b');

    await pass(44);
    answers[0]!.resolve();
    await turn();
    await pass(44);
    assert.deepEqual(ends, ['a stored']);
    answers[1]!.resolve();
    await turn();

    assert.deepEqual([ends, clock.pending], [['a stored', 'b stored'], 0]);
  });

  test('fail with what the store says, which leaves nothing behind', async () => {
    const { results, clock, answers } = setup();
    results.hurry();

    const stored = results.store({ task_id: 'a', status: 'SUCCESS' } as ResultMeta);
    answers[0]!.reject(new RangeError('too large'));
    await assert.rejects(stored, RangeError);

    assert.equal(clock.pending, 0);
  });
});
