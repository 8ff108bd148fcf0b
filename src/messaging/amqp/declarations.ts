/**
 * Creating exchanges, queues and bindings; what was created on a connection is remembered, since
 * each asking is a round trip.
 */

import { RecentMap } from '../../base/collections/recent-map.ts';
import { ChannelError } from '../../drivers/errors.ts';
import type { Exchange, Queue, QueueBinding } from '../entities.ts';
import type { Admin } from './admin.ts';

/** A queue's arguments: its own, and those that Celery has options for (seconds become ms). */
export function queueArguments(queue: Queue): Record<string, unknown> {
  const { expires, messageTtl, maxPriority, maxLength, maxLengthBytes } = queue;
  return {
    ...queue.queueArguments,
    ...(expires !== undefined && { 'x-expires': Math.round(expires * 1000) }),
    ...(messageTtl !== undefined && { 'x-message-ttl': Math.round(messageTtl * 1000) }),
    ...(maxLength !== undefined && { 'x-max-length': maxLength }),
    ...(maxLengthBytes !== undefined && { 'x-max-length-bytes': maxLengthBytes }),
    ...(maxPriority !== undefined && { 'x-max-priority': maxPriority }),
  };
}

/** Neither the nameless exchange nor the broker's own ones can be declared. */
const isPredeclared = (exchange: Exchange) =>
  exchange.name === '' || exchange.name.startsWith('amq.');

/** Whether the broker may delete it behind our back, so that it has to be declared each time. */
function isFleeting(queue: Queue): boolean {
  return queue.autoDelete || queue.exclusive || 'x-expires' in queueArguments(queue);
}

/** Of what was declared, the last: a client may name ever new queues. What was forgotten is declared again. */
const MOST_REMEMBERED = 10_000;

export class Declarations {
  readonly #admin: Admin;
  /** By what was declared, in full: two declarations of a name may differ, and the broker shall say so. */
  readonly #done = new RecentMap<string, Promise<void>>(MOST_REMEMBERED);
  #known = new WeakSet<Queue>();
  /** Those that stay until somebody deletes them: then a message that comes back has them declared again. */
  readonly #lasting = new RecentMap<string, Queue>(MOST_REMEMBERED);

  constructor(admin: Admin) {
    this.#admin = admin;
  }

  /** Another connection, and perhaps another broker: nothing is known to be there. */
  forgetAll(): void {
    this.#done.clear();
    this.#lasting.clear();
    this.#known = new WeakSet();
  }

  forget(queue: Queue): void {
    this.#known.delete(queue);
    this.#lasting.delete(queue.name);
    for (const key of this.#done.keys()) {
      if (key.startsWith(queueKey(queue.name))) this.#done.delete(key);
    }
    // whoever deletes a queue may have deleted its exchange, too, of which nobody is told
    for (const { exchange } of bindingsOf(queue)) this.forgetExchange(exchange.name);
  }

  /** @throws ChannelError when something else of that name is there already, or it is not allowed */
  async declare(queue: Queue): Promise<void> {
    if (queue.noDeclare || this.#known.has(queue)) return;
    const key = `${queueKey(queue.name)}${JSON.stringify(queue)}`;
    if (isFleeting(queue)) {
      await this.#create(queue);
      return;
    }
    await this.#once(key, () => this.#create(queue));
    this.#known.add(queue);
    this.#lasting.set(queue.name, queue);
  }

  hasQueue(name: string): boolean {
    return this.#lasting.has(name);
  }

  /** A queue of this connection was deleted by somebody. */
  async declareAgain(name: string): Promise<void> {
    const queue = this.#lasting.get(name);
    if (queue === undefined) return;
    this.forget(queue);
    await this.declare(queue);
  }

  /**
   * Sees to it that an exchange is there before something is published to it. One that is there
   * with other properties, or may not be declared by us, is fine: it can be published to.
   */
  async provide(exchange: Exchange): Promise<void> {
    if (isPredeclared(exchange)) return;
    await this.#once(`provided ${exchange.name}`, async () => {
      try {
        await this.#declareExchange(exchange);
      } catch (error) {
        if (!(error instanceof ChannelError)) throw error;
      }
    });
  }

  /** What was provided turned out to be missing, so that the next message has it declared again. */
  forgetExchange(name: string): void {
    this.#done.delete(`provided ${name}`);
    for (const key of this.#done.keys()) {
      if (key.startsWith(`exchange ${JSON.stringify(name)}`)) this.#done.delete(key);
    }
  }

  #once(key: string, create: () => Promise<void>): Promise<void> {
    let done = this.#done.get(key);
    if (done === undefined) {
      done = create();
      this.#done.set(key, done);
      done.catch(() => this.#done.delete(key));
    }
    return done;
  }

  async #create(queue: Queue): Promise<void> {
    const { name, durable, exclusive, autoDelete } = queue;
    const bindings = bindingsOf(queue);
    for (const { exchange } of bindings) {
      const key = `exchange ${JSON.stringify(exchange.name)} ${JSON.stringify(exchange)}`;
      if (isPredeclared(exchange)) continue;
      if (exchange.autoDelete) await this.#declareExchange(exchange);
      else await this.#once(key, () => this.#declareExchange(exchange));
    }
    const args = queueArguments(queue);
    await this.#admin.run(`declaring queue ${JSON.stringify(name)}`, (channel, answer) =>
      channel.assertQueue(name, { durable, exclusive, autoDelete, arguments: args }, answer),
    );
    try {
      for (const binding of bindings) await this.#bind(queue, binding);
    } catch (error) {
      // an exchange that was deleted since it was declared is to be declared again
      for (const { exchange } of bindings) this.forgetExchange(exchange.name);
      throw error;
    }
  }

  async #bind(queue: Queue, { exchange, routingKey, arguments: args = {} }: QueueBinding) {
    if (exchange.name === '') return;
    await this.#admin.run(
      `binding queue ${JSON.stringify(queue.name)} to exchange ${JSON.stringify(exchange.name)}`,
      (channel, answer) => channel.bindQueue(queue.name, exchange.name, routingKey, args, answer),
    );
  }

  async #declareExchange(exchange: Exchange): Promise<void> {
    const { name, type, durable, autoDelete, arguments: args } = exchange;
    await this.#admin.run(`declaring exchange ${JSON.stringify(name)}`, (channel, answer) =>
      channel.assertExchange(name, type, { durable, autoDelete, arguments: args }, answer),
    );
  }
}

function bindingsOf(queue: Queue): QueueBinding[] {
  const { exchange, routingKey, bindingArguments, bindings = [] } = queue;
  return [{ exchange, routingKey, arguments: bindingArguments }, ...bindings];
}

const queueKey = (name: string) => `queue ${JSON.stringify(name)} `;
