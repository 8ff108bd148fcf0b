/** Native delayed delivery: RabbitMQ keeps a message until its time, as kombu arranges it. */
import { RecentMap } from '../../base/collections/recent-map.ts';
import {
  DELAY_EXCHANGE,
  DELIVERY_EXCHANGE,
  type DelayQueueType,
  delayedBindingKey,
  delayedRoutingKey,
  delayTopology,
  type TopologyStep,
} from '../../wire/messages/delayed-delivery.ts';
import type { Destination } from '../contract.ts';
import { exchange, isBroadcast, type Queue, type QueueBinding } from '../entities.ts';
import { bindingsOf } from '../virtual/routing.ts';
import type { Admin, Answer } from './admin.ts';
import type { Declarations } from './declarations.ts';
import type { AmqpChannel } from './driver.ts';
import { NOT_FOUND, replyCode } from './errors.ts';

const ENTRANCE = exchange(DELAY_EXCHANGE, 'topic');

/**
 * Where a message goes that is to wait so many seconds. Direct exchanges cannot be delayed: what
 * comes out has its delay in front of the routing key, which takes a pattern to match.
 */
export function delayedDestination(to: Destination, seconds: number | undefined): Destination {
  if (seconds === undefined || seconds < 1 || to.exchange.type === 'direct') return to;
  const routingKey = delayedRoutingKey(Math.floor(seconds), to.routingKey);
  return { exchange: ENTRANCE, routingKey };
}

/** Queues that were bound, at most: a client may name ever new ones. */
const MOST_REMEMBERED = 10_000;

export interface DelaySetup {
  readonly queueType: DelayQueueType;
  readonly ifMissing?: boolean;
}

export class DelayedDelivery {
  readonly #admin: Admin;
  readonly #declarations: Declarations;
  #topology: Promise<void> | undefined;
  readonly #bound = new RecentMap<string, Promise<void>>(MOST_REMEMBERED);
  /** What a worker asked for, to be there after a reconnect too. */
  #wanted: { readonly queues: readonly Queue[]; readonly setup: DelaySetup } | undefined;

  constructor(admin: Admin, declarations: Declarations) {
    this.#admin = admin;
    this.#declarations = declarations;
  }

  /** @throws ChannelError when something of these names is there that is different */
  async setUp(queues: readonly Queue[], setup: DelaySetup): Promise<void> {
    if (!setup.ifMissing) this.#wanted = { queues, setup };
    this.#topology ??= this.#create(setup);
    const topology = this.#topology;
    try {
      await topology;
    } catch (error) {
      if (this.#topology === topology) this.#topology = undefined;
      throw error;
    }
    for (const queue of queues) await this.#bindOnce(queue);
  }

  /** Another connection, and perhaps another broker. */
  forget(): void {
    this.#topology = undefined;
    this.#bound.clear();
  }

  async recover(): Promise<void> {
    if (this.#wanted) await this.setUp(this.#wanted.queues, this.#wanted.setup);
  }

  async #create({ queueType, ifMissing }: DelaySetup): Promise<void> {
    if (ifMissing && (await this.#isThere())) return;
    for (const step of delayTopology(queueType)) await this.#take(step);
  }

  /** The exchange that is asked for is the last that is created: where it is, everything is. */
  #isThere(): Promise<boolean> {
    return this.#admin.run<boolean>('looking for delayed delivery', (channel, answer) =>
      channel.checkExchange(DELIVERY_EXCHANGE, error => {
        if (replyCode(error) === NOT_FOUND) answer(null, false);
        else answer(error as Error | null, true);
      }),
    );
  }

  #take(step: TopologyStep): Promise<unknown> {
    return this.#admin.run<unknown>(
      'setting up delayed delivery',
      (channel: AmqpChannel, answer: Answer<unknown>) => {
        if (step.kind === 'exchange') {
          channel.assertExchange(step.name, 'topic', { durable: true }, answer);
        } else if (step.kind === 'queue') {
          channel.assertQueue(step.name, { durable: true, arguments: step.arguments }, answer);
        } else {
          const { destination, source, routingKey } = step;
          const bind = step.kind === 'queueBinding' ? 'bindQueue' : 'bindExchange';
          channel[bind](destination, source, routingKey, {}, answer);
        }
      },
    );
  }

  #bindOnce(queue: Queue): Promise<void> {
    const key = JSON.stringify([queue.name, bindingsOf(queue)]);
    let bound = this.#bound.get(key);
    if (bound === undefined) {
      bound = this.#bind(queue);
      this.#bound.set(key, bound);
      bound.catch(() => this.#bound.delete(key));
    }
    return bound;
  }

  async #bind(queue: Queue): Promise<void> {
    const bindings = bindingsOf(queue).filter(each => each.exchange.type !== 'direct');
    if (bindings.length === 0 || isBroadcast(queue)) return;
    await this.#declarations.declare(queue);
    for (const each of bindings) await this.#bindTo(queue, each);
  }

  async #bindTo(queue: Queue, { exchange: own, routingKey, arguments: args = {} }: QueueBinding) {
    const key = delayedBindingKey(routingKey);
    await this.#take({
      kind: 'exchangeBinding',
      destination: own.name,
      source: DELIVERY_EXCHANGE,
      routingKey: key,
    });
    // its headers have not changed
    if (own.type === 'headers') return;
    await this.#admin.run('setting up delayed delivery', (channel, answer) =>
      channel.bindQueue(queue.name, own.name, key, args, answer),
    );
  }
}
