import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Terminated, TimeLimitExceeded, WorkerLostError } from '../../../../src/pool/errors.ts';
import { metricsText } from '../../../../src/process/health/metrics-text.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';
import type { TaskCall } from '../../../../src/wire/messages/task-message.ts';
import { TaskMetrics } from '../../../../src/worker/listeners/task-metrics.ts';
import type { Request } from '../../../../src/worker/request.ts';
import { numberIn, parseMetrics } from '../../../support/prometheus.ts';
import { requestFor } from '../made-requests.ts';

const lost = new WorkerLostError('it died', { exitCode: 1, signal: null });

function setup() {
  const clock = new FakeClock(1000);
  const metrics = new TaskMetrics(clock);
  const read = () => parseMetrics(metricsText(metrics.families()));
  return {
    ...{ clock, metrics, read },
    of: (name: string, task = 't.add') => numberIn(read(), name, { task }),
    outcome: (outcome: string, task = 't.add') =>
      numberIn(read(), 'tscelery_task_outcomes_total', { task, outcome }),
    received(call: Partial<TaskCall> = {}): Request {
      const { request } = requestFor(call);
      metrics.received(request, 'celery');
      return request;
    },
    start(request: Request): Request {
      request.startedAt = clock.now();
      metrics.started(request);
      return request;
    },
  };
}

describe('the metrics of tasks', () => {
  test('tell how often each answer was given', () => {
    const { metrics, received, start, outcome } = setup();
    const kinds = ['success', 'failure', 'retry', 'ignore', 'reject'] as const;

    for (const kind of kinds) {
      metrics.answered(start(received()), { kind, runtime: 1 });
      metrics.answered(start(received()), { kind, runtime: 1 });
    }

    const words = ['succeeded', 'failed', 'retried', 'ignored', 'rejected'];
    assert.deepEqual(
      words.map(word => outcome(word)),
      [2, 2, 2, 2, 2],
    );
    assert.equal(metrics.running, 0);
  });

  test('tell why a run had no answer, once', () => {
    const { metrics, received, start, outcome } = setup();
    const [limited, died, killed, cancelled] = [1, 2, 3, 4].map(() => start(received()));
    killed!.terminatedBy = 'SIGTERM';
    cancelled!.isCancelled = true;
    assert.equal(metrics.running, 4);

    metrics.lost(limited!, new TimeLimitExceeded(3));
    metrics.timedOut(limited!, false);
    metrics.lost(died!, lost);
    metrics.lost(killed!, new Terminated('signal 15 (SIGTERM)'));
    metrics.revoked(killed!, { reason: 'terminated', signal: 'SIGTERM' });
    metrics.lost(cancelled!, new Terminated('signal 15 (SIGTERM)'));

    const words = ['timed_out', 'lost', 'terminated', 'cancelled', 'revoked', 'failed'];
    assert.deepEqual(
      words.map(word => outcome(word)),
      [1, 1, 1, 1, undefined, undefined],
    );
    assert.equal(metrics.running, 0);
  });

  test('tell what was not started, and do not take it for a run', () => {
    const { metrics, received, outcome, of } = setup();
    metrics.revoked(received(), { reason: 'expired', signal: null });
    metrics.revoked(received(), { reason: 'revoked', signal: null });
    const killed = received();
    killed.terminatedBy = 'SIGTERM';
    metrics.lost(killed, new Terminated('signal 15 (SIGTERM)'));
    metrics.revoked(killed, { reason: 'terminated', signal: 'SIGTERM' });

    assert.deepEqual([outcome('expired'), outcome('revoked'), outcome('terminated')], [1, 1, 1]);
    assert.equal(of('tscelery_task_started_total'), undefined);
    assert.equal(of('tscelery_task_run_seconds_count'), undefined);
    assert.equal(metrics.running, 0);
  });

  test('time runs, those without an answer too', () => {
    const { clock, metrics, received, start, of } = setup();
    metrics.answered(start(received()), { kind: 'success', runtime: 0.25 });
    const died = start(received());
    clock.advance(4);
    metrics.lost(died, lost);

    assert.equal(of('tscelery_task_run_seconds_count'), 2);
    assert.equal(of('tscelery_task_run_seconds_sum'), 4.25);
  });

  test('time the wait for a place, from the ETA on when there is one', () => {
    const { clock, received, start, of } = setup();
    const [now, later] = [received(), received({ eta: 1010 })];
    clock.advance(2);
    start(now);
    clock.advance(11);
    start(later);

    assert.equal(of('tscelery_task_wait_seconds_count'), 2);
    assert.equal(of('tscelery_task_wait_seconds_sum'), 5);
  });

  test('do not count waits below nothing when the clock is set back', () => {
    const { received, start, of, clock } = setup();
    const request = received();
    request.receivedAt = clock.now() + 3600;
    start(request);

    assert.equal(of('tscelery_task_wait_seconds_sum'), 0);
  });

  test('count soft time limits, and messages that are no requests', () => {
    const { metrics, received, read, of } = setup();
    metrics.timedOut(received(), true);
    metrics.unknown();
    metrics.unknown();
    metrics.refused();

    assert.equal(of('tscelery_task_soft_timeouts_total'), 1);
    const refused = (reason: string) =>
      numberIn(read(), 'tscelery_messages_refused_total', { reason });
    assert.deepEqual([refused('unknown_task'), refused('unreadable')], [2, 1]);
  });

  test('have numbers of their own for 500 tasks and queues, and one for all others', () => {
    const { metrics, read } = setup();
    for (let i = 0; i < 2000; i++) {
      const { request } = requestFor({ task: `t.${i}` });
      metrics.received(request, `q.${i}`);
      metrics.answered(request, { kind: 'success', runtime: 0 });
    }
    const { request } = requestFor({ task: 't.0' });
    metrics.received(request, 'q.0');

    const all = read();
    for (const name of ['tscelery_task_received_total', 'tscelery_queue_received_total']) {
      assert.ok(all.get(name)!.series.length <= 501, name);
    }
    assert.equal(numberIn(all, 'tscelery_task_received_total', { task: 't.0' }), 2);
    assert.equal(numberIn(all, 'tscelery_task_received_total', { task: '(other)' }), 1500);
    assert.equal(numberIn(all, 'tscelery_queue_received_total', { queue: '(other)' }), 1500);
  });

  test('survive every name', () => {
    const { received, of } = setup();
    for (const task of ['a"b', 'a\\', 'a\nb', '__proto__', 'constructor', 'ü']) {
      received({ task });
      assert.equal(of('tscelery_task_received_total', task), 1);
    }
  });
});
