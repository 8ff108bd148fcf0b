/** Going through what waits in a queue, one message after the other, and putting back what stays. */

import { type Deferred, deferred } from '../base/deferred.ts';
import { systemClock } from '../base/time/clock.ts';
import { type Consumer, type Delivery, TAKE_NOTHING, type Transport } from './contract.ts';
import type { Queue } from './entities.ts';

export interface BrowseOptions {
  /**
   * Looks at a message and settles it, or leaves it unsettled: then it goes back to its place
   * in the end. Called for up to `window` messages at once, in order.
   */
  readonly visit: (delivery: Delivery) => Promise<void> | void;
  readonly most: number;
  readonly mostHeld?: number;
  /** Messages taken beyond those that are held unsettled. */
  readonly window?: number;
  /** Stop after so many seconds without a message. */
  readonly idle?: number;
  /** Asked after every message or batch of them. */
  readonly isDone?: () => boolean;
  readonly signal?: AbortSignal;
}

const WINDOW = 100;
const IDLE = 2;

/** Resolves with the number of messages visited, when those left unsettled are back in the queue. */
export async function browse(
  transport: Transport,
  queues: readonly Queue[],
  options: BrowseOptions,
): Promise<number> {
  const { most, window = WINDOW, mostHeld = Number.POSITIVE_INFINITY, isDone, signal } = options;
  const inbox: Delivery[] = [];
  let arrived: Deferred<void> | undefined;
  const wake = () => arrived?.resolve();
  signal?.addEventListener('abort', wake);
  const consumer = await transport.consume(queues, {
    prefetch: Math.min(window, most),
    onDeliveries: deliveries => {
      inbox.push(...deliveries);
      wake();
    },
  });
  let visited = 0;
  let held = 0;
  try {
    while (visited < most && held < mostHeld && !signal?.aborted && !isDone?.()) {
      if (inbox.length === 0) {
        arrived = deferred();
        await within(options.idle ?? IDLE, arrived.promise);
        if (inbox.length === 0) break;
      }
      const batch = inbox.splice(0, Math.min(window, most - visited, mostHeld - held));
      const visits = await Promise.allSettled(batch.map(async each => options.visit(each)));
      const failed = visits.find(visit => visit.status === 'rejected');
      if (failed) throw failed.reason;
      visited += batch.length;
      held += batch.filter(each => !each.settled).length;
      consumer.setPrefetch(held + window);
    }
  } finally {
    signal?.removeEventListener('abort', wake);
    await consumer.close();
  }
  return visited;
}

export interface OneMessage {
  readonly delivery: Delivery;
  /** Puts it back if it is not settled, and first in line. */
  release(): Promise<unknown>;
}

/** Takes the next message, if one comes within `idle` seconds. */
export async function browseOne(
  transport: Transport,
  queue: Queue,
  idle = IDLE,
): Promise<OneMessage | undefined> {
  let delivery: Delivery | undefined;
  const arrived = deferred<void>();
  const consumer: Consumer = await transport.consume([queue], {
    prefetch: 1,
    onDeliveries: ([first]) => {
      delivery ??= first;
      arrived.resolve();
    },
  });
  await within(idle, arrived.promise);
  // a second one would come when the first is settled
  consumer.setPrefetch(TAKE_NOTHING);
  const release = () => consumer.close();
  if (delivery) return { delivery, release };
  await release();
  return undefined;
}

async function within(seconds: number, promise: Promise<void>): Promise<void> {
  if (!Number.isFinite(seconds)) return promise;
  const over = deferred<void>();
  const timer = systemClock.after(seconds, over.resolve);
  await Promise.race([promise, over.promise]);
  timer.cancel();
}
