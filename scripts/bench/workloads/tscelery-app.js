/** The app of the measured tscelery worker. */
import { Celery } from '../../../dist/index.js';
import { monotonic } from './producing.js';

const { BENCH_BROKER: broker, BENCH_BACKEND: backend } = process.env;

export const app = new Celery('bench', {
  broker,
  ...(backend && { backend }),
  task_ignore_result: !backend,
});

export const noop = app.task('bench.noop', () => 42);

export const started = app.task('bench.started', () => monotonic());

export const add = app.task('bench.add', (x, y) => x + y);

export const sum = app.task('bench.sum', values => values.reduce((a, b) => a + b, 0));
