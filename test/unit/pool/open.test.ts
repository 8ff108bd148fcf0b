import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createPool } from '../../../src/pool/open.ts';
import type { PoolOptions } from '../../../src/pool/options.ts';
import { Harness, RUNNER } from '../../fixtures/pool-harness.ts';

const open = (kind: string, options: Partial<PoolOptions> = {}) =>
  createPool(kind, {
    concurrency: 1,
    runnerUrl: RUNNER,
    runnerConfig: {},
    events: new Harness(),
    ...options,
  });

describe('createPool', () => {
  test('an unknown pool is named together with the nearest one', () => {
    assert.throws(() => open('perfork'), /Unknown pool "perfork".*Did you mean "prefork"\?/);
  });

  test('a pool that Celery has and we do not have yet is said to come', () => {
    assert.throws(() => open('gevent'), /"gevent" is not available yet/);
  });

  test('a name that every object has is no pool', () => {
    assert.throws(() => open('constructor'), /Unknown pool/);
  });

  for (const [option, value] of [
    ['concurrency', 0],
    ['concurrency', 1.5],
    ['slots', 0],
    ['prefetchPerChild', -1],
    ['maxTasksPerChild', Number.NaN],
    ['timeLimit', -3],
  ] as const) {
    test(`${option} of ${value} is refused with its name and value`, () => {
      assert.throws(() => open('prefork', { [option]: value }), {
        code: 'IMPROPERLY_CONFIGURED',
        message: new RegExp(`${option} .*${value}`),
      });
    });
  }

  test('a configuration that cannot be sent to a child is refused', () => {
    assert.throws(() => open('prefork', { runnerConfig: { fn: () => {} } }), /cannot be sent/);
  });
});
