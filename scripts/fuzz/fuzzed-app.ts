/** The app of the fuzz: its tasks make values and errors where they run, since many cannot be sent. */
import { inspect } from 'node:util';
import { threadId } from 'node:worker_threads';
import { Celery } from 'tscelery';
import { errorAt } from './random-errors.ts';
import { valueAt } from './random-values.ts';
import { type Format, isEqual } from './specimen.ts';

export const app = new Celery('fuzz', JSON.parse(process.env.FUZZ_SETTINGS ?? '{}') as object);

const SHOWN = 500;

/** Who ran it, and whether the value came as it should. */
export const take = app.task(
  'fuzz.take',
  (seed: number, index: number, format: Format, value: unknown) => {
    const { arrives } = valueAt(seed, index, format);
    const isRight = arrives.how !== 'refused' && isEqual(value, arrives.value);
    const found = isRight ? '' : inspect(value, { depth: 5 }).slice(0, SHOWN);
    return { who: `${process.pid}/${threadId}`, isRight, found };
  },
);

export const give = app.task('fuzz.give', (seed: number, index: number, format: Format) => {
  const { value } = valueAt(seed, index, format);
  switch (index % 4) {
    case 0:
      return Promise.resolve().then(() => value);
    case 1:
      // biome-ignore lint/suspicious/noThenProperty: what is awaited need not be a promise
      return { then: (resolve: (value: unknown) => void) => resolve(value) };
    default:
      return value;
  }
});

export const fail = app.task('fuzz.fail', (seed: number, index: number, format: Format) => {
  const { value } = errorAt(seed, index, format);
  if (index % 2 === 0) return Promise.reject(value);
  throw value;
});
