import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TaskOptions } from '../../../../src/app/options/task-options.ts';
import type { TaskCall } from '../../../../src/wire/messages/task-message.ts';
import { Announcer, type Revocation } from '../../../../src/worker/announcer.ts';
import { Unwanted } from '../../../../src/worker/intake/unwanted.ts';
import { RevokedTasks } from '../../../../src/worker/revoking/revoked-tasks.ts';
import { WorkerState } from '../../../../src/worker/worker-state.ts';
import { notedExecution, requestFor, turn } from '../made-requests.ts';

/** A request that a worker holds. */
function setup(call: Partial<TaskCall> = {}, options: TaskOptions = {}) {
  const { execution, clock, stored } = notedExecution();
  const revoked = new RevokedTasks(clock);
  const state = new WorkerState();
  const heard: Revocation[] = [];
  const settled: Promise<unknown>[] = [];
  const announcer = new Announcer([{ revoked: (_, revocation) => void heard.push(revocation) }]);
  const settle = (promise: Promise<unknown>) => void settled.push(promise);
  const unwanted = new Unwanted(state, execution, { announcer, revoked, settle });
  const { request, delivery } = requestFor(call, options);
  state.requests.add(request);
  const results = () => stored.map(({ status, result }) => [status, result]);
  return { unwanted, request, delivery, revoked, state, clock, heard, settled, results };
}

const revocation = (message: string) => [
  'REVOKED',
  { exc_type: 'TaskRevokedError', exc_message: [message], exc_module: 'celery.exceptions' },
];

describe('a request that is not wanted', () => {
  test('is not one that neither expired nor was revoked', () => {
    const { unwanted, request, delivery, state } = setup({ expires: 60 });

    assert.equal(unwanted.has(request), false);
    assert.equal(unwanted.discard(request), false);

    assert.deepEqual([delivery.notes, state.requests.size], [[], 1]);
  });

  test('because it expired is acknowledged, stored as revoked and held no longer', async () => {
    const { unwanted, request, delivery, state, clock, heard, results } = setup({ expires: 60 });
    clock.advance(61);

    assert.equal(unwanted.has(request), true);
    assert.equal(unwanted.discard(request), true);
    await turn();

    assert.deepEqual([delivery.notes, state.requests.size, request.state], [['ack'], 0, 'done']);
    assert.deepEqual(results(), [revocation('expired')]);
    assert.deepEqual(heard, [{ reason: 'expired', signal: null }]);
  });

  test('because it was revoked is acknowledged and stored as revoked', async () => {
    const { unwanted, request, delivery, revoked, heard, results } = setup();
    revoked.add('1');

    assert.equal(unwanted.discard(request), true);
    await turn();

    assert.deepEqual(delivery.notes, ['ack']);
    assert.deepEqual(results(), [revocation('revoked')]);
    assert.deepEqual(heard, [{ reason: 'revoked', signal: null }]);
  });

  test('leaves no result when its task ignores results', async () => {
    const { unwanted, request, delivery, revoked, results } = setup({ ignoreResult: true });
    revoked.add('1');

    unwanted.discard(request);
    await turn();

    assert.deepEqual([results(), delivery.notes], [[], ['ack']]);
  });

  test('is reported to somebody when it cannot be settled', async () => {
    const { unwanted, request, delivery, revoked, settled } = setup();
    delivery.ack = () => Promise.reject(new Error('no broker'));
    revoked.add('1');

    unwanted.discard(request);

    await assert.rejects(settled[0]!, /^Error: no broker$/);
  });
});

describe('a request that waits when it is revoked', () => {
  test('is acknowledged, stored as revoked and held no longer', async () => {
    const { unwanted, request, delivery, state, heard, results } = setup({ eta: 60 });

    unwanted.revoked(request);
    await turn();

    assert.deepEqual([delivery.notes, state.requests.size, request.state], [['ack'], 0, 'done']);
    assert.deepEqual(results(), [revocation('revoked')]);
    assert.deepEqual(heard, [{ reason: 'revoked', signal: null }]);
  });
});

describe('a request whose process was killed on request', () => {
  test('is stored as terminated, and acknowledged when that is to follow the run', async () => {
    const { unwanted, request, delivery, heard, results } = setup({}, { acksLate: true });
    request.state = 'active';

    await unwanted.terminated(request, 'SIGKILL');

    assert.deepEqual(delivery.notes, ['ack']);
    assert.deepEqual(results(), [revocation('terminated')]);
    assert.deepEqual(heard, [{ reason: 'terminated', signal: 'SIGKILL' }]);
  });

  test('is not acknowledged a second time', async () => {
    const { unwanted, request, delivery } = setup();
    request.state = 'active';

    await unwanted.terminated(request, 'SIGTERM');

    assert.deepEqual(delivery.notes, []);
  });
});
