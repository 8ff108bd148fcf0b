import { randomBytes } from 'node:crypto';
import { ConnectionClosed } from '../../drivers/errors.ts';
import type { ConsumeOptions, Consumer } from '../contract.ts';
import type { Queue } from '../entities.ts';
import { RedisDelivery } from './intake/delivery.ts';
import { LeasedIntake } from './intake/leased-intake.ts';
import { Leases } from './intake/leases.ts';
import { NoAckIntake } from './intake/noack-intake.ts';
import { ServingOrder } from './intake/serving-order.ts';
import type { RedisSession } from './server-session.ts';
import type { OnMessages, Subscriber } from './subscriber.ts';

export interface ConsumerHost {
  readonly session: RedisSession;
  readonly subscriber: Subscriber;
  declare(queue: Queue): Promise<void>;
  delete(queue: Queue): Promise<void>;
  ended(consumer: RedisConsumer): void;
}

interface Subscription {
  readonly patterns: readonly string[];
  readonly onMessages: OnMessages;
}

export class RedisConsumer implements Consumer {
  /** Part of every tag, so it is short. */
  readonly #id = randomBytes(9).toString('base64url');
  readonly #host: ConsumerHost;
  readonly #options: ConsumeOptions;
  readonly #queues = new Map<string, Queue>();
  /** Those that it begins with, so that whoever wants the same meanwhile waits for that. */
  readonly #adding = new Map<string, Promise<void>>();
  readonly #subscriptions = new Map<string, Subscription>();
  /** Queues of our own that were left with messages out: what comes back makes their lists anew. */
  readonly #leftHolding = new Set<Queue>();
  readonly #leasedOrder: ServingOrder;
  readonly #noAckOrder: ServingOrder;
  readonly #leased: LeasedIntake;
  readonly #noAck: NoAckIntake;
  readonly #leases: Leases;
  #registered = false;
  #cancelled = false;
  #closing: Promise<number> | undefined;
  #fanoutTag = 1;

  constructor(host: ConsumerHost, options: ConsumeOptions) {
    const { session } = host;
    const { onDeliveries, prefetch } = options;
    this.#host = host;
    this.#options = options;
    this.#leasedOrder = new ServingOrder(session.keys, session.options.queueOrder);
    this.#noAckOrder = new ServingOrder(session.keys, session.options.queueOrder);
    this.#leased = new LeasedIntake({
      session,
      consumerId: this.#id,
      order: this.#leasedOrder,
      prefetch,
      onDeliveries,
      acksOnArrival: options.acksOnArrival,
      onExpelled: () => void this.#leases.register().catch(error => session.report(error)),
      leases: () => this.#leases,
    });
    this.#noAck = new NoAckIntake(session, this.#id, this.#noAckOrder, onDeliveries);
    this.#leases = new Leases(session, this.#id, this.#leased);
  }

  get queues(): readonly string[] {
    return this.#cancelled ? [] : [...this.#queues.keys()];
  }

  get held(): number {
    return this.#leased.held;
  }

  setPrefetch(count: number): void {
    this.#leased.setPrefetch(count);
  }

  /** All queues are known before the first message is taken, so that they get their turns. */
  async start(queues: readonly Queue[]): Promise<void> {
    for (const queue of queues) await this.#add(queue);
    this.#take();
  }

  async addQueue(queue: Queue): Promise<void> {
    await this.#add(queue);
    this.#take();
  }

  #add(queue: Queue): Promise<void> {
    const { name } = queue;
    const adding = this.#adding.get(name) ?? this.#begin(queue);
    this.#adding.set(name, adding);
    return adding.finally(() => this.#adding.delete(name));
  }

  async #begin(queue: Queue): Promise<void> {
    if (this.#queues.has(queue.name)) return;
    this.#checkOpen(queue);
    await this.#host.declare(queue);
    this.#checkOpen(queue);
    this.#queues.set(queue.name, queue);
    try {
      if (queue.exchange.type === 'fanout') await this.#subscribe(queue);
      else if (queue.noAck) this.#noAckOrder.add(queue.name);
      else await this.#lease(queue);
    } catch (error) {
      this.#queues.delete(queue.name);
      throw this.#host.session.toError(error, 'starting to consume');
    }
  }

  #checkOpen({ name }: Queue): void {
    if (!this.#closing && !this.#cancelled) return;
    throw new ConnectionClosed(`The consumer was closed: cannot add queue ${name}.`);
  }

  async cancelQueue(name: string): Promise<void> {
    const queue = this.#queues.get(name);
    if (!queue) return;
    this.#queues.delete(name);
    this.#leasedOrder.remove(name);
    this.#noAckOrder.remove(name);
    await Promise.all([this.#leased.queuesRemoved(), this.#noAck.quiet()]);
    await this.#leave(queue);
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    await Promise.all([this.#leased.cancel(), this.#noAck.cancel()]);
    const queues = [...this.#queues.values()];
    this.#queues.clear();
    for (const queue of queues) await this.#leave(queue);
  }

  close(): Promise<number> {
    if (this.#closing) return this.#closing.then(() => 0);
    this.#closing = this.#close();
    return this.#closing;
  }

  suspend(): void {
    this.#leased.suspend();
    this.#noAck.suspend();
  }

  /**
   * On a new connection: heartbeat first, since nobody looks after the messages of a consumer
   * without one, then what was lost on the way, then new messages.
   */
  async recover(): Promise<void> {
    if (this.#registered) {
      await this.#leases.register();
      await this.#leased.reconcile();
    }
    for (const queue of this.#queues.values()) await this.#host.declare(queue);
    this.#take();
  }

  async #close(): Promise<number> {
    await this.cancel();
    const count = this.#registered ? await this.#leased.close() : 0;
    // what was held has just been put back
    await Promise.all([...this.#leftHolding].map(queue => this.#takeDown(queue)));
    await this.#leases.stop();
    this.#host.ended(this);
    return count;
  }

  async #lease(queue: Queue): Promise<void> {
    if (!this.#registered) {
      await this.#leases.register();
      this.#registered = true;
    }
    this.#leasedOrder.add(queue.name);
  }

  #take(): void {
    if (this.#registered) this.#leased.resume();
    this.#noAck.resume();
  }

  async #subscribe(queue: Queue): Promise<void> {
    const patterns = this.#host.session.keys.subscriptions(queue);
    const onMessages: OnMessages = texts => {
      if (this.#cancelled) return;
      const source = { queue: queue.name, list: '' };
      this.#options.onDeliveries(
        texts.map(text => new RedisDelivery(text, this.#nextFanoutTag(), source)),
      );
    };
    const { subscriber } = this.#host;
    await Promise.all(patterns.map(pattern => subscriber.subscribe(pattern, onMessages)));
    this.#subscriptions.set(queue.name, { patterns, onMessages });
  }

  #nextFanoutTag(): string {
    return `${this.#id}-f${this.#fanoutTag++}`;
  }

  /** As kombu at the end of a channel: queues of our own are taken down with their bindings. */
  async #leave(queue: Queue): Promise<void> {
    const subscription = this.#subscriptions.get(queue.name);
    if (subscription) {
      this.#subscriptions.delete(queue.name);
      const { patterns, onMessages } = subscription;
      const { subscriber } = this.#host;
      await Promise.all(patterns.map(pattern => subscriber.unsubscribe(pattern, onMessages)));
    }
    if (!queue.autoDelete && !queue.exclusive) return;
    if (this.#leased.held === 0) this.#leftHolding.clear();
    else this.#leftHolding.add(queue);
    await this.#takeDown(queue);
  }

  /** Without a connection the binding stays; a stale one costs a message to nobody. */
  async #takeDown(queue: Queue): Promise<void> {
    if (!this.#queues.has(queue.name)) await this.#host.delete(queue).catch(() => {});
  }
}
