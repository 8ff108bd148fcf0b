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

  for (const name of ['gevent', 'eventlet', 'celery.concurrency.gevent:TaskPool']) {
    test(`${name} is the async pool`, () => {
      assert.equal(open(name).name, 'async');
    });
  }

  for (const name of ['prefork', 'processes', 'celery.concurrency.prefork:TaskPool']) {
    test(`${name} is the prefork pool`, () => {
      assert.equal(open(name).name, 'prefork');
    });
  }

  test('a name that every object has is no pool', () => {
    assert.throws(() => open('constructor'), /Unknown pool/);
  });

  for (const [option, value] of [
    ['concurrency', 0],
    ['concurrency', 1.5],
    ['concurrency', 1001],
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
