import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { patience, self } from '../../../../src/messaging/sqlite/liveness.ts';

const isLinux = process.platform === 'linux';

describe('patience with a silent process', () => {
  test('a process that is known to live may be silent for ever', { skip: !isLinux }, () => {
    assert.equal(patience(self), Number.POSITIVE_INFINITY);
  });

  test('a process that is gone gets none', () => {
    const { pid } = spawnSync(process.execPath, ['--version']);

    assert.equal(patience({ ...self, pid }), 0);
  });

  test('a new process with the id of an old one is not taken for it', { skip: !isLinux }, () => {
    assert.equal(patience({ ...self, started: 'another boot 1' }), 0);
  });

  test('a process of another host, or of another container, gets ten seconds', () => {
    assert.equal(patience({ ...self, host: 'elsewhere' }), 10);
  });

  test('one that exists but may be a namesake gets longer', () => {
    assert.equal(patience({ ...self, started: '' }), 300);
  });
});
