/** The app of the measured tscelery worker. */
import { Celery } from '../../../dist/index.js';
import { monotonic } from './producing.js';

const { BENCH_BROKER: broker, BENCH_BACKEND: backend, BENCH_ENTRIES, BENCH_EVERY } = process.env;

const entries = {};
for (let i = 0; i < Number(BENCH_ENTRIES ?? 0); i++) {
  entries[`e${i}`] = { task: 'bench.echo', schedule: Number(BENCH_EVERY), args: [i] };
}

export const app = new Celery('bench', {
  broker,
  ...(backend && { backend }),
  task_ignore_result: !backend,
  beat_schedule: entries,
});

export const noop = app.task('bench.noop', () => 42);

export const echo = app.task('bench.echo', value => value);

export const started = app.task('bench.started', () => monotonic());

export const add = app.task('bench.add', (x, y) => x + y);

export const sum = app.task('bench.sum', values => values.reduce((a, b) => a + b, 0));
