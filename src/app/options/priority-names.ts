/**
 * Priorities that mean the same on every broker. Redis, SQLite and memory serve 0 first and treat
 * a message without priority so; RabbitMQ serves the largest first, up to the queue's maximum.
 */

import { didYouMean } from '../../base/text/nearest.ts';
import type { Queue } from '../../messaging/entities.ts';

export const PRIORITY_NAMES = ['high', 'normal', 'low'] as const;
export type PriorityName = (typeof PRIORITY_NAMES)[number];

/** A number as the broker understands it, or a name. */
export type Priority = number | PriorityName;

/** Where 0 is served first: kombu's first, second and last of four steps. */
const ASCENDING = { high: 0, normal: 5, low: 9 } as const;

/** What a queue of RabbitMQ without `x-max-priority` makes of it does not matter: nothing. */
const USUAL_MAXIMUM = 9;

/** @throws TypeError for an unknown name */
export function priorityNumber(
  given: PriorityName,
  isLargestFirst: boolean,
  queue: Queue | undefined,
): number {
  if (!PRIORITY_NAMES.includes(given)) {
    throw new TypeError(
      `priority must be a number or one of ${PRIORITY_NAMES.join(', ')}, got ${JSON.stringify(given)}.${didYouMean(String(given), PRIORITY_NAMES)}`,
    );
  }
  if (!isLargestFirst) return ASCENDING[given];
  const declared = Number(queue?.maxPriority ?? queue?.queueArguments['x-max-priority']);
  const maximum = declared > 0 ? declared : USUAL_MAXIMUM;
  return { high: maximum, normal: Math.floor(maximum / 2), low: 0 }[given];
}
