import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Request } from '../../../../src/worker/request.ts';
import { AwaitingTasks } from '../../../../src/worker/running/awaiting-tasks.ts';

/** A worker with so many places; jobs are given with the names of their tasks. */
function setup(places: number, jobs: Readonly<Record<number, string>>) {
  const warnings: string[] = [];
  const running = new Map<number, Request>();
  for (const [id, task] of Object.entries(jobs)) {
    running.set(Number(id), { headers: { task }, label: `${task}[${id}]` } as Request);
  }
  const awaiting = new AwaitingTasks(
    { warning: (text: string) => void warnings.push(text) } as never,
    { places: () => places, request: id => running.get(id), isStuckHere: id => id === 'stuck' },
  );
  return { awaiting, running, warnings };
}

describe('tasks that wait for others', () => {
  it('are no matter as long as a place is left', () => {
    const { awaiting, warnings } = setup(3, { 1: 'a', 2: 'b' });

    awaiting.note(1, 'x');
    awaiting.note(2, 'y');
    awaiting.note(2, 'z');

    assert.deepEqual(warnings, []);
  });

  it('are reported when they have every place, with what they wait for', () => {
    const { awaiting, warnings } = setup(2, { 1: 'a', 2: 'b' });

    awaiting.note(1, 'x');
    awaiting.note(2, 'stuck');

    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /a\[1\] waits for x, b\[2\] waits for stuck\./);
    assert.match(warnings[0]!, /holds 1 of the awaited tasks/);
  });

  it('do not count any more when they go on', () => {
    const { awaiting, warnings } = setup(2, { 1: 'a', 2: 'b' });

    awaiting.note(1, 'x');
    awaiting.note(1, undefined);
    awaiting.note(2, 'y');

    assert.deepEqual(warnings, []);
  });

  it('do not count any more when they were killed', () => {
    const { awaiting, running, warnings } = setup(2, { 1: 'a', 2: 'b' });

    awaiting.note(1, 'x');
    running.delete(1);
    awaiting.note(2, 'y');

    assert.deepEqual(warnings, []);
  });

  it('are reported once for each name', () => {
    const { awaiting, running, warnings } = setup(1, { 1: 'a', 2: 'a', 3: 'b' });

    for (const id of [1, 2, 3]) {
      awaiting.note(id, 'x');
      running.delete(id);
    }

    assert.equal(warnings.length, 2);
  });

  it('are not all listed when they are many', () => {
    const names = Object.fromEntries(Array.from({ length: 40 }, (_, id) => [id, 'a']));
    const { awaiting, warnings } = setup(40, names);

    for (let id = 0; id < 40; id++) awaiting.note(id, 'x');

    assert.match(warnings[0]!, /a\[4\] waits for x, 35 more\./);
  });
});
