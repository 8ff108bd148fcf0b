/** Every key and channel the transport touches, with its options applied. */
import type { Exchange, Queue, QueueBinding } from '../entities.ts';
import { topicPattern } from '../virtual/routing.ts';
import type { RedisOptions } from './options.ts';

/** One member of `_kombu.binding.<exchange>`. */
export interface Binding {
  readonly routingKey: string;
  readonly pattern: string;
  readonly queue: string;
}

const MAX_PRIORITY = 9;

export class RedisKeys {
  readonly unacked: string;
  readonly unackedIndex: string;
  readonly unackedMutex: string;
  /** Ours: sorted set of consumer ids by the time of their last heartbeat. */
  readonly consumers: string;
  readonly #options: RedisOptions;
  readonly #prefix: string;
  readonly #channelPrefix: string;
  /** Index: priority 0..9; value: what follows the queue's name in the key. */
  readonly #suffixOfPriority: readonly string[];
  readonly #suffixes: readonly string[];

  constructor(options: RedisOptions, database: number) {
    this.#options = options;
    this.#prefix = options.globalKeyprefix;
    this.unacked = this.#prefix + options.unackedKey;
    this.unackedIndex = this.#prefix + options.unackedIndexKey;
    this.unackedMutex = this.#prefix + options.unackedMutexKey;
    // The name contains unacked_key: whoever uses another hash cannot restore our messages.
    this.consumers = `${this.#prefix}tscelery.${options.unackedKey}.consumers`;
    const { prioritySteps: steps, sep, fanoutPrefix } = options;
    const suffix = (step: number | undefined) => (step ? `${sep}${step}` : '');
    this.#suffixes = steps.map(suffix);
    this.#suffixOfPriority = Array.from({ length: MAX_PRIORITY + 1 }, (_, priority) =>
      suffix(steps.findLast(step => step <= priority) ?? steps[0]),
    );
    this.#channelPrefix =
      fanoutPrefix === true ? `/${database}.` : fanoutPrefix === false ? '' : fanoutPrefix;
  }

  /** Ours: set of the tags that one consumer holds. */
  held(consumerId: string): string {
    return `${this.#prefix}tscelery.${this.#options.unackedKey}.held.${consumerId}`;
  }

  /** Ours: set of the lists out of which one consumer takes before it claims. */
  inboxes(consumerId: string): string {
    return `${this.#prefix}tscelery.${this.#options.unackedKey}.inboxes.${consumerId}`;
  }

  /** Ours: list of what one consumer took out of a list and has not claimed yet. */
  inbox(consumerId: string, list: string): string {
    return `${this.#prefix}tscelery.${this.#options.unackedKey}.inbox.${consumerId}.${list}`;
  }

  /** All lists of a queue, in the order in which they are served. */
  ofQueue(queue: string): string[] {
    return this.#suffixes.map(suffix => this.#prefix + queue + suffix);
  }

  /** The list for a message of this priority; what is no number counts as 0, as in kombu. */
  forMessage(queue: string, priority: unknown): string {
    const number = typeof priority === 'number' ? priority : Number(priority ?? 0);
    const index = Math.trunc(Math.min(MAX_PRIORITY, Math.max(0, number || 0)));
    return this.#prefix + queue + this.#suffixOfPriority[index]!;
  }

  bindings(exchange: string): string {
    return `${this.#prefix}_kombu.binding.${exchange}`;
  }

  /** What says that a queue is bound, in the set of this exchange. */
  member(queue: Queue, { exchange, routingKey }: Pick<QueueBinding, 'exchange' | 'routingKey'>) {
    const pattern = exchange.type === 'topic' ? topicPattern(routingKey) : '';
    return [this.fanoutKey(queue) ?? routingKey, pattern, queue.name].join(this.#options.sep);
  }

  parseMember(member: string): Binding | undefined {
    const [routingKey, pattern, queue] = member.split(this.#options.sep);
    if (routingKey === undefined || pattern === undefined || !queue) return undefined;
    return { routingKey, pattern, queue };
  }

  /** The binding key of a fanout queue; our own default (the queue's name) means none. */
  fanoutKey(queue: Queue): string | undefined {
    if (queue.exchange.type !== 'fanout') return undefined;
    return queue.routingKey === queue.name ? '' : queue.routingKey;
  }

  channel(exchange: Exchange, routingKey: string): string {
    const key = routingKey !== '' && this.#options.fanoutPatterns ? `/${routingKey}` : '';
    return this.#prefix + this.#channelPrefix + exchange.name + key;
  }

  /**
   * The PSUBSCRIBE patterns of a fanout queue; no message matches two of them. A key with
   * wildcards chooses, as in kombu. Otherwise tasks go to all queues of the exchange, as in AMQP,
   * whatever key they are sent with; what is not acknowledged (remote control, events) is matched
   * exactly, by others too.
   */
  subscriptions(queue: Queue): string[] {
    const literal = this.channel(queue.exchange, '').replace(/[\\*?[\]]/g, '\\$&');
    if (!this.#options.fanoutPatterns) return [literal];
    const key = (this.fanoutKey(queue) ?? '').replaceAll('#', '*');
    if (!queue.noAck && !key.includes('*')) return [literal, `${literal}/*`];
    return [key === '' ? literal : `${literal}/${key}`];
  }
}
