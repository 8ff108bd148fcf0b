/**
 * Compile-time tests of signatures and chains, as in `task.types.ts`: checked, never run.
 */
import { type AsyncResult, Celery, chain, type Signature } from '../../src/index.ts';

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
