/** A message that waits, as far as its place in line is concerned. */
export interface Candidate {
  readonly step: number;
  readonly id: number;
}

/** How many of each queue's first candidates to take; queues with none are left out. */
export type Picked = Map<string, number>;

/**
 * Chooses up to `limit` messages: lower priority steps first, queues in turn, each queue from
 * its front. `order` is changed: a queue that was served goes to its end, as in kombu's
 * round robin. `waiting` holds every queue's candidates in the order they are served.
 */
export function pickInTurn(
  order: string[],
  waiting: ReadonlyMap<string, readonly Candidate[]>,
  limit: number,
): Picked {
  const picked: Picked = new Map();
  const next = (queue: string) => waiting.get(queue)?.[picked.get(queue) ?? 0];
  for (let count = 0; count < limit; count++) {
    let best: string | undefined;
    let bestStep = Number.POSITIVE_INFINITY;
    for (const queue of order) {
      const step = next(queue)?.step ?? Number.POSITIVE_INFINITY;
      if (step < bestStep) [best, bestStep] = [queue, step];
    }
    if (best === undefined) break;
    picked.set(best, (picked.get(best) ?? 0) + 1);
    order.push(...order.splice(order.indexOf(best), 1));
  }
  return picked;
}
