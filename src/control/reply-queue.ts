/**
 * The queue of replies of one caller. Calls at once have one consumer together: of several, each
 * would take the replies of the others, and the first to end would delete the queue.
 */
import type { Consumer, Delivery, Transport } from '../messaging/contract.ts';
import type { Queue } from '../messaging/entities.ts';
import { type ControlReply, readControlReply } from '../wire/messages/control.ts';

type OnReply = (reply: ControlReply) => void;

const opened = new WeakMap<Transport, Map<string, ReplyQueue>>();

/** The same for each call over this connection. */
export function replyQueueOf(
  transport: Transport,
  queue: Queue,
  accept: ReadonlySet<string>,
): ReplyQueue {
  const queues = opened.get(transport) ?? new Map<string, ReplyQueue>();
  opened.set(transport, queues);
  const replies = queues.get(queue.name) ?? new ReplyQueue(transport, queue, accept);
  queues.set(queue.name, replies);
  return replies;
}

export class ReplyQueue {
  readonly #transport: Transport;
  readonly #queue: Queue;
  readonly #accept: ReadonlySet<string>;
  /** By the tickets of their requests. */
  readonly #callers = new Map<string, OnReply>();
  #consumer: Promise<Consumer> | undefined;
  #closing: Promise<unknown> = Promise.resolve();

  constructor(transport: Transport, queue: Queue, accept: ReadonlySet<string>) {
    this.#transport = transport;
    this.#queue = queue;
    this.#accept = accept;
  }

  /** Hear the replies to this ticket, until `close`. @throws as `Transport.consume` */
  async open(ticket: string, onReply: OnReply): Promise<void> {
    // who is among the callers keeps the queue
    this.#callers.set(ticket, onReply);
    await this.#closing;
    this.#consumer ??= this.#consume();
    const consumer = this.#consumer;
    try {
      await consumer;
    } catch (error) {
      this.#callers.delete(ticket);
      if (this.#consumer === consumer) this.#consumer = undefined;
      throw error;
    }
  }

  async close(ticket: string): Promise<void> {
    this.#callers.delete(ticket);
    if (this.#callers.size > 0) return;
    const closed = this.#consumer?.then(consumer => consumer.close());
    this.#consumer = undefined;
    this.#closing = closed?.catch(() => {}) ?? this.#closing;
    await closed;
  }

  #consume(): Promise<Consumer> {
    return this.#transport.consume([this.#queue], {
      prefetch: 0,
      onDeliveries: deliveries => {
        for (const delivery of deliveries) this.#receive(delivery);
      },
    });
  }

  /** Anybody can send here: what is no reply answers nobody. */
  #receive({ message, problem }: Delivery): void {
    if (problem) return;
    let answer: ReturnType<typeof readControlReply>;
    try {
      answer = readControlReply(message, this.#accept);
    } catch {
      return;
    }
    const onReply = this.#callers.get(answer.ticket);
    if (onReply) for (const reply of answer.replies) onReply(reply);
  }
}
