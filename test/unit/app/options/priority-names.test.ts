import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type PriorityName, priorityNumber } from '../../../../src/app/options/priority-names.ts';
import { queue } from '../../../../src/messaging/entities.ts';

const NAMES: PriorityName[] = ['high', 'normal', 'low'];
const numbers = (isLargestFirst: boolean, maxPriority?: number) =>
  NAMES.map(name =>
    priorityNumber(name, isLargestFirst, maxPriority ? queue('q', { maxPriority }) : undefined),
  );

describe('priority names', () => {
  test('where 0 is served first, high is 0', () => {
    assert.deepEqual(numbers(false), [0, 5, 9]);
    assert.deepEqual(numbers(false, 3), [0, 5, 9]);
  });

  test('where the largest is served first, high is as large as the queue knows', () => {
    assert.deepEqual(numbers(true), [9, 4, 0]);
    assert.deepEqual(numbers(true, 3), [3, 1, 0]);
    const byArgument = queue('q', { queueArguments: { 'x-max-priority': 100 } });
    assert.equal(priorityNumber('high', true, byArgument), 100);
  });

  test('another name is an error that names the nearest', () => {
    assert.throws(() => priorityNumber('hihg' as PriorityName, true, undefined), /hihg.*"high"/);
  });
});
