import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PoolFailure } from '../../../src/pool/errors.ts';
import { Restarts } from '../../../src/pool/parent/restarts.ts';

describe('restarts', () => {
  test('more than 100 lost children within a second are too many', () => {
    const restarts = new Restarts();
    for (let i = 0; i < 100; i++) restarts.lost(i / 1000);

    assert.throws(() => restarts.lost(0.2), PoolFailure);
  });

  test('lost children are forgotten after a second', () => {
    const restarts = new Restarts();

    for (let i = 0; i < 1000; i++) restarts.lost(i / 50);
  });

  test('a job that gets done proves that replacing children makes sense', () => {
    const restarts = new Restarts();
    for (let i = 0; i < 100; i++) restarts.lost(0);

    restarts.jobDone();

    restarts.lost(0);
  });

  test('children that never get ready are started ever more slowly, then not at all', () => {
    const restarts = new Restarts();

    const pauses = Array.from({ length: 10 }, () => restarts.failedToStart('no memory', 2));

    assert.deepEqual(pauses.slice(0, 5), [0.25, 0.25, 0.5, 1, 2]);
    assert.equal(pauses[9], 5);
    assert.throws(() => restarts.failedToStart('no memory', 2), /11 tries.*no memory/);
  });

  test('one that gets ready takes the pauses back', () => {
    const restarts = new Restarts();
    for (let i = 0; i < 9; i++) restarts.failedToStart('no memory', 2);

    restarts.childReady();

    assert.equal(restarts.failedToStart('no memory', 2), 0.25);
  });
});
