import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ResultBackend } from '../../../../src/backends/contract.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import { SuccessfulTasks } from '../../../../src/worker/intake/successful-tasks.ts';

/** A backend that answers with these states, and notes for which tasks it was asked. */
function setup(states: Readonly<Record<string, string>> = {}, isAway = false) {
  const clock = new FakeClock(0);
  const asked: string[] = [];
  const fetch = async (id: string) => {
    asked.push(id);
    if (isAway) throw new Error('no backend');
    return id in states ? { status: states[id] } : undefined;
  };
  const backend = { fetch } as unknown as ResultBackend;
  return { clock, asked, tasks: new SuccessfulTasks(backend, clock) };
}

describe('tasks that succeeded already', () => {
  test('are remembered without asking the backend', async () => {
    const { tasks, asked } = setup();
    tasks.add('1');

    assert.equal(await tasks.has('1'), true);

    assert.deepEqual(asked, []);
  });

  test('are looked up in the backend when they ran elsewhere', async () => {
    const { tasks, asked } = setup({ '1': 'SUCCESS' });

    assert.equal(await tasks.has('1'), true);

    assert.deepEqual(asked, ['1']);
  });

  test('are none of those that have another state, or none', async () => {
    const { tasks } = setup({ '1': 'FAILURE', '2': 'STARTED' });

    const known = await Promise.all(['1', '2', '3'].map(id => tasks.has(id)));

    assert.deepEqual(known, [false, false, false]);
  });

  test('run twice rather than not at all when the backend cannot be asked', async () => {
    const { tasks } = setup({}, true);

    assert.equal(await tasks.has('1'), false);
  });

  test('are remembered for three hours after their last success', async () => {
    const { tasks, clock } = setup();
    for (const id of ['1', '2']) tasks.add(id);
    clock.advance(3600);
    tasks.add('2');

    clock.advance(2 * 3600);

    assert.deepEqual([await tasks.has('1'), await tasks.has('2')], [false, true]);
  });

  test('are forgotten when there are more than a thousand, the oldest first', async () => {
    const { tasks } = setup();
    for (let id = 0; id < 1000; id++) tasks.add(`${id}`);
    for (const id of ['0', '1000']) tasks.add(id);

    const known = await Promise.all(['0', '1', '2', '1000'].map(id => tasks.has(id)));

    assert.deepEqual(known, [true, false, true, true]);
  });
});
