/** What handles of every kind have in common, and how they hang together. */
import type { ResultBackend } from '../../backends/contract.ts';
import type { Closing } from '../../base/closing.ts';
import type { Control } from '../../control/control.ts';
import type { RevokeTarget } from '../../control/control-options.ts';
import { currentTask } from '../../execute/task-context.ts';
import type { ResultTuple } from '../../wire/result-shapes.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import type { GetOptions, ResultBounds } from './result-options.ts';

export interface ResultHost {
  backend(): Promise<ResultBackend>;
  /** For those who wait, and would for ever otherwise: hears of the app's next `close`. */
  closing(): Closing;
  decodeError(data: unknown, traceback: string | null): Error;
  readonly control: Control;
  /** The handle that a result tuple stands for. @throws TypeError for what is none */
  fromTuple(tuple: unknown): ResultHandle;
}

/** Key of what only other handles may touch. */
export const LEAF: unique symbol = Symbol.for('tscelery.leaf');

/** A result of one task or of a group: `AsyncResult`, `EagerResult` or `GroupResult`. */
export interface ResultHandle<R = unknown> {
  readonly id: string;
  /** What had to be done before: the step before in a chain, the header of a chord. */
  readonly parent: ResultHandle | undefined;
  /** Of a group, in its order. */
  readonly results?: readonly ResultHandle[];
  get(options?: GetOptions): Promise<R>;
  ready(options?: ResultBounds): Promise<boolean>;
  successful(options?: ResultBounds): Promise<boolean>;
  failed(options?: ResultBounds): Promise<boolean>;
  maybeThrow(options?: ResultBounds): Promise<void>;
  children(options?: ResultBounds): Promise<readonly ResultHandle[]>;
  forget(options?: ResultBounds): Promise<void>;
  revoke(options?: RevokeTarget & { readonly timeout?: number }): Promise<void>;
  asTuple(): ResultTuple;
  toJSON(): unknown;
  /** @internal */
  readonly [LEAF]?: Leaf;
}

/** The result of one task, as far as it is known here. */
export interface Leaf {
  readonly id: string;
  /** No document will come. */
  readonly ignored: boolean;
  /** Whose result it is; undefined for one that is not stored. */
  readonly host: ResultHost | undefined;
  /** The final document, once it was read. */
  readonly final: ResultMeta | undefined;
  /** Keeps a document that is final. */
  learn(meta: ResultMeta): void;
  /** What is known was deleted. */
  unlearn(): void;
  /** Of one that is final or ignored. @throws the error of the task, with `propagate` */
  value(propagate: boolean): unknown;
}

/** A handle, or a set of them. */
export type Whole = Partial<Pick<ResultHandle, 'results' | 'parent' | typeof LEAF>>;

/** The tasks of it, groups in groups taken apart, in their order. */
export function leavesOf(whole: Whole): Leaf[] {
  if (whole[LEAF]) return [whole[LEAF]];
  return [...within(whole)].flatMap(part => part[LEAF] ?? []);
}

function* within(whole: Whole): Generator<Whole, void, undefined> {
  yield whole;
  for (const member of whole.results ?? []) yield* within(member);
}

/** The tasks of all that came before it, what began first ahead. */
export function leavesBefore(whole: Whole): Leaf[] {
  const before = new Set<Whole>();
  for (const part of within(whole)) addBefore(part, before);
  return [...before].flatMap(handle => handle[LEAF] ?? []);
}

function addBefore(whole: Whole, before: Set<Whole>): void {
  const line: ResultHandle[] = [];
  for (let one = whole.parent; one && !before.has(one); one = one.parent) line.push(one);
  for (const handle of line.reverse()) {
    for (const part of within(handle)) {
      if (part !== handle) addBefore(part, before);
      before.add(part);
    }
  }
}

export function tupleOf({ id, parent, results }: ResultHandle): ResultTuple {
  return [[id, parent?.asTuple() ?? null], results?.map(member => member.asTuple()) ?? null];
}

/** A task that waits long is known to its worker, since it keeps its place. */
export function noted<T>(taskId: string, waiting: Promise<T>): Promise<T> {
  return currentTask()?.waitFor(taskId, waiting) ?? waiting;
}

/** The same for each wait of somebody who reads one after the other. */
export async function* notedEach<T>(
  taskId: string,
  stream: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  try {
    for (;;) {
      const next = await noted(taskId, stream.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await stream.return();
  }
}
