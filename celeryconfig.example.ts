/**
 * The settings people use most. Copy this file to celeryconfig.ts in the directory where the
 * worker starts; what is commented out shows the default or an example. All settings:
 * docs/settings.md.
 *
 * Names and values are those of Celery, so celeryconfig.json or celeryconfig.yaml can be
 * shared with Python nodes.
 */

import type { CeleryConfig } from 'tscelery';

export default {
  // Where messages go. Without broker_url and result_backend both are kept in ./celery.sqlite.
  broker_url: process.env.BROKER_URL ?? 'redis://localhost:6379/0',
  // A message whose holder fell silent is given to another worker after this time.
  broker_transport_options: { visibility_timeout: 3600 },
  // broker_connection_retry_on_startup: true,

  // Where results are kept, and for how long. With a broker_url and without this there are none.
  result_backend: 'redis://localhost:6379/1',
  result_expires: { days: 1 },
  // result_extended: true,

  // Modules that declare tasks; loaded when a worker starts.
  // imports: ['./src/tasks.ts'],

  // Which task goes where. Queues that are not declared are created.
  task_default_queue: 'celery',
  task_routes: {
    'mail.*': 'mail',
    'video.encode': { queue: 'video', priority: 5 },
  },
  // task_queues: { mail: {}, video: { max_priority: 9 } },
  // task_create_missing_queues: false,

  // How tasks run.
  task_acks_late: false,
  task_time_limit: { minutes: 10 },
  task_soft_time_limit: { minutes: 9 },
  // task_track_started: true,
  // task_ignore_result: true,
  // task_tracing: true, // OpenTelemetry: docs/tracing.md
  // task_annotations: { 'mail.send': { rate_limit: '10/m' } },

  // The worker: places in the pool, tasks at once in one place, messages held for each.
  // worker_concurrency: 4,
  worker_child_slots: 1,
  worker_prefetch_multiplier: 4,
  // /live and /ready for probes, /metrics for Prometheus; the ports may be the same.
  // worker_health_port: 8080,
  // worker_metrics_port: 8080,

  // Periodic tasks, sent by `tscelery beat` or `worker -B`: docs/user-guide/periodic.md.
  // beat_schedule: { often: { task: 'proj.add', schedule: 30, args: [16, 16], options: { expires: 30 } } },

  // timezone: 'Europe/Berlin',
} satisfies CeleryConfig;
