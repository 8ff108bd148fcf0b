import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PoolVitals } from '../../../../../src/pool/contract.ts';
import { metricsText } from '../../../../../src/process/health/metrics-text.ts';
import type { WorkerParts } from '../../../../../src/worker/assembly.ts';
import type { TaskMetrics } from '../../../../../src/worker/listeners/task-metrics.ts';
import type { RequestState } from '../../../../../src/worker/request.ts';
import type { WorkerHealth } from '../../../../../src/worker/steps/health/worker-health.ts';
import { workerFamilies } from '../../../../../src/worker/steps/health/worker-metrics.ts';

interface Given {
  readonly vitals?: Partial<PoolVitals>;
  readonly pids?: readonly number[];
  readonly queues?: readonly string[];
  readonly prefetch?: number;
  readonly state?: string;
  readonly connected?: boolean;
  readonly notReady?: string;
  readonly requests?: readonly RequestState[];
}

/** What a worker tells, by name and labels. */
function scrape(given: Given = {}): Map<string, string> {
  const { prefetch = 8, state = 'consuming', connected = true, pids = [], requests = [] } = given;
  const vitals = { ...{ wanted: 0, ready: 0, blocked: 0, launched: 0, lost: 0 }, ...given.vitals };
  const queues = (given.queues ?? ['celery']).map(name => ({ name }));
  const parts = {
    hostname: 'w1@h',
    pool: { name: 'prefork', size: 4, pids, vitals: () => vitals },
    link: { prefetch, state, queues, losses: 3, held: 5 },
    transport: { connected },
    state: { requests: requests.map(each => ({ state: each })) },
    events: { dropped: 7 },
  } as unknown as WorkerParts;
  const health = { whyNotReady: () => given.notReady } as unknown as WorkerHealth;
  const tasks = { running: 2 } as unknown as TaskMetrics;
  const lines = metricsText(workerFamilies(parts, tasks, health))
    .trim()
    .split('\n');
  const samples = lines.filter(line => !line.startsWith('#'));
  return new Map(
    samples.map(line => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

describe('the metrics of a worker', () => {
  it('say which worker it is, and whether it is ready', () => {
    assert.equal(scrape().get('tscelery_worker_info{hostname="w1@h",pool="prefork"}'), '1');
    assert.equal(scrape().get('tscelery_worker_ready'), '1');
    assert.equal(scrape({ notReady: 'it is stopping' }).get('tscelery_worker_ready'), '0');
  });

  const broker: readonly (readonly [Given, string, string])[] = [
    [{}, 'tscelery_broker_connected', '1'],
    [{ connected: false }, 'tscelery_broker_connected', '0'],
    [{}, 'tscelery_broker_losses_total', '3'],
    [{}, 'tscelery_consumer_consuming', '1'],
    [{ state: 'lost' }, 'tscelery_consumer_consuming', '0'],
    [{}, 'tscelery_prefetch_limit', '8'],
    [{ prefetch: 0 }, 'tscelery_prefetch_limit', '+Inf'],
    [{ prefetch: -1 }, 'tscelery_prefetch_limit', '0'],
    [{}, 'tscelery_messages_held', '5'],
    [{}, 'tscelery_events_dropped_total', '7'],
    [{}, 'tscelery_pool_places', '4'],
    [{}, 'tscelery_pool_busy_places', '2'],
  ];
  for (const [given, name, value] of broker) {
    it(`have ${name} ${value} with ${JSON.stringify(given)}`, () => {
      assert.equal(scrape(given).get(name), value);
    });
  }

  it('name the queues, and not thousands of them', () => {
    const named = (queues: readonly string[]) =>
      [...scrape({ queues }).keys()].filter(key => key.startsWith('tscelery_consumer_queue'));

    assert.deepEqual(named(['a', 'b"c']), [
      'tscelery_consumer_queue{queue="a"}',
      'tscelery_consumer_queue{queue="b\\"c"}',
    ]);
    assert.deepEqual(named([]), []);
    assert.equal(named(Array.from({ length: 2000 }, (_, n) => `q${n}`)).length, 500);
  });

  it('count requests by where they are', () => {
    const requests: RequestState[] = [
      ...(['reserved', 'starting', 'submitted', 'scheduled', 'scheduled'] as const),
      ...(['limited', 'active', 'active', 'done'] as const),
    ];
    const metrics = scrape({ requests });
    const count = (state: string) => metrics.get(`tscelery_requests{state="${state}"}`);

    assert.deepEqual(['reserved', 'scheduled', 'limited', 'active'].map(count), [
      '3',
      '2',
      '1',
      '2',
    ]);
    assert.equal(count('done'), undefined);
  });

  it('tell of children only where there are some', () => {
    const names = (given: Given) => [...scrape(given).keys()].filter(key => /children/.test(key));

    assert.deepEqual(names({}), []);
    assert.deepEqual(names({ vitals: { wanted: 2 } }), [
      'tscelery_pool_children',
      'tscelery_pool_children_ready',
      'tscelery_pool_children_blocked',
      'tscelery_pool_children_started_total',
      'tscelery_pool_children_lost_total',
    ]);
  });

  it('tell how the children are', () => {
    const vitals = { wanted: 5, ready: 4, blocked: 1, launched: 9, lost: 2 };
    const metrics = scrape({ vitals });
    const values = ['', '_ready', '_blocked', '_started_total', '_lost_total'].map(end =>
      metrics.get(`tscelery_pool_children${end}`),
    );
    assert.deepEqual(values, ['5', '4', '1', '9', '2']);
  });

  it('add up the memory of the children, without those that are gone', () => {
    const memory = (pids: readonly number[]) =>
      scrape({ vitals: { wanted: 1 }, pids }).get('tscelery_pool_resident_memory_bytes');
    // the parent of this process lives as long as it
    const one = Number(memory([process.ppid]));

    assert.ok(one > 0);
    assert.equal(memory([2 ** 30]), '0');
    assert.ok(Number(memory([process.ppid, 2 ** 30])) > 0);
  });

  it('leave it out for threads, whose memory is that of the worker', () => {
    for (const pids of [[process.pid, process.pid], []]) {
      const metrics = scrape({ vitals: { wanted: 2 }, pids });
      assert.equal(metrics.has('tscelery_pool_resident_memory_bytes'), false);
    }
  });
});
