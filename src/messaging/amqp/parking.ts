/**
 * Parking: a message whose time is far off waits in a queue of its own kind, from which
 * RabbitMQ puts it back when it has been there for so long.
 *
 * Every parking queue has one waiting time (a power of two seconds), so no message stands
 * behind one that has to wait longer. The next best time below what is needed is taken:
 * the message comes back early, and is parked again.
 */

import { RecentMap } from '../../base/collections/recent-map.ts';
import { isPlainRecord } from '../../base/kind-of.ts';
import { Unroutable } from '../../drivers/errors.ts';
import { publishedHeaders } from '../../wire/messages/dead-letter.ts';
import type { Message, MessageProperties } from '../../wire/messages/message.ts';
import { DEFAULT_EXCHANGE, type Queue, queue } from '../entities.ts';
import type { Declarations } from './declarations.ts';
import type { Publisher } from './publishing/publisher.ts';

/** 24 days; RabbitMQ wants waiting times below 2^32 ms. */
const TOP_LEVEL = 21;
/**
 * Seconds for which a parking queue outlives the last message that can be in it; RabbitMQ deletes
 * an unused queue with what is in it.
 */
const SPARE = 86_400;
/** Seconds after which a queue in use is declared again, which starts its life anew. */
const RENEWAL = SPARE / 4;

const MOST_UNACKED = 10_000;
/** Parking queues that were declared lately, as a worker may get ever new queues. */
const MOST_DECLARED = 10_000;

/** Header that says where the message came from: RabbitMQ sends it back by another way. */
export const PARKED = 'tscelery_parked';

export interface Arrival {
  readonly exchange: string;
  readonly routingKey: string;
  readonly message: Message;
}

/**
 * Seconds in a parking queue for a message that has `seconds` to wait, 1 or more; rounded down,
 * since it may come back early but not late.
 */
export function parkingSeconds(seconds: number): number {
  return 2 ** Math.min(TOP_LEVEL, Math.floor(Math.log2(seconds)));
}

/** Durable, and as safe as the queue whose messages are parked: waiting must not lose any. */
export function parkingQueue(of: Queue, seconds: number): Queue {
  const isQuorum = of.queueArguments['x-queue-type'] === 'quorum';
  return queue(`tscelery.parked.${of.name}.${seconds}`, {
    exchange: DEFAULT_EXCHANGE,
    messageTtl: seconds,
    expires: seconds + SPARE,
    queueArguments: {
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': of.name,
      ...(isQuorum && {
        'x-queue-type': 'quorum',
        // what the original queue cannot take yet is kept, not dropped
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      }),
    },
  });
}

/**
 * Whether a message of the queue finds its queue again: one that goes with its consumers may be
 * gone by then.
 */
export function canPark({ durable, exclusive, autoDelete, noAck, queueArguments }: Queue): boolean {
  const isStream = queueArguments['x-queue-type'] === 'stream';
  return durable && !exclusive && !autoDelete && !noAck && !isStream;
}

/**
 * The message as it waits. Old notes of dead-lettering would make RabbitMQ see a cycle and drop
 * it. `expiration` is taken out: it would end the wait, and RabbitMQ then removes it for good.
 */
export function parkedMessage({ exchange, routingKey, message }: Arrival): Message {
  const { expiration, user_id: _, ...properties } = message.properties;
  const { CC: __, ...headers } = publishedHeaders(message.headers);
  const note = {
    exchange,
    routing_key: routingKey,
    ...(expiration !== undefined && { expiration }),
  };
  return { ...message, headers: { ...headers, [PARKED]: note }, properties };
}

/** What came back as it was before; anything else as it is. */
export function unparked(arrival: Arrival): Arrival {
  const { message } = arrival;
  const note = message.headers[PARKED];
  if (note === undefined || !isPlainRecord(note)) return arrival;
  const { [PARKED]: _, ...headers } = publishedHeaders(message.headers);
  const properties: MessageProperties = { ...message.properties };
  if (typeof note.expiration === 'string') properties.expiration = note.expiration;
  const isKnown = typeof note.exchange === 'string' && typeof note.routing_key === 'string';
  return {
    exchange: isKnown ? String(note.exchange) : arrival.exchange,
    routingKey: isKnown ? String(note.routing_key) : arrival.routingKey,
    message: { ...message, headers, properties },
  };
}

export interface Parkable extends Arrival {
  readonly queue: string;
  readonly redelivered: boolean;
  ack(): Promise<void>;
}

/** Tells a message from others, also when it is delivered again; a retry has the id of its task. */
function identity({ queue, message: { headers, properties } }: Parkable): string {
  const { id, retries } = headers;
  return JSON.stringify([queue, id ?? properties.correlation_id, retries]);
}

interface Declared {
  readonly at: number;
  readonly done: Promise<void>;
}

export class ParkingQueues {
  readonly #declarations: Declarations;
  readonly #publisher: Publisher;
  readonly #declared = new RecentMap<string, Declared>(MOST_DECLARED);
  /** Parked, but the connection was lost before the ack: they are delivered once more. */
  readonly #unacked = new Set<string>();

  constructor(declarations: Declarations, publisher: Publisher) {
    this.#declarations = declarations;
    this.#publisher = publisher;
  }

  /** Another connection, and perhaps another broker. */
  forget(): void {
    this.#declared.clear();
  }

  /**
   * Resolves when the broker has confirmed a copy and, if that is still possible, the ack.
   *
   * @throws RangeError for less than a second
   */
  async park(delivery: Parkable, from: Queue, seconds: number): Promise<void> {
    if (!(seconds >= 1)) throw new RangeError(`A message cannot be parked for ${seconds} s.`);
    const key = identity(delivery);
    if (!delivery.redelivered || !this.#unacked.has(key)) await this.#copy(delivery, from, seconds);
    this.#unacked.add(key);
    try {
      await delivery.ack();
      this.#unacked.delete(key);
    } catch {
      const [oldest = key] = this.#unacked;
      if (this.#unacked.size > MOST_UNACKED) this.#unacked.delete(oldest);
    }
  }

  async #copy(arrival: Arrival, from: Queue, seconds: number): Promise<void> {
    const to = parkingQueue(from, parkingSeconds(seconds));
    const message = parkedMessage(arrival);
    try {
      await this.#publish(message, to);
    } catch (error) {
      if (!(error instanceof Unroutable)) throw error;
      // somebody has deleted the queue
      this.#declared.delete(to.name);
      await this.#publish(message, to);
    }
  }

  async #publish(message: Message, to: Queue): Promise<void> {
    await this.#declare(to);
    const destination = { exchange: DEFAULT_EXCHANGE, routingKey: to.name };
    await this.#publisher.publish(message, destination, { mandatory: true });
  }

  #declare(to: Queue): Promise<void> {
    const now = performance.now() / 1000;
    const known = this.#declared.get(to.name);
    if (known && now - known.at < RENEWAL) return known.done;
    const done = this.#declarations.declare(to);
    this.#declared.set(to.name, { at: now, done });
    done.catch(() => {
      if (this.#declared.get(to.name)?.done === done) this.#declared.delete(to.name);
    });
    return done;
  }
}
