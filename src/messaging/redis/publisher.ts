/**
 * Sending messages. Those of one turn of the event loop travel together: one LPUSH for each
 * list, in the order in which they were published.
 */
import { randomUUID } from 'node:crypto';
import { encodeEnvelope } from '../../wire/messages/envelope.ts';
import type { Message } from '../../wire/messages/message.ts';
import type { Destination, PublishOptions } from '../contract.ts';
import { refuseHeaders, unroutable } from '../virtual/routing.ts';
import type { ScriptedRedis } from './scripts.ts';
import type { RedisSession } from './server-session.ts';

const MAX_VALUES = 500;
const MAX_CHARACTERS = 1_000_000;

interface Waiting {
  readonly text: string;
  /** Given the server's reply: for PUBLISH, how many listeners there were. */
  readonly resolve: (reply: number) => void;
  readonly reject: (error: Error) => void;
}

/** One command to be: `LPUSH key …` or `PUBLISH channel message`. */
interface Batch {
  readonly name: 'lpush' | 'publish';
  readonly key: string;
  readonly waiting: Waiting[];
  characters: number;
}

export class Publisher {
  readonly #session: RedisSession;
  readonly #open = new Map<string, Batch>();
  #batches: Batch[] = [];

  constructor(session: RedisSession) {
    this.#session = session;
  }

  publish(
    message: Message,
    { exchange, routingKey }: Destination,
    { mandatory = false, onHeard }: PublishOptions = {},
  ): Promise<unknown> {
    let text: string;
    try {
      refuseHeaders(exchange, 'Redis');
      const deliveryTag = randomUUID();
      text = encodeEnvelope(message, { exchange: exchange.name, routingKey, deliveryTag });
    } catch (error) {
      return Promise.reject(error);
    }
    const { keys } = this.#session;
    if (exchange.name === '') {
      return this.#push(keys.forMessage(routingKey, message.properties.priority), text);
    }
    const work =
      exchange.type === 'fanout'
        ? this.#announce(keys.channel(exchange, routingKey), text)
        : this.#route(message, { exchange, routingKey }, text);
    return work.then(takers => {
      if (exchange.type === 'fanout') onHeard?.(takers);
      if (mandatory && takers === 0) throw unroutable(exchange, routingKey);
    });
  }

  /** Resolves with the number of queues that got it. */
  async #route(message: Message, { exchange, routingKey }: Destination, text: string) {
    const queues = await this.#session.run('reading bindings', () =>
      this.#session.bindings.queuesFor(exchange, routingKey),
    );
    // Without a binding nobody wants the message: it is dropped, as AMQP and kombu do.
    const { priority } = message.properties;
    await Promise.all(
      queues.map(queue => this.#push(this.#session.keys.forMessage(queue, priority), text)),
    );
    return queues.length;
  }

  #push(key: string, text: string): Promise<number> {
    return new Promise((resolve, reject) => {
      let batch = this.#open.get(key);
      if (!batch || batch.waiting.length >= MAX_VALUES || batch.characters >= MAX_CHARACTERS) {
        batch = { name: 'lpush', key, waiting: [], characters: 0 };
        this.#open.set(key, batch);
        this.#add(batch);
      }
      batch.waiting.push({ text, resolve, reject });
      batch.characters += text.length;
    });
  }

  #announce(channel: string, text: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const waiting = [{ text, resolve, reject }];
      this.#add({ name: 'publish', key: channel, waiting, characters: text.length });
    });
  }

  #add(batch: Batch): void {
    this.#batches.push(batch);
    // After the microtasks of this turn, so that a thousand awaited publishes are one write.
    if (this.#batches.length === 1) process.nextTick(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    const batches = this.#batches;
    this.#batches = [];
    this.#open.clear();
    try {
      const client = this.#session.link.client ?? (await this.#session.link.connect());
      client.stream.cork();
      for (const batch of batches) void this.#send(client, batch);
      client.stream.uncork();
    } catch (error) {
      const reason = this.#session.toError(error, 'publishing');
      for (const { waiting } of batches) for (const { reject } of waiting) reject(reason);
    }
  }

  async #send(client: ScriptedRedis, { name, key, waiting }: Batch): Promise<void> {
    try {
      const reply =
        name === 'publish'
          ? await client.publish(key, waiting[0]!.text)
          : await client.lpush(key, ...waiting.map(({ text }) => text));
      for (const { resolve } of waiting) resolve(reply);
    } catch (error) {
      this.#session.dropIfWrong(error);
      const doing = name === 'publish' ? `publishing to the channel ${key}` : 'publishing';
      const reason = this.#session.toError(error, doing);
      for (const { reject } of waiting) reject(reason);
    }
  }
}
