import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  groupMetaKey,
  resultKeyPrefix,
  taskMetaKey,
} from '../../../../src/wire/results/result-keys.ts';

describe('a key of the result store', () => {
  test('is spelled as by Celery', () => {
    assert.equal(taskMetaKey('1'), 'celery-task-meta-1');
    assert.equal(groupMetaKey('g'), 'celery-taskset-meta-g');
  });

  test('begins with the global prefix, set off once', () => {
    assert.equal(taskMetaKey('1', resultKeyPrefix('app')), 'app_celery-task-meta-1');
    for (const prefix of ['app:', 'app_', 'app-', 'app.'])
      assert.equal(resultKeyPrefix(prefix), prefix);
    for (const nothing of [undefined, null, '', 5]) assert.equal(resultKeyPrefix(nothing), '');
  });
});
