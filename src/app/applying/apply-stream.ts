/**
 * Groups and headers of chords whose members are read while they are sent, so that memory stays flat
 * however many there are.
 */
import { type ResultNode, resultTuple } from '../../canvas/freeze.ts';
import type { LazyParts } from '../../canvas/lazy.ts';
import type { SignatureParts } from '../../canvas/merge.ts';
import { type Plan, type PlannedStream, type PlanOptions, planStream } from '../../canvas/plan.ts';
import { announce, MOST_AT_ONCE, type PlanStore } from '../../canvas/send-plan.ts';
import type { SignatureData } from '../../canvas/signature.ts';
import { currentTask } from '../../execute/task-context.ts';
import { InvalidTaskError } from '../../wire/errors.ts';
import type { AsyncResult } from '../results/async-result.ts';
import type { GroupResult } from '../results/group-result.ts';

export type Handle = AsyncResult<unknown> | GroupResult;

/** One call of a signature: what was sent of it so far. */
export interface Sending {
  /** Sends what a plan begins with, or a part of it. */
  send(planned: Omit<Plan, 'result'>): Promise<void>;
  store(): Promise<PlanStore | undefined>;
  handle(node: ResultNode): Handle;
}

interface Stream {
  readonly lazy: LazyParts;
  readonly ids: PlanOptions;
  /** @param keepsIgnored note which of them have no result */
  sending(keepsIgnored: boolean): Sending;
}

/**
 * Sends batch after batch. What nobody needs of the results is not kept: nothing of the members of a
 * chord's header, and with `ignoreResult` nothing of those of a group.
 *
 * @throws InvalidTaskError for a part of a chord's header that ends in a group
 */
export async function applyStream(signature: SignatureData, call: SignatureParts, stream: Stream) {
  const { lazy, ids } = stream;
  const planned = planStream(signature, call, ids);
  const isKept = !planned.body && !isIgnored(signature, call);
  const sending = stream.sending(isKept);
  const results: ResultNode[] = [];
  const sent = { count: 0, answers: 0 };
  const batches = lazy.batches(MOST_AT_ONCE);
  for (let next = await batches.next(); !next.done; ) {
    const batch = planned.batch(next.value, sent.count);
    if (planned.body) checkFlat(batch.results);
    sent.count += batch.count;
    sent.answers += batch.answers;
    next = await batches.next();
    // the last of them must find the number
    if (next.done && planned.body) await tellSize(planned, sent.answers, sending);
    await sending.send(batch);
    if (isKept) results.push(...batch.results);
  }
  const result = isKept ? { ...planned.result, members: results } : planned.result;
  currentTask()?.request.children.push(resultTuple(result));
  return sending.handle(result);
}

async function tellSize(
  { groupId, body, result }: PlannedStream,
  size: number,
  sending: Sending,
): Promise<void> {
  const header = result.parent!;
  await announce({ groupId, size, body: body!, header }, await sending.store());
}

function isIgnored(signature: SignatureData, { options = {} }: SignatureParts): boolean {
  return { ...signature.options, ...options }.ignore_result === true;
}

/** The values of such a header are lists in part, which all of its results would have to tell. */
function checkFlat(results: readonly ResultNode[]): void {
  if (!results.some(result => result.members)) return;
  throw new InvalidTaskError(
    `A part of a chord's header ends in a group, so all of the header must be known before it is sent: give it as a list. More than ${MOST_AT_ONCE} parts of a generator are sent without that.`,
  );
}
