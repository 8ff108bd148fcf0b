import { saferepr } from '../../base/text/saferepr.ts';
import { within } from '../../base/time/within.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';
import * as states from '../../wire/results/states.ts';
import type { TaskReply } from '../outcome.ts';
import type { ExecutionPorts, RunnableTask } from '../ports.ts';

/** Seconds for the store to answer: the message of a lost run is not kept waiting for longer. */
const PATIENCE = 5;

/** How a run ended, and the document that tells so. */
export interface StoredEnd {
  readonly reply: TaskReply;
  readonly meta: ResultMeta;
}

/**
 * The end of a run that ended well, and whose process died before it could say so; undefined
 * when the store does not know of it. Never rejects.
 *
 * @param since when it began, in seconds since 1970
 */
export async function storedEnd(
  task: Pick<RunnableTask, 'resultReprMaxsize'>,
  { id, since }: { readonly id: string; readonly since: number },
  { fetch, clock }: Required<Pick<ExecutionPorts, 'fetch' | 'clock'>>,
): Promise<StoredEnd | undefined> {
  let meta: ResultMeta | undefined;
  try {
    const asked = fetch(id).then(stored => {
      meta = stored;
    });
    if (!(await within(PATIENCE, asked, clock)) || meta?.status !== states.SUCCESS)
      return undefined;
  } catch {
    return undefined;
  }
  const result = saferepr(meta.result, { maxLength: task.resultReprMaxsize });
  const runtime = Math.max(0, clock.now() - since);
  return { reply: { kind: 'success', runtime, texts: { result } }, meta };
}
