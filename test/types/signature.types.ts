/**
 * Compile-time tests of signatures and chains, as in `task.types.ts`: checked, never run.
 */
import {
  type AsyncResult,
  Celery,
  chain,
  chord,
  type EagerResult,
  type GroupResult,
  group,
  type Signature,
} from '../../src/index.ts';

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function expectType<T extends true>(_: T | undefined = undefined): void {}

const app = new Celery('types');
const add = app.task('types.add', (x: number, y: number) => x + y);
const text = app.task('types.text', async (n: number) => `n=${n}`);
const optional = app.task('types.optional', (x: number, y?: number) => x + (y ?? 0));
const tsum = app.remoteTask<(xs: number[]) => number>('py.tsum');

export async function signatures(): Promise<void> {
  const partial = add.s(2);
  expectType<Equal<typeof partial, Signature<[x: number], number, 'partial'>>>();
  const sum = await partial.delay(1);
  expectType<Equal<typeof sum, AsyncResult<number>>>();
  const whole = add.s(1, 2);
  expectType<Equal<typeof whole, Signature<[], number, 'partial'>>>();
  expectType<Equal<ReturnType<typeof add.si>, Signature<[], number, 'immutable'>>>();
  await whole.set({ queue: 'q' }).link(text.s()).delay();
  optional.s(1);

  const steps = chain(add.s(1, 2), add.s(4), text.s());
  expectType<Equal<typeof steps, Signature<[], string, 'partial'>>>();
  const open = chain(add.s(1), text.s());
  expectType<Equal<typeof open, Signature<[x: number], string, 'partial'>>>();
  chain(text.s(1), add.si(1, 2), text.s());
  chain(tsum.s([1, 2]), add.s(1));
  chain(chain(add.s(1, 2), add.s(1)), text.s());
  const listed = await chain([1, 2, 3].map(i => add.si(i, i))).delay();
  expectType<Equal<typeof listed, AsyncResult<unknown>>>();
}

export async function groups(): Promise<void> {
  const both = await group(add.s(1, 2), text.s(3)).delay();
  expectType<Equal<typeof both, GroupResult<[number, string]>>>();
  const listed = await group([add.s(1, 2), text.s(3)]).delay();
  expectType<Equal<typeof listed, GroupResult<[number, string]>>>();
  const many = await group([1, 2].map(i => add.s(i, i))).delay();
  expectType<Equal<typeof many, GroupResult<number[]>>>();
  const read = await group(new Set([text.s(1)])).delay();
  expectType<Equal<typeof read, GroupResult<string[]>>>();
  await group(add.s(1), text.s(), add.si(1, 2)).delay(5);
  await group([]).delay();
  const here = await group(add.s(1, 2), text.s(3)).apply();
  expectType<Equal<typeof here, GroupResult<[number, string]>>>();

  const total = await chord([add.s(1, 2), add.s(3, 4)], tsum.s()).delay();
  expectType<Equal<typeof total, AsyncResult<number>>>();
  await chord([add.s(1), add.s(3)], tsum.s()).delay(7);
  chord([1, 2].map(i => add.s(i, i)).values(), tsum.s());
  chord(group(add.s(1, 2), add.s(3, 4)), tsum.s());
  chord([text.s(1)], add.si(1, 2));
  const last = await chord([add.s(1, 2)], group(tsum.s(), tsum.s())).delay();
  expectType<Equal<typeof last, GroupResult<[number, number]>>>();

  const steps = chain(add.s(1, 2), group(add.s(1), add.s(2)), tsum.s(), text.s());
  expectType<Equal<typeof steps, Signature<[], string, 'partial'>>>();
  const spread = await chain(add.s(1, 2), group(add.s(1), text.s())).delay();
  expectType<Equal<typeof spread, GroupResult<[number, string]>>>();
  const piped = add
    .s(1, 2)
    .pipe(add.s(1))
    .pipe(group(text.s(), add.s(1)));
  expectType<Equal<ReturnType<typeof piped.delay>, Promise<GroupResult<[string, number]>>>>();
  expectType<Equal<Awaited<ReturnType<typeof steps.apply>>, EagerResult<string>>>();
  const frozen = group(add.s(1, 2)).freeze();
  expectType<Equal<typeof frozen.result, GroupResult<[number]>>>();

  expectType<Equal<ReturnType<typeof text.map>, Signature<[], string[], 'immutable'>>>();
  text.map([1, 2]);
  add.starmap([[1, 2]]);
  const chunks = await add.chunks([[1, 2]], 10).delay();
  expectType<Equal<typeof chunks, GroupResult<number[][]>>>();
}

export function groupMistakes(): void {
  // @ts-expect-error the body takes a number, and gets a list
  chord([add.s(1, 2), add.s(3, 4)], add.s(1));
  // @ts-expect-error the body takes numbers, and gets texts
  chord([text.s(1)], tsum.s());
  // @ts-expect-error texts, from a group in a chain
  chain(group(text.s(1), text.s(2)), tsum.s());
  // @ts-expect-error no signature
  group(add.s(1, 2), add);
  // @ts-expect-error no signature
  chord([1], tsum.s());
  // @ts-expect-error an argument is missing
  void group(add.s(1), add.s(2)).delay();
  // @ts-expect-error one lacks an argument that the other has
  void group(add.s(1), add.s(2, 3)).delay(1);
  // @ts-expect-error texts are no numbers
  text.map(['a']);
  // @ts-expect-error a text is no number
  text.s(1).pipe(add.s(1));
  // @ts-expect-error no list of arguments
  add.chunks([1, 2], 10);
}

export function mistakes(): void {
  // @ts-expect-error an argument of the wrong type
  add.s('1');
  // @ts-expect-error too many
  add.s(1, 2, 3);
  // @ts-expect-error an immutable call has all its arguments
  add.si(1);
  // @ts-expect-error the missing argument is not given
  void add.s(2).delay();
  // @ts-expect-error a text is no number
  chain(text.s(1), add.s(1));
  // @ts-expect-error two arguments are missing where one result comes
  chain(add.s(1, 2), add.s());
  // @ts-expect-error a number is no list
  chain(add.s(1, 2), tsum.s());
  // @ts-expect-error no option
  add.s(1).set({ qeue: 'q' });
}
