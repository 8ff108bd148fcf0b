/** The app of the soak tests: on the Redis server that SOAK_REDIS names, with results when asked for. */
import { Celery } from '../../dist/index.js';

const { SOAK_REDIS: broker, SOAK_RESULTS: results } = process.env;

export const app = new Celery('soak', {
  broker,
  ...(results && { backend: broker }),
  task_ignore_result: !results,
});

export const noop = app.task('soak.noop', () => 42);
