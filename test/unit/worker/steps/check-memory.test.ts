import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Celery } from '../../../../src/index.ts';
import { refuseMemoryAcrossProcesses } from '../../../../src/worker/steps/check-memory.ts';

const REDIS = 'redis://localhost/0';

function check(pool: string, broker_url: string, result_backend: string | null = null) {
  const app = new Celery('proj', { broker_url, result_backend });
  refuseMemoryAcrossProcesses(app, pool);
}

describe('a broker or backend in memory', () => {
  for (const pool of ['prefork', 'threads', 'processes']) {
    test(`is refused with the pool ${pool}`, () => {
      assert.throws(() => check(pool, 'memory://'), {
        name: 'ImproperlyConfigured',
        message: new RegExp(`^broker_read_url "memory://" .* the pool "${pool}" has several\\.`),
      });
    });
  }

  for (const pool of ['async', 'solo', 'gevent']) {
    test(`is fine with the pool ${pool}`, () => {
      check(pool, 'memory://', 'cache+memory://');
    });
  }

  for (const url of ['cache+memory://', 'db+sqlite://', 'db+sqlite:///:memory:']) {
    test(`is refused as ${url} for results`, () => {
      assert.throws(() => check('prefork', REDIS, url), {
        name: 'ImproperlyConfigured',
        message: /^result_backend ".*" lives inside one process/,
      });
    });
  }

  test('is not what a server or a file is', () => {
    check('prefork', REDIS, 'db+sqlite:///results.sqlite');
    check('prefork', 'sqla+sqlite:///broker.sqlite');
  });
});
