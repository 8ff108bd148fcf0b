/**
 * RabbitMQ, and whatever else speaks AMQP 0-9-1.
 *
 * What is published while something is consumed goes over a connection of its own: a broker
 * that runs out of memory stops reading from connections that publish, and the acks of the
 * consumers must not wait behind that.
 */

import { within } from '../../base/time/within.ts';
import { publishedHeaders } from '../../wire/messages/dead-letter.ts';
import { DELIVERY_COUNT, deliveryCount } from '../../wire/messages/envelope.ts';
import type { Message } from '../../wire/messages/message.ts';
import type {
  BrokerAdmin,
  ConsumeOptions,
  Consumer,
  Destination,
  PublishOptions,
  Transport,
  TransportEvent,
  TransportOptions,
} from '../contract.ts';
import { DEFAULT_EXCHANGE, type Queue } from '../entities.ts';
import { Admin, type Answer } from './admin.ts';
import { AmqpBrokerAdmin } from './broker-admin.ts';
import { Declarations } from './declarations.ts';
import { DelayedDelivery, type DelaySetup, delayedDestination } from './delayed.ts';
import type { AmqpChannel } from './driver.ts';
import { isUnsupported, NOT_FOUND, operationError, replyCode } from './errors.ts';
import { AmqpConsumer, type ConsumerHost } from './intake/consumer.ts';
import type { AmqpDelivery } from './intake/delivery.ts';
import { Link } from './link.ts';
import { amqpUrlForPeople, confirmTimeout, optionWarnings, type Urls } from './options.ts';
import { ParkingQueues } from './parking.ts';
import { Publisher } from './publishing/publisher.ts';

/** Opens nothing yet; throws ImproperlyConfigured for options or URLs that cannot be used. */
export function createAmqpTransport(urls: Urls, options: TransportOptions): AmqpTransport {
  return new AmqpTransport(urls, options);
}

/** From this version on, RabbitMQ has no prefetch counts for channels. */
const FIRST_WITHOUT_CHANNEL_QOS = 4;

const DRAIN_SECONDS = 2;
/**
 * For what is held to be put back, by a broker that answers; one that does not is given up by the
 * watchdog after 14 s only.
 */
const GOODBYE_SECONDS = 2;

interface Counted {
  readonly messageCount: number;
}

export class AmqpTransport implements Transport {
  readonly name = 'amqp';
  readonly url: string;
  readonly supportsFanout = true;
  readonly eventExchangeType = 'topic';
  readonly servesLargestPriorityFirst = true;
  readonly #urls: Urls;
  readonly #options: TransportOptions;
  /** For everything but publishing next to consumers, for which the broker may block a connection. */
  readonly #link: Link;
  readonly #publishLink: Link;
  readonly #admin: Admin;
  readonly #declarations: Declarations;
  readonly #publisher: Publisher;
  readonly #separatePublisher: Publisher;
  readonly #delayed: DelayedDelivery;
  readonly #parking: ParkingQueues;
  readonly #consumers = new Set<AmqpConsumer>();
  readonly #host: ConsumerHost;
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  #isLost = false;
  #isWarned = false;
  #closing: Promise<void> | undefined;

  constructor(urls: Urls, options: TransportOptions) {
    this.url = amqpUrlForPeople(urls[0], options.useSsl);
    this.#urls = urls;
    this.#options = options;
    const onWarning = (message: string) => this.#emit({ type: 'warning', message });
    this.#link = new Link(urls, options, {
      needed: () => this.#consumers.size > 0,
      onUp: () => this.#up(),
      onDown: error => this.#down(error),
      onRetry: (error, delay, attempt) => this.#emit({ type: 'retrying', error, delay, attempt }),
      onWarning,
      unanswered: () =>
        Math.max(
          this.#publisher.unanswered,
          ...[...this.#consumers].map(consumer => consumer.unanswered),
        ),
    });
    this.#publishLink = new Link(urls, options, {
      needed: () => false,
      onWarning,
      unanswered: () => this.#separatePublisher.unanswered,
    });
    this.#admin = new Admin(this.#link, urls);
    this.#declarations = new Declarations(this.#admin);
    const publisher = (link: Link) =>
      new Publisher(link, this.#declarations, urls, confirmTimeout(options));
    this.#publisher = publisher(this.#link);
    this.#separatePublisher = publisher(this.#publishLink);
    this.#delayed = new DelayedDelivery(this.#admin, this.#declarations);
    this.#parking = new ParkingQueues(this.#declarations, this.#separatePublisher);
    this.#host = this.#createHost();
  }

  get connected(): boolean {
    return this.#link.connection !== undefined;
  }

  async connect(): Promise<void> {
    await this.#link.connect();
  }

  onEvent(listener: (event: TransportEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  declare(queue: Queue): Promise<void> {
    return this.#declarations.declare(queue);
  }

  publish(message: Message, destination: Destination, options?: PublishOptions): Promise<void> {
    const consumes = this.#options.consumes || this.#consumers.size > 0;
    const publisher = consumes ? this.#separatePublisher : this.#publisher;
    return publisher.publish(message, delayedDestination(destination, options?.delay), options);
  }

  async size(queue: string): Promise<number> {
    const counted = await this.#unlessMissing(
      queue,
      'counting the messages of',
      (channel, answer: Answer<Counted>) => channel.checkQueue(queue, answer),
    );
    return counted?.messageCount ?? 0;
  }

  async purge(queue: string): Promise<number> {
    const purged = await this.#unlessMissing(queue, 'purging', (channel, answer: Answer<Counted>) =>
      channel.purgeQueue(queue, answer),
    );
    return purged?.messageCount ?? 0;
  }

  async delete(queue: Queue): Promise<void> {
    this.#declarations.forget(queue);
    await this.#unlessMissing(queue.name, 'deleting', (channel, answer) =>
      channel.deleteQueue(queue.name, {}, answer),
    );
  }

  setUpDelayedDelivery(queues: readonly Queue[], options: DelaySetup): Promise<void> {
    return this.#delayed.setUp(queues, options);
  }

  async consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    await this.connect();
    const consumer = new AmqpConsumer(this.#host, options, queues.length > 1);
    this.#consumers.add(consumer);
    try {
      for (const queue of queues) await consumer.addQueue(queue);
    } catch (error) {
      await consumer.close();
      throw error;
    }
    return consumer;
  }

  admin(): BrokerAdmin {
    return new AmqpBrokerAdmin(this.#admin, {
      openChannel: () => this.#openChannel(),
      publish: (...args) => this.publish(...args),
      toError: (error, doing) => operationError(error, doing, this.#urls),
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const goodbyes = Promise.all([...this.#consumers].map(consumer => consumer.close()));
    const isHeard = await within(GOODBYE_SECONDS, goodbyes);
    if (isHeard) await this.#drain();
    await Promise.all([this.#link.close(isHeard), this.#publishLink.close(isHeard)]);
  }

  /** What was published and not waited for deserves a moment. */
  async #drain(): Promise<void> {
    const drained = [this.#publisher.drained(), this.#separatePublisher.drained()];
    await within(DRAIN_SECONDS, Promise.all(drained));
  }

  #createHost(): ConsumerHost {
    const link = this.#link;
    return {
      get isConnected() {
        return link.connection !== undefined;
      },
      openChannel: () => this.#openChannel(),
      get hasChannelQos() {
        return link.serverMajor < FIRST_WITHOUT_CHANNEL_QOS;
      },
      declare: queue => this.declare(queue),
      forget: queue => this.#declarations.forget(queue),
      putBackCounted: delivery => this.#putBackCounted(delivery),
      park: (delivery, queue, seconds) => this.#parking.park(delivery, queue, seconds),
      toError: (error, doing) => operationError(error, doing, this.#urls),
      warn: message => this.#emit({ type: 'warning', message }),
      onConsuming: () => this.#consuming(),
      ended: consumer => {
        this.#consumers.delete(consumer);
      },
    };
  }

  async #openChannel(): Promise<AmqpChannel> {
    const connection = await this.#link.connect();
    return new Promise((resolve, reject) => {
      connection.createChannel((error, channel) =>
        error ? reject(operationError(error, 'consuming', this.#urls)) : resolve(channel),
      );
    });
  }

  async #unlessMissing<T>(
    queue: string,
    doing: string,
    ask: (channel: AmqpChannel, answer: Answer<T>) => void,
  ): Promise<T | undefined> {
    return this.#admin.run<T | undefined>(
      `${doing} queue ${JSON.stringify(queue)}`,
      (channel, answer) =>
        ask(channel, (error, value) => {
          if (replyCode(error) === NOT_FOUND) answer(null, undefined);
          else answer(error, value);
        }),
    );
  }

  /** Straight into its queue: its exchange might give it to others too. */
  async #putBackCounted({ message, queue }: AmqpDelivery): Promise<void> {
    const headers = {
      ...publishedHeaders(message.headers),
      [DELIVERY_COUNT]: deliveryCount(message.headers) + 1,
    };
    await this.#separatePublisher.publish(
      { ...message, headers },
      { exchange: DEFAULT_EXCHANGE, routingKey: queue },
      { mandatory: true },
    );
  }

  #emit(event: TransportEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #up(): void {
    const healed = this.#isLost;
    this.#isLost = false;
    this.#declarations.forgetAll();
    this.#delayed.forget();
    this.#parking.forget();
    if (!this.#isWarned) {
      for (const message of optionWarnings(this.#options.transportOptions)) {
        this.#emit({ type: 'warning', message });
      }
    }
    this.#isWarned = true;
    this.#emit({ type: 'connected' });
    if (!healed) return;
    this.#delayed.recover().catch((error: Error) => {
      this.#emit({ type: 'warning', message: error.message });
    });
    for (const consumer of this.#consumers) void consumer.recover();
  }

  #down(error: Error): void {
    this.#isLost = true;
    // a queue is a quorum queue by the broker's own policy
    if (isUnsupported(error.cause))
      for (const consumer of this.#consumers) consumer.countPerConsumer();
    // Closing is no loss.
    if (!this.#closing) this.#emit({ type: 'lost', error });
  }

  /** One consumer takes messages again; the news is out when all do. */
  #consuming(): void {
    const consumers = [...this.#consumers];
    if (consumers.some(consumer => consumer.isRecovering)) return;
    this.#emit({ type: 'consuming', queues: consumers.flatMap(consumer => consumer.queues) });
  }
}
