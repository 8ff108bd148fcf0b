/**
 * The app of the soak tests: on the broker that SOAK_BROKER names, with results when SOAK_BACKEND
 * is given, from the queue SOAK_QUEUE, with late acks when SOAK_LATE is, and with time limits that
 * are never reached when SOAK_LIMITS is. SOAK_SPIN_MS is how long a task takes.
 */
import { Celery } from '../../dist/index.js';

const {
  SOAK_BROKER,
  SOAK_BACKEND,
  SOAK_QUEUE = 'celery',
  SOAK_LATE,
  SOAK_LIMITS,
  SOAK_SPIN_MS,
} = process.env;
/** Seconds: nobody reads the results of a worker that is soaked for long. */
const KEPT = 10;

export const app = new Celery('soak', {
  broker: SOAK_BROKER,
  ...(SOAK_BACKEND && { backend: SOAK_BACKEND }),
  result_expires: KEPT,
  task_ignore_result: !SOAK_BACKEND,
  task_default_queue: SOAK_QUEUE,
  task_acks_late: SOAK_LATE !== undefined,
  ...(SOAK_LIMITS && { task_soft_time_limit: 60, task_time_limit: 120 }),
});

/** So that one producer can keep up with several workers. */
function spin() {
  const end = performance.now() + Number(SOAK_SPIN_MS ?? 0);
  while (performance.now() < end);
}

export const noop = app.task('soak.noop', () => {
  if (SOAK_SPIN_MS) spin();
  return 42;
});

export const retried = app.task('soak.retried', { bind: true }, self => {
  if (self.request.retries === 0) throw self.retry({ countdown: 0 });
  return 42;
});

export const failed = app.task('soak.failed', () => {
  throw new RangeError('no more tape');
});
