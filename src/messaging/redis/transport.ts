/**
 * Celery's Redis transport on kombu's keys.
 *
 * Better than the original in three ways: a message is always to be found in Redis, a held
 * one stays with its holder for as long as that lives, and every lost connection heals.
 */
import { RecentMap } from '../../base/collections/recent-map.ts';
import { redisUrlForPeople } from '../../drivers/redis/client.ts';
import { redisClientOptionsIn } from '../../drivers/url-rules.ts';
import type { Message } from '../../wire/messages/message.ts';
import type {
  BindingRow,
  ConsumeOptions,
  Consumer,
  Destination,
  PublishOptions,
  Transport,
  TransportEvent,
  TransportOptions,
} from '../contract.ts';
import type { Queue } from '../entities.ts';
import { bindingsOf, refuseMixedFanout } from '../virtual/routing.ts';
import { allBindings } from './bindings.ts';
import { type ConsumerHost, RedisConsumer } from './consumer.ts';
import { Publisher } from './publisher.ts';
import { RedisSession, type Urls } from './server-session.ts';
import { Subscriber } from './subscriber.ts';
import { VisibilitySweep } from './visibility-sweep.ts';

/** Opens nothing yet; throws ImproperlyConfigured for options or URLs that cannot be used. */
export function createRedisTransport(urls: Urls, options: TransportOptions): RedisTransport {
  return new RedisTransport(urls, {
    ...options,
    transportOptions: { ...options.transportOptions, ...redisClientOptionsIn(urls[0]) },
  });
}

/** Seconds after which a binding is written down again: somebody may have deleted it. */
const DECLARED_FOR = 10;
/** Queues of which that is remembered, at most: a client may name ever new ones. */
const MOST_DECLARED = 10_000;

interface Declared {
  readonly queue: Queue;
  readonly at: number;
}

export class RedisTransport implements Transport {
  readonly name = 'redis';
  readonly supportsFanout = true;
  readonly eventExchangeType = 'fanout';
  readonly #session: RedisSession;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #sweep: VisibilitySweep;
  readonly #consumers = new Set<RedisConsumer>();
  readonly #host: ConsumerHost;
  readonly #declared = new RecentMap<string, Declared>(MOST_DECLARED);
  #lost = false;
  #warned = false;
  #closing: Promise<void> | undefined;

  constructor(urls: Urls, options: TransportOptions) {
    this.#session = new RedisSession(urls, options, {
      needed: () => this.#consumers.size > 0,
      onUp: () => this.#up(),
      onDown: error => this.#down(error),
      onRetry: (error, delay, attempt) =>
        this.#session.emit({ type: 'retrying', error, delay, attempt }),
    });
    this.#publisher = new Publisher(this.#session);
    this.#subscriber = new Subscriber(this.#session);
    this.#sweep = new VisibilitySweep(this.#session);
    this.#host = {
      session: this.#session,
      subscriber: this.#subscriber,
      declare: queue => this.declare(queue),
      delete: queue => this.delete(queue),
      ended: consumer => {
        this.#consumers.delete(consumer);
      },
    };
  }

  /** Of several servers the one in use, or tried last. */
  get url(): string {
    return redisUrlForPeople(this.#session.server);
  }

  get connected(): boolean {
    return this.#session.link.client !== undefined;
  }

  async connect(): Promise<void> {
    await this.#session.link.connect();
  }

  onEvent(listener: (event: TransportEvent) => void): () => void {
    return this.#session.onEvent(listener);
  }

  /** Redis has no queues to create; what remains to be written down is the bindings. */
  async declare(queue: Queue): Promise<void> {
    refuseMixedFanout(queue, 'Redis');
    const { keys, bindings } = this.#session;
    const wanted = bindingsOf(queue);
    if (wanted.length === 0 || this.#isDeclared(queue)) return;
    await this.#session.run('declaring a queue', client =>
      Promise.all(
        wanted.map(each =>
          client.sadd(keys.bindings(each.exchange.name), keys.member(queue, each)),
        ),
      ),
    );
    for (const { exchange } of wanted) bindings.forget(exchange.name);
    this.#declared.set(queue.name, { queue, at: performance.now() });
  }

  #isDeclared(queue: Queue): boolean {
    const known = this.#declared.get(queue.name);
    return known?.queue === queue && performance.now() - known.at < DECLARED_FOR * 1000;
  }

  publish(message: Message, destination: Destination, options?: PublishOptions): Promise<void> {
    // what it resolves with is nobody's business, and another promise would cost time
    return this.#publisher.publish(message, destination, options) as Promise<void>;
  }

  async size(queue: string): Promise<number> {
    const lists = this.#session.keys.ofQueue(queue);
    const sizes = await this.#session.run('counting messages', client =>
      Promise.all(lists.map(list => client.llen(list))),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async purge(queue: string): Promise<number> {
    const lists = this.#session.keys.ofQueue(queue);
    const replies = await this.#session.run('purging a queue', client => {
      const transaction = client.multi();
      for (const list of lists) transaction.llen(list).del(list);
      return transaction.exec();
    });
    // LLEN and DEL take turns in the replies.
    const sizes = (replies ?? []).filter((_, i) => i % 2 === 0);
    return sizes.reduce((sum, [, size]) => sum + Number(size ?? 0), 0);
  }

  async delete(queue: Queue): Promise<void> {
    this.#declared.delete(queue.name);
    const { keys, bindings } = this.#session;
    const bound = bindingsOf(queue);
    await this.#session.run('deleting a queue', client =>
      Promise.all([
        ...bound.map(each =>
          client.srem(keys.bindings(each.exchange.name), keys.member(queue, each)),
        ),
        client.del(...keys.ofQueue(queue.name)),
      ]),
    );
    for (const { exchange } of bound) bindings.forget(exchange.name);
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    await this.connect();
    const consumer = new RedisConsumer(this.#host, options);
    this.#consumers.add(consumer);
    try {
      await consumer.start(queues);
    } catch (error) {
      await consumer.close();
      throw this.#session.toError(error, 'starting to consume');
    }
    if (queues.some(queue => !queue.noAck && queue.exchange.type !== 'fanout')) this.#sweep.start();
    return consumer;
  }

  bindings(): Promise<BindingRow[]> {
    return this.#session.run('listing bindings', client => allBindings(client, this.#session.keys));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map(consumer => consumer.close()));
    await this.#sweep.stop();
    await Promise.all([this.#subscriber.close(), this.#session.link.close()]);
  }

  #up(): void {
    const healed = this.#lost;
    this.#lost = false;
    if (!this.#warned)
      for (const warning of this.#session.options.warnings) this.#session.warn(warning);
    this.#warned = true;
    this.#session.emit({ type: 'connected' });
    if (healed) void this.#recover();
  }

  #down(error: Error): void {
    this.#lost = true;
    this.#declared.clear();
    for (const consumer of this.#consumers) consumer.suspend();
    // Closing is no loss.
    if (!this.#closing) this.#session.emit({ type: 'lost', error });
  }

  async #recover(): Promise<void> {
    const consumers = [...this.#consumers];
    if (consumers.length === 0) return;
    try {
      await Promise.all([...consumers.map(c => c.recover()), this.#subscriber.recovered()]);
    } catch (error) {
      // The server answers but something is wrong with it: start over with a new connection.
      this.#session.link.drop(error as Error);
      return;
    }
    this.#session.emit({ type: 'consuming', queues: consumers.flatMap(c => c.queues) });
  }
}
