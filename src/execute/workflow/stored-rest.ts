/** Reads what follows in a workflow where messages carry only a reference to it (`canvas/stored.ts`). */
import { readSignature, type SignatureData } from '../../canvas/signature.ts';
import { restBefore, type StoredRest, storedRest } from '../../canvas/stored.ts';
import { InvalidTaskError } from '../../wire/errors.ts';
import type { WorkflowStore } from '../ports.ts';

type Store = Pick<WorkflowStore, 'fetchGroup'> | undefined;

/** The chain with its next step, the last, as it is. @throws InvalidTaskError for one that is gone */
export async function withNextStep(
  store: Store,
  chain: readonly SignatureData[],
): Promise<readonly SignatureData[]> {
  const rest = storedRest(chain.at(-1));
  if (!rest) return chain;
  const signatures = await fetchRest(store, rest);
  const before = [...chain.slice(0, -1), ...restBefore(rest, signatures)];
  // what was stored may end in a reference to what was stored before
  return withNextStep(store, [...before, signatures.at(-1)!]);
}

/** The chain with every step as it is. */
export async function wholeChain(
  store: Store,
  chain: readonly SignatureData[],
): Promise<readonly SignatureData[]> {
  const steps: SignatureData[] = [];
  for (const each of chain) {
    const rest = storedRest(each);
    if (rest) steps.push(...(await wholeChain(store, await fetchRest(store, rest))));
    else steps.push(each);
  }
  return steps;
}

/** The body of a chord as it is. */
export async function wholeBody(store: Store, body: SignatureData): Promise<SignatureData> {
  const [whole] = (await withNextStep(store, [body])).slice(-1);
  return whole!;
}

async function fetchRest(store: Store, { id, count }: StoredRest): Promise<SignatureData[]> {
  const found = await store?.fetchGroup(id, 'the rest of the workflow');
  if (!Array.isArray(found) || found.length < count) {
    throw new InvalidTaskError(
      `The rest of the workflow is not in the result backend any more (${id}): it is kept for as long as results are (result_expires).`,
    );
  }
  return found.slice(0, count).map(readSignature);
}
