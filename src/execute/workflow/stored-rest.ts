/** Reads what follows in a workflow where messages carry only a reference to it (`canvas/stored.ts`). */
import { readSignature, type SignatureData } from '../../canvas/signature.ts';
import { restBefore, type StoredRest, storedRest } from '../../canvas/stored.ts';
import { InvalidTaskError } from '../../wire/errors.ts';
import type { WorkflowStore } from '../ports.ts';

type Store = Pick<WorkflowStore, 'fetchGroup'> | undefined;

/** What is stored may have been written by anybody: lists of lists could be of any length. */
const MOST_STEPS = 100_000;

/** The chain with its next step, the last, as it is. @throws InvalidTaskError for one that is gone */
export async function withNextStep(
  store: Store,
  chain: readonly SignatureData[],
): Promise<readonly SignatureData[]> {
  const seen = new Set<string>();
  let steps = chain;
  // what was stored may end in a reference to what was stored before
  for (let rest = storedRest(steps.at(-1)); rest; rest = storedRest(steps.at(-1))) {
    const signatures = await fetchRest(store, rest, seen);
    steps = [...steps.slice(0, -1), ...restBefore(rest, signatures), signatures.at(-1)!];
  }
  return steps;
}

/** The chain with every step as it is. @throws InvalidTaskError for one that is gone */
export async function wholeChain(
  store: Store,
  chain: readonly SignatureData[],
): Promise<readonly SignatureData[]> {
  const seen = new Set<string>();
  const steps: SignatureData[] = [];
  const waiting = [...chain].reverse();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const rest = storedRest(next);
    // each list is referred to once: what was stored before stands in one place of what came later
    if (rest) waiting.push(...[...(await fetchRest(store, rest, seen))].reverse());
    else steps.push(next);
    if (steps.length + waiting.length > MOST_STEPS) {
      throw new InvalidTaskError(`The rest of the workflow has more than ${MOST_STEPS} steps.`);
    }
  }
  return steps;
}

/** The body of a chord as it is. */
export async function wholeBody(store: Store, body: SignatureData): Promise<SignatureData> {
  const [whole] = (await withNextStep(store, [body])).slice(-1);
  return whole!;
}

async function fetchRest(
  store: Store,
  { id, count }: StoredRest,
  seen: Set<string>,
): Promise<SignatureData[]> {
  if (seen.has(id))
    throw new InvalidTaskError(`The rest of the workflow refers to itself (${id}).`);
  seen.add(id);
  const found = await store?.fetchGroup(id, 'the rest of the workflow');
  if (!Array.isArray(found) || found.length < count) {
    throw new InvalidTaskError(
      `The rest of the workflow is not in the result backend any more (${id}): it is kept for as long as results are (result_expires).`,
    );
  }
  return found.slice(0, count).map(readSignature);
}
