import { saferepr } from '../../base/text/saferepr.ts';
import * as states from '../../wire/results/states.ts';
import type { TaskReply } from '../outcome.ts';
import type { ExecutionPorts, RunnableTask } from '../ports.ts';

/** Seconds for the store to answer: the message of a lost run is not kept waiting for longer. */
const PATIENCE = 5;

/**
 * The reply of a run that ended well, and whose process died before it could say so; undefined
 * when the store does not know of it. Never rejects.
 *
 * @param since when it began, in seconds since 1970
 */
export async function storedReply(
  task: Pick<RunnableTask, 'resultReprMaxsize'>,
  { id, since }: { readonly id: string; readonly since: number },
  { fetch, clock }: Required<Pick<ExecutionPorts, 'fetch' | 'clock'>>,
): Promise<TaskReply | undefined> {
  let disarm: (() => void) | undefined;
  const late = new Promise<undefined>(resolve => {
    const timer = clock.after(PATIENCE, () => resolve(undefined));
    disarm = () => timer.cancel();
  });
  try {
    const meta = await Promise.race([fetch(id), late]);
    if (meta?.status !== states.SUCCESS) return undefined;
    const result = saferepr(meta.result, { maxLength: task.resultReprMaxsize });
    const runtime = Math.max(0, clock.now() - since);
    return { kind: 'success', runtime, texts: { result } };
  } catch {
    return undefined;
  } finally {
    disarm?.();
  }
}
