/** Waiting for the tasks of a handle, with an eye on those before it, whose failure is its own. */
import { type Bounds, bounded } from '../../backends/bounded.ts';
import { fetchMany, finalDocuments, forgetMany } from '../../backends/wait-many.ts';
import { currentTask } from '../../execute/task-context.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import { SyncSubtask } from './errors.ts';
import { type Leaf, leavesBefore, leavesOf, type ResultHost, type Whole } from './handle.ts';
import { hasFailed } from './leaf.ts';
import type { GetOptions } from './result-options.ts';

/** @throws SyncSubtask where `get` must not be called */
export function checkPlace({ disableSyncSubtasks }: GetOptions): void {
  if (!disableSyncSubtasks || !currentTask()) return;
  throw new SyncSubtask(
    'Never call result.get() within a task! It keeps the place of a worker that may be needed for the other one; link the tasks instead.',
  );
}

/** Whether a failure of what came before ends the wait. */
export function follows({ followParents, propagate }: GetOptions): boolean {
  return followParents !== false && propagate !== false;
}

/**
 * Wait until every task of `whole` has ended.
 *
 * @param onEnd hears of each, in the order in which they end; what it throws ends the wait
 * @throws with `propagate` the error of a task before `whole`, soon after it has failed
 */
export async function awaitAll(
  whole: Whole,
  options: GetOptions,
  onEnd: (leaf: Leaf) => void,
): Promise<void> {
  const following = follows(options);
  for await (const leaf of endings(whole, options)) {
    if (following && leaf.final && hasFailed(leaf.final)) await throwOfParents(whole, options);
    onEnd(leaf);
  }
}

/** Each task of it when it has ended; those known to have ended first. */
export async function* endings(
  whole: Whole,
  options: GetOptions,
): AsyncGenerator<Leaf, void, undefined> {
  const leaves = leavesOf(whole);
  const open = new Map<string, Leaf[]>();
  for (const leaf of leaves) {
    if (!isOpen(leaf)) yield leaf;
    else open.set(leaf.id, [...(open.get(leaf.id) ?? []), leaf]);
  }
  const host = hostOf(leaves);
  if (open.size === 0 || !host) return;
  const closing = host.closing();
  const backend = await host.backend();
  const before = new Map<string, Leaf>();
  const alsoWatch = () => {
    if (!follows(options)) return [];
    for (const leaf of leavesBefore(whole)) if (isOpen(leaf)) before.set(leaf.id, leaf);
    return [...before.keys()];
  };
  const { timeout, signal, onMessage, onInterval, interval } = options;
  const wait = { timeout, signal, onMessage, onInterval, interval, closing, alsoWatch };
  for await (const meta of finalDocuments(backend, [...open.keys()], wait)) {
    const ended = open.get(meta.task_id);
    if (!ended && hasFailed(meta)) throwOf(before.get(meta.task_id)!, meta);
    if (!ended) continue;
    for (const leaf of ended) leaf.learn(meta);
    backend.release?.(meta.task_id);
    yield* ended;
  }
}

/** Every state of each task of it as it is stored, until all have ended. */
export async function* updatesOf(
  whole: Whole,
  { timeout, signal }: Bounds,
): AsyncGenerator<ResultMeta, void, undefined> {
  const leaves = leavesOf(whole);
  for (const { final } of leaves) if (final) yield final;
  const open = leaves.filter(isOpen);
  const host = hostOf(open);
  if (!host) return;
  const byId = new Map(open.map(leaf => [leaf.id, leaf]));
  const wait = { timeout, signal, closing: host.closing(), everyState: true };
  const backend = await host.backend();
  for await (const meta of finalDocuments(backend, [...byId.keys()], wait)) {
    const leaf = byId.get(meta.task_id)!;
    leaf.learn(meta);
    if (leaf.final) backend.release?.(leaf.id);
    yield meta;
  }
}

/** @throws the error of the first task before `whole` that has failed */
export async function throwOfParents(whole: Whole, bounds: Bounds): Promise<void> {
  const before = leavesBefore(whole);
  // when they cannot be read, its own error has to do
  await learnAll(before, bounds).catch(() => {});
  for (const leaf of before) if (leaf.final && hasFailed(leaf.final)) leaf.value(true);
}

function throwOf(leaf: Leaf, meta: ResultMeta): void {
  leaf.learn(meta);
  leaf.value(true);
}

/** What is stored now of those that have not ended, the others as they ended; in their order. */
export async function learnAll(
  leaves: readonly Leaf[],
  { timeout, signal }: Bounds,
): Promise<(ResultMeta | undefined)[]> {
  const open = leaves.filter(isOpen);
  const host = hostOf(open);
  const stored = new Map<string, ResultMeta | undefined>();
  if (host) {
    const ids = open.map(leaf => leaf.id);
    const ask = async () => {
      const backend = await host.backend();
      for (const [i, meta] of (await fetchMany(backend, ids)).entries()) {
        if (meta) open[i]!.learn(meta);
        if (open[i]!.final) backend.release?.(ids[i]!);
        stored.set(ids[i]!, meta);
      }
    };
    await bounded(ask, { timeout, signal }, host.closing());
  }
  return leaves.map(leaf => leaf.final ?? stored.get(leaf.id));
}

/** Delete what is stored of it and of all before it, what began first ahead. */
export async function forgetAll(whole: Whole, { timeout, signal }: Bounds): Promise<void> {
  const leaves = [...leavesBefore(whole), ...leavesOf(whole)];
  for (const leaf of leaves) leaf.unlearn();
  const host = hostOf(leaves);
  if (!host) return;
  const ids = leaves.filter(leaf => leaf.host).map(leaf => leaf.id);
  const forget = async () => forgetMany(await host.backend(), [...new Set(ids)]);
  await bounded(forget, { timeout, signal }, host.closing());
}

export function hostOf(leaves: readonly Leaf[]): ResultHost | undefined {
  return leaves.find(leaf => leaf.host)?.host;
}

function isOpen(leaf: Leaf): boolean {
  return leaf.host !== undefined && !leaf.ignored && leaf.final === undefined;
}
