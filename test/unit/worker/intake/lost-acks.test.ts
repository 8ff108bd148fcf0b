import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskReply } from '../../../../src/execute/outcome.ts';
import { LostAcks } from '../../../../src/worker/intake/lost-acks.ts';
import type { Request } from '../../../../src/worker/request.ts';
import { ManualClock } from '../../../fixtures/pool-clock.ts';

const DONE: TaskReply = { kind: 'success', runtime: 0.1 };
const run = (key: string, { task = 'add', wasPutBack = false } = {}) =>
  ({ key, headers: { task }, wasPutBack }) as Request;

describe('runs that ended without the broker knowing', () => {
  test('are told by id and task', () => {
    const acks = new LostAcks(new ManualClock());
    acks.add(run('1'), DONE);

    assert.equal(acks.endOf(run('1')), DONE);
    assert.equal(acks.endOf(run('2')), undefined);
    assert.equal(acks.endOf(run('1', { task: 'other' })), undefined);
  });

  test('run again when they were put back', () => {
    const acks = new LostAcks(new ManualClock());
    acks.add(run('1', { wasPutBack: true }), DONE);

    assert.equal(acks.endOf(run('1')), undefined);
  });

  test('are forgotten when there are more than a thousand, the oldest first', () => {
    const acks = new LostAcks(new ManualClock());
    for (let n = 0; n <= 1000; n++) acks.add(run(`${n}`), DONE);

    assert.equal(acks.endOf(run('0')), undefined);
    assert.equal(acks.endOf(run('1')), DONE);
    assert.equal(acks.endOf(run('1000')), DONE);
  });

  test('are remembered for ten minutes after each run, and no longer', () => {
    const clock = new ManualClock();
    const acks = new LostAcks(clock);
    acks.add(run('1'), DONE);
    acks.add(run('2'), DONE);
    clock.advance(300);
    acks.add(run('2'), DONE);

    clock.advance(299.9);
    assert.equal(acks.endOf(run('1')), DONE);
    clock.advance(0.1);
    assert.equal(acks.endOf(run('1')), undefined);
    assert.equal(acks.endOf(run('2')), DONE);
    clock.advance(300);
    assert.equal(acks.endOf(run('2')), undefined);
  });
});
