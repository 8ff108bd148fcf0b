/**
 * Compile-time tests: this file is type-checked, never run. Each `@ts-expect-error` line
 * fails the check when the mistake under it is no longer noticed.
 */
import {
  type AsyncResult,
  Celery,
  type GroupResult,
  ResultSet,
  type Task,
  type TaskContext,
} from '../../src/index.ts';

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function expectType<T extends true>(_: T | undefined = undefined): void {}

declare module '../../src/index.ts' {
  interface TaskRegistry {
    'py.tsum': (xs: number[]) => number;
  }
}

const app = new Celery('types');

const add = app.task('types.add', (x: number, y: number) => x + y);
const text = app.task('types.text', async (n: number) => `n=${n}`);
const loud = app.task('types.loud', { bind: true, maxRetries: 3 }, async (self, s: string) => {
  expectType<Equal<typeof self, TaskContext>>();
  return s.toUpperCase();
});
const optional = app.task('types.optional', (x: number, y?: number) => x + (y ?? 0));
const tsum = app.remoteTask<(xs: number[]) => number>('py.remote');
const named = app.task(function double(x: number) {
  return 2 * x;
});

export async function calls(): Promise<void> {
  const sum = await add.delay(1, 2);
  expectType<Equal<typeof sum, AsyncResult<number>>>();
  const value = await sum.get({ timeout: 1 });
  expectType<Equal<typeof value, number>>();
  const said = await (await text.delay(1)).get();
  expectType<Equal<typeof said, string>>();
  const here = await add(1, 2);
  expectType<Equal<typeof here, number>>();
  expectType<Equal<typeof loud, Task<[s: string], string>>>();
  expectType<Equal<typeof named, Task<[x: number], number>>>();

  await optional.delay(1);
  await optional.delay(1, 2);
  await add.applyAsync([1, 2], { countdown: 3, queue: 'slow', priority: 1, expires: 60 });
  await add.applyAsync([1], { kwargs: { y: 2 } });
  await add.applyAsync(undefined, { kwargs: { x: 1, y: 2 } });

  const total = await (await tsum.delay([1, 2])).get();
  expectType<Equal<typeof total, number>>();
  const unknown = await app.sendTask('some.where', [1]);
  expectType<Equal<typeof unknown, AsyncResult<unknown>>>();
  const typed = await app.sendTask('py.tsum', [[1, 2]]);
  expectType<Equal<typeof typed, AsyncResult<number>>>();
}

export async function groups(): Promise<void> {
  const [sum, said] = [await add.delay(1, 2), await text.delay(1)];
  const set = new ResultSet<[number, string]>([sum, said]);
  const values = await set.get();
  expectType<Equal<typeof values, [number, string]>>();
  const second = await set.results[1].get();
  expectType<Equal<typeof second, string>>();
  const group = app.GroupResult('id', [sum, set.results[1]]);
  const both = app.GroupResult<[number, [number, string]]>('outer', [
    sum,
    app.GroupResult<[number, string]>('inner', [sum, said]),
  ]);
  expectType<Equal<typeof both, GroupResult<[number, [number, string]]>>>();
  const nested = await both.get({ followParents: false, callback: (_id, _value) => {} });
  expectType<Equal<typeof nested, [number, [number, string]]>>();
  await group.get();
  const restored = await app.GroupResult.restore<number[]>('id');
  const numbers = await restored?.get();
  expectType<Equal<typeof numbers, number[] | undefined>>();
  // @ts-expect-error a result of another type
  new ResultSet<[number, string]>([sum, sum]);
  // @ts-expect-error an id
  app.GroupResult([sum]);
}

export async function mistakes(): Promise<void> {
  // @ts-expect-error an argument of the wrong type
  await add.delay('1', 2);
  // @ts-expect-error an argument missing
  await add.delay(1);
  // @ts-expect-error an argument too many
  await add.delay(1, 2, 3);
  // @ts-expect-error an argument missing, and no keywords
  await add.applyAsync([1]);
  // @ts-expect-error an option that does not exist
  await add.applyAsync([1, 2], { cuontdown: 3 });
  // @ts-expect-error called here with the wrong type
  await add('1', 2);
  // @ts-expect-error the context is not an argument of the call
  await loud.delay({}, 'x');
  // @ts-expect-error a typed name with the wrong arguments
  await app.sendTask('py.tsum', ['1']);
  // @ts-expect-error a setting that does not exist
  new Celery('x', { task_default_queu: 'q' });
  // @ts-expect-error a setting of the wrong type
  new Celery('x', { broker_transport_options: 5 });
}
