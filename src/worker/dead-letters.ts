/**
 * Keeps what the worker would drop (`worker_dead_letter_queue`). The copy for the dead-letter
 * queue is published and confirmed before the message is acknowledged: whoever dies in between,
 * the message is in one of the two queues.
 */

import { ImproperlyConfigured } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { printable } from '../base/text/printable.ts';
import { sleep } from '../base/time/backoff.ts';
import type { Clock } from '../base/time/clock.ts';
import type { Delivery, Transport } from '../messaging/contract.ts';
import { DEFAULT_EXCHANGE, type Queue, queue } from '../messaging/entities.ts';
import { EncodeError } from '../wire/errors.ts';
import { buryMessage, type Death, type WorkerReason } from '../wire/messages/dead-letter.ts';
import { deliveryCount } from '../wire/messages/envelope.ts';
import type { Message } from '../wire/messages/message.ts';

export interface Refusal {
  readonly reason: WorkerReason;
  readonly error: string;
}

export interface DeadLettersOptions {
  readonly transport: Transport;
  /** `worker_dead_letter_queue` */
  readonly name: string;
  declared(name: string): Queue | undefined;
  readonly hostname: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Seconds between tries to publish a dead message: what cannot be kept is not given up. */
const RETRY_AFTER = 1;
const MOST_RETRY_AFTER = 30;
/**
 * Copies of messages that are held while their queue does not take them: these are acknowledged, so
 * that no prefetch count bounds them.
 */
const MOST_COPIES = 1000;
/** Seconds for what is being published when the worker stops: some copies are nowhere else. */
const LAST_CALL = 5;

export function deadLetterQueue(template: string, queue: string): string {
  return template.replaceAll('{queue}', queue);
}

/** @throws ImproperlyConfigured for a queue that would be its own dead-letter queue */
export function refuseOwnDeadLetters(queues: readonly Queue[], template: string | null): void {
  const own = queues.find(
    ({ name }) => template !== null && deadLetterQueue(template, name) === name,
  );
  if (!own) return;
  throw new ImproperlyConfigured(
    `worker_dead_letter_queue ${JSON.stringify(template)} is one of the queues that this worker consumes: what died would be taken again and again. Leave it out (-X ${own.name}).`,
  );
}

export class DeadLetters {
  readonly #options: DeadLettersOptions;
  readonly #declared = new Map<string, Promise<void>>();
  readonly #pending = new Set<Promise<unknown>>();
  readonly #stopped = new AbortController();

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Moves the message to its dead-letter queue. Never rejects because of that queue. */
  bury(delivery: Delivery, why: Refusal): Promise<void> {
    return this.#track(this.#bury(delivery, why));
  }

  /** The same for a message that was acknowledged before its task ran. */
  buryCopy(delivery: Delivery, why: Refusal): Promise<void> {
    if (this.#pending.size >= MOST_COPIES) {
      const label = labelOf(delivery.message);
      this.#options.logger.error(
        `${MOST_COPIES} dead letters wait for their queue to take them; ${label} is not kept (${why.reason}).`,
      );
      return Promise.resolve();
    }
    return this.#track(this.#publish(delivery, why).then(() => {}));
  }

  /** Waits a moment for what is on its way; what is left goes back to its queue. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    if (this.#pending.size === 0) return;
    const enough = new AbortController();
    const { clock } = this.#options;
    await Promise.race([
      Promise.allSettled([...this.#pending]),
      sleep(LAST_CALL, clock, enough.signal).catch(() => {}),
    ]);
    enough.abort();
  }

  #track(work: Promise<void>): Promise<void> {
    this.#pending.add(work);
    const forget = () => this.#pending.delete(work);
    work.then(forget, forget);
    return work;
  }

  async #bury(delivery: Delivery, why: Refusal): Promise<void> {
    if (await this.#publish(delivery, why)) await delivery.ack();
  }

  /** Whether the dead-letter queue has it; if not, it stays with the broker where it was. */
  async #publish(delivery: Delivery, why: Refusal): Promise<boolean> {
    const { logger } = this.#options;
    const name = deadLetterQueue(this.#options.name, delivery.queue);
    const label = labelOf(delivery.message);
    if (name === delivery.queue) {
      logger.error(`${label} died in the dead-letter queue ${name} itself; it is dropped.`);
      await delivery.reject(false);
      return false;
    }
    const message = buryMessage(delivery.message, this.#death(delivery, why), {
      isBareText: delivery.problem !== undefined,
    });
    for (let wait = RETRY_AFTER; !delivery.lost; wait = Math.min(wait * 2, MOST_RETRY_AFTER)) {
      try {
        await this.#send(name, message);
        logger.warning(`${label} is in the dead-letter queue ${name} now (${why.reason}).`);
        return true;
      } catch (error) {
        const reason = (error as Error).message;
        logger.error(`Couldn't put ${label} into the dead-letter queue ${name}: ${reason}`);
        // no other try will do better
        if (error instanceof EncodeError) return this.#giveUp(delivery, label);
      }
      try {
        await sleep(wait, this.#options.clock, this.#stopped.signal);
      } catch {
        break;
      }
    }
    return false;
  }

  /** Of a message that cannot be written; held for ever it would keep others from coming. */
  async #giveUp(delivery: Delivery, label: string): Promise<boolean> {
    this.#options.logger.error(`${label} is dropped.`);
    if (!delivery.settled) await delivery.reject(false);
    return false;
  }

  #death(delivery: Delivery, { reason, error }: Refusal): Death {
    const { queue, exchange, routingKey, message } = delivery;
    return {
      reason,
      error,
      diedAt: this.#options.clock.now(),
      queue,
      exchange,
      routingKey,
      deliveries: deliveryCount(message.headers) + 1,
      worker: this.#options.hostname,
    };
  }

  async #send(name: string, message: Message): Promise<void> {
    const { transport } = this.#options;
    try {
      await this.#declare(name);
      const to = { exchange: DEFAULT_EXCHANGE, routingKey: name };
      await transport.publish(message, to, { mandatory: true });
    } catch (error) {
      // somebody may have deleted the queue
      this.#declared.delete(name);
      throw error;
    }
  }

  #declare(name: string): Promise<void> {
    const known = this.#declared.get(name);
    if (known) return known;
    const { transport, declared } = this.#options;
    const plain = queue(name, { exchange: DEFAULT_EXCHANGE });
    const declaring = transport.declare(declared(name) ?? plain);
    this.#declared.set(name, declaring);
    return declaring;
  }
}

function labelOf({ headers }: Message): string {
  const { task, id } = headers;
  return typeof task === 'string' ? printable(`${task}[${String(id)}]`) : 'A message';
}
