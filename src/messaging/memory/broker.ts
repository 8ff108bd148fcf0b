/**
 * The queues, bindings and consumers behind one `memory://` URL: a broker that lives as long
 * as the process and is shared by every transport of the process with that URL.
 */
import { DELIVERY_COUNT, deliveryCount } from '../../wire/messages/envelope.ts';
import type { Message } from '../../wire/messages/message.ts';
import type { BindingRow, Destination, PublishOptions } from '../contract.ts';
import type { Queue } from '../entities.ts';
import {
  bindingMatches,
  bindingsOf,
  PRIORITY_STEPS,
  priorityStep,
  refuseHeaders,
  unroutable,
} from '../virtual/routing.ts';

export interface Stored {
  readonly queue: string;
  readonly exchange: string;
  readonly routingKey: string;
  message: Message;
  redelivered: boolean;
}

export interface Taker {
  readonly queues: readonly string[];
  take(): void;
}

/** First in, first out, without moving the rest on every take. */
class Line {
  #items: (Stored | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  append(item: Stored): void {
    this.#items.push(item);
  }

  prepend(item: Stored): void {
    if (this.#head > 0) this.#items[--this.#head] = item;
    else this.#items.unshift(item);
  }

  get items(): readonly Stored[] {
    return this.#items.slice(this.#head) as Stored[];
  }

  shift(): Stored {
    const item = this.#items[this.#head]!;
    this.#items[this.#head++] = undefined;
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}

/** One queue: a line for each priority step, in the order they are served. */
type Lines = readonly Line[];

interface Binding {
  readonly queue: string;
  readonly bindingKey: string;
}

export class MemoryBroker {
  readonly #queues = new Map<string, Lines>();
  readonly #bindings = new Map<string, Binding[]>();
  readonly #takers = new Set<Taker>();
  #deal: NodeJS.Immediate | undefined;

  declare(queue: Queue): void {
    const wanted = bindingsOf(queue);
    for (const { exchange } of wanted) refuseHeaders(exchange, 'The memory broker');
    this.#lines(queue.name);
    for (const { exchange, routingKey } of wanted) {
      this.#bind(exchange.name, { queue: queue.name, bindingKey: routingKey });
    }
  }

  #bind(exchange: string, { queue, bindingKey }: Binding): void {
    const bindings = this.#bindings.get(exchange) ?? [];
    this.#bindings.set(exchange, bindings);
    const known = bindings.some(b => b.queue === queue && b.bindingKey === bindingKey);
    if (!known) bindings.push({ queue, bindingKey });
  }

  delete(queue: string): void {
    this.#queues.delete(queue);
    for (const [exchange, bindings] of this.#bindings) {
      const others = bindings.filter(binding => binding.queue !== queue);
      if (others.length > 0) this.#bindings.set(exchange, others);
      else this.#bindings.delete(exchange);
    }
  }

  publish(
    message: Message,
    { exchange, routingKey }: Destination,
    { mandatory, onHeard }: PublishOptions = {},
  ): void {
    refuseHeaders(exchange, 'The memory broker');
    const queues = this.#route({ exchange, routingKey });
    if (mandatory && queues.length === 0) throw unroutable(exchange, routingKey);
    for (const queue of queues) {
      const stored = { queue, exchange: exchange.name, routingKey, message, redelivered: false };
      this.#line(stored).append(stored);
    }
    if (exchange.type === 'fanout') onHeard?.(queues.length);
    this.wake();
  }

  /**
   * Puts messages back: those of a closed consumer `first`, oldest first; rejected ones `last`.
   * A queue that was deleted meanwhile took its messages with it, as in AMQP.
   */
  putBack(messages: readonly Stored[], where: 'first' | 'last'): void {
    for (const stored of where === 'first' ? messages.toReversed() : messages) {
      if (!this.#queues.has(stored.queue)) continue;
      stored.redelivered = true;
      const line = this.#line(stored);
      if (where === 'first') line.prepend(stored);
      else line.append(stored);
    }
    this.wake();
  }

  putBackCounted(stored: Stored): void {
    const { headers } = stored.message;
    const counted = { ...headers, [DELIVERY_COUNT]: deliveryCount(headers) + 1 };
    stored.message = { ...stored.message, headers: counted };
    this.putBack([stored], 'last');
  }

  get bindings(): BindingRow[] {
    return [...this.#bindings].flatMap(([exchange, bindings]) =>
      bindings.map(({ queue, bindingKey }) => ({ queue, exchange, routingKey: bindingKey })),
    );
  }

  /** The next message for somebody who serves these queues in this order. */
  next(queues: readonly string[]): Stored | undefined {
    for (let rank = 0; rank < PRIORITY_STEPS.length; rank++) {
      for (const name of queues) {
        const line = this.#queues.get(name)?.[rank];
        if (line !== undefined && line.length > 0) return line.shift();
      }
    }
    return undefined;
  }

  size(queue: string): number {
    return (this.#queues.get(queue) ?? []).reduce((sum, line) => sum + line.length, 0);
  }

  get names(): string[] {
    return [...this.#queues.keys()];
  }

  /** What waits in a queue, in the order in which it will be served. */
  waiting(queue: string): readonly Stored[] {
    return (this.#queues.get(queue) ?? []).flatMap(line => line.items);
  }

  purge(queue: string): number {
    const count = this.size(queue);
    if (count > 0) this.#queues.set(queue, newLines());
    return count;
  }

  enter(taker: Taker): void {
    this.#takers.add(taker);
    this.wake();
  }

  leave(taker: Taker): void {
    this.#takers.delete(taker);
  }

  isServed(queue: string): boolean {
    return [...this.#takers].some(taker => taker.queues.includes(queue));
  }

  /** Deal out messages when the current turn of the event loop is over, so that they come in batches. */
  wake(): void {
    if (this.#takers.size === 0) return;
    this.#deal ??= setImmediate(() => {
      this.#deal = undefined;
      for (const taker of this.#takers) taker.take();
    });
  }

  #route({ exchange, routingKey }: Destination): string[] {
    if (exchange.name === '') return [routingKey];
    const matching = (this.#bindings.get(exchange.name) ?? []).filter(binding =>
      bindingMatches(exchange.type, binding.bindingKey, routingKey),
    );
    return [...new Set(matching.map(binding => binding.queue))];
  }

  #line(stored: Stored): Line {
    const step = priorityStep(stored.message.properties.priority);
    return this.#lines(stored.queue)[(PRIORITY_STEPS as readonly number[]).indexOf(step)]!;
  }

  #lines(queue: string): Lines {
    let lines = this.#queues.get(queue);
    if (lines === undefined) {
      lines = newLines();
      this.#queues.set(queue, lines);
    }
    return lines;
  }
}

const newLines = (): Lines => PRIORITY_STEPS.map(() => new Line());

const brokers = new Map<string, MemoryBroker>();

export function memoryBroker(name: string): MemoryBroker {
  let broker = brokers.get(name);
  if (broker === undefined) {
    broker = new MemoryBroker();
    brokers.set(name, broker);
  }
  return broker;
}

/** Forget the broker of this name and what waits in it; transports that have it keep it. */
export function forgetMemoryBroker(name: string): void {
  brokers.delete(name);
}
