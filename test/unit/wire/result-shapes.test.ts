import assert from 'node:assert/strict';
import { test } from 'node:test';
import { taskIdsIn } from '../../../src/wire/result-shapes.ts';

test('a result tuple names its tasks, those of groups in their order, and nothing else names any', () => {
  const task = (id: string, parent: unknown = null) => [[id, parent], null];
  assert.deepEqual(taskIdsIn(task('a', task('before'))), ['a']);
  assert.deepEqual(
    taskIdsIn([
      ['g', null],
      [task('a'), [['inner', null], [task('b')]]],
    ]),
    ['a', 'b'],
  );
  assert.deepEqual(
    taskIdsIn([
      ['g', null],
      ['a', 'b'],
    ]),
    ['a', 'b'],
  );
  assert.deepEqual(taskIdsIn('a'), ['a']);
  for (const none of [undefined, null, 7, {}, [], [[7, null], null], [['g', null], [null]]]) {
    assert.equal(taskIdsIn(none), undefined);
  }
});
