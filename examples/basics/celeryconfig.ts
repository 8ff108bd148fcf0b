/** Found because it lies in the directory where the worker starts. */
import type { CeleryConfig } from 'tscelery';

export default {
  // No broker_url: messages and results are kept in ./celery.sqlite.
  task_routes: { 'feeds.*': 'feeds' },
  task_soft_time_limit: { minutes: 5 },
  task_track_started: true,
  result_expires: { hours: 1 },
} satisfies CeleryConfig;
