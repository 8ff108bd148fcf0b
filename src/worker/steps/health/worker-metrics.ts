/** What a worker tells of itself when it is scraped; counting by task is up to `TaskMetrics`. */
import { readFileSync } from 'node:fs';
import type { Family, Sample } from '../../../process/health/metrics-text.ts';
import { counter, gauge } from '../../../process/health/process-metrics.ts';
import type { WorkerParts } from '../../assembly.ts';
import type { TaskMetrics } from '../../listeners/task-metrics.ts';
import type { WorkerHealth } from './worker-health.ts';

/** Queues that are named. */
const MOST_QUEUES = 500;
const PAGE_BYTES = 4096;

export function workerFamilies(
  parts: WorkerParts,
  tasks: TaskMetrics,
  health: WorkerHealth,
): Family[] {
  return [
    workerInfo(parts),
    gauge(
      'tscelery_worker_ready',
      'Whether it is ready.',
      isTrue(health.whyNotReady() === undefined),
    ),
    ...brokerFamilies(parts),
    ...poolFamilies(parts, tasks),
    counter('tscelery_events_dropped_total', 'Events that nobody gets.', parts.events.dropped),
  ];
}

const isTrue = (value: boolean) => (value ? 1 : 0);

function workerInfo({ hostname, pool }: WorkerParts): Family {
  const labels = { hostname, pool: pool.name };
  const samples = [{ labels, value: 1 }];
  return { name: 'tscelery_worker_info', type: 'gauge', help: 'Which worker this is.', samples };
}

function brokerFamilies({ link, state, transport }: WorkerParts): Family[] {
  const missing = new Set(link.missing);
  const limit = link.prefetch === 0 ? Number.POSITIVE_INFINITY : Math.max(0, link.prefetch);
  return [
    gauge('tscelery_broker_connected', 'Whether the broker answers.', isTrue(transport.connected)),
    counter('tscelery_broker_losses_total', 'Connections that were lost.', link.losses),
    gauge(
      'tscelery_consumer_consuming',
      'Whether messages are taken.',
      isTrue(link.state === 'consuming'),
    ),
    {
      name: 'tscelery_consumer_queue',
      type: 'gauge',
      help: 'Whether each queue is consumed.',
      samples: link.queues
        .slice(0, MOST_QUEUES)
        .map(({ name }): Sample => ({ labels: { queue: name }, value: missing.has(name) ? 0 : 1 })),
    },
    gauge('tscelery_prefetch_limit', 'Messages that it may hold.', limit),
    gauge('tscelery_messages_held', 'Messages that it holds, not acknowledged.', link.held),
    requestFamily(state.requests),
  ];
}

/** Where requests are that have not ended. */
function requestFamily(requests: WorkerParts['state']['requests']): Family {
  const counts = { reserved: 0, scheduled: 0, limited: 0, active: 0 };
  for (const { state } of requests) {
    if (state === 'scheduled' || state === 'limited' || state === 'active') counts[state] += 1;
    else if (state !== 'done') counts.reserved += 1;
  }
  return {
    name: 'tscelery_requests',
    type: 'gauge',
    help: 'Tasks in the worker: waiting for a place, for their ETA, for their rate limit, running.',
    samples: Object.entries(counts).map(([state, value]) => ({ labels: { state }, value })),
  };
}

function poolFamilies({ pool }: WorkerParts, { running }: TaskMetrics): Family[] {
  const { wanted, ready, blocked, launched, lost } = pool.vitals();
  const places = [
    gauge('tscelery_pool_places', 'Tasks that may run at once.', pool.size),
    gauge('tscelery_pool_busy_places', 'Tasks that run.', running),
  ];
  if (wanted === 0) return places;
  return [
    ...places,
    gauge('tscelery_pool_children', 'Children there are to be.', wanted),
    gauge('tscelery_pool_children_ready', 'Children that take tasks.', ready),
    gauge(
      'tscelery_pool_children_blocked',
      'Children whose event loop a task has blocked for ten seconds or more.',
      blocked,
    ),
    counter('tscelery_pool_children_started_total', 'Children started, also anew.', launched),
    counter('tscelery_pool_children_lost_total', 'Children that died by themselves.', lost),
    ...childMemory(pool.pids),
  ];
}

/** Threads share the memory of the worker; what is not known is left out. */
function childMemory(pids: readonly number[]): Family[] {
  const children = pids.filter(pid => pid !== process.pid);
  if (process.platform !== 'linux' || children.length === 0) return [];
  const bytes = children.reduce((sum, pid) => sum + residentBytes(pid), 0);
  return [gauge('tscelery_pool_resident_memory_bytes', 'Resident memory of all children.', bytes)];
}

function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return 0;
  }
}
