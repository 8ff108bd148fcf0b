/**
 * Leaders elected by RabbitMQ: who consumes exclusively from the queue of the election leads, and the
 * queue keeps what it claimed. A leader that stands still misses heartbeats; the broker closes its
 * connection, and gives what it had read to its successor.
 */
import type { ServerUrl } from '../../drivers/url.ts';
import { Admin, type Answer } from '../../messaging/amqp/admin.ts';
import type { AmqpChannel, AmqpConfirmChannel } from '../../messaging/amqp/driver.ts';
import {
  ACCESS_REFUSED,
  NOT_FOUND,
  operationError,
  replyCode,
} from '../../messaging/amqp/errors.ts';
import { Link } from '../../messaging/amqp/link.ts';
import { amqpUrlForPeople } from '../../messaging/amqp/options.ts';
import type { TransportOptions } from '../../messaging/contract.ts';
import { AmqpLease } from './amqp-lease.ts';
import { type Election, LEASE, type Lease } from './contract.ts';

export interface AmqpElectionOptions {
  readonly settings: TransportOptions;
  /** Beats of one name elect one leader. */
  readonly name: string;
  /** Seconds; default 12. Heartbeats are a third of it apart, and the broker waits for up to three. */
  readonly lease?: number;
}

type Urls = readonly [ServerUrl, ...ServerUrl[]];

/** In ms: queues of beats that are no more go away. */
const KEPT_MS = 30 * 86_400_000;
/** The holder's name may be in the hands of another one who asks. */
const HOLDER_TRIES = 5;

export class AmqpElection implements Election {
  readonly info: string;
  readonly #urls: Urls;
  readonly #link: Link;
  readonly #admin: Admin;
  readonly #queue: string;
  readonly #holderQueue: string;
  readonly #lease: number;

  constructor(urls: Urls, { settings, name, lease = LEASE }: AmqpElectionOptions) {
    this.info = amqpUrlForPeople(urls[0], settings.useSsl);
    this.#urls = urls.map(withoutHeartbeat) as unknown as Urls;
    this.#lease = lease;
    this.#queue = `tscelery.beat.${name}`;
    this.#holderQueue = `${this.#queue}.holder`;
    const heartbeat = Math.max(1, Math.floor(lease / 3));
    this.#link = new Link(
      this.#urls,
      { ...settings, heartbeat },
      { needed: () => false, onWarning: () => {}, unanswered: () => 0 },
    );
    this.#admin = new Admin(this.#link, this.#urls);
  }

  async start(): Promise<void> {
    await this.#link.connect();
  }

  async stop(): Promise<void> {
    await this.#link.close();
  }

  async acquire(owner: string): Promise<Lease | undefined> {
    const channel = await this.#open();
    const lease = new AmqpLease(channel, {
      queue: this.#queue,
      seconds: this.#lease,
      toError: (error, doing) => operationError(error, doing, this.#urls),
    });
    try {
      await declare(channel, this.#queue, {});
      await lease.begin();
    } catch (error) {
      await lease.release();
      if (replyCode(error) === ACCESS_REFUSED) return undefined;
      throw operationError(error, 'asking for the lead', this.#urls);
    }
    try {
      await this.#tellHolder(owner);
    } catch (error) {
      await lease.release();
      throw error;
    }
    return lease;
  }

  async holder(): Promise<string | undefined> {
    const counted = await this.#admin.run<{ consumerCount: number } | undefined>(
      'asking who leads',
      (channel, answer) =>
        channel.checkQueue(this.#queue, (error, found) => {
          if (replyCode(error) === NOT_FOUND) answer(null, undefined);
          else answer(error, found);
        }),
    );
    if (!counted?.consumerCount) return undefined;
    for (let tries = 1; tries <= HOLDER_TRIES; tries++) {
      const message = await this.#peek();
      if (message) return message;
    }
    return 'a beat that did not tell its name';
  }

  /** One message, the last one, is the name of who leads. */
  async #tellHolder(owner: string): Promise<void> {
    const queue = this.#holderQueue;
    await this.#admin.run<unknown>('telling who leads', (channel, answer) => {
      const done = (error: Error | null) => answer(error, undefined);
      declare(channel, queue, { 'x-max-length': 1 }).then(() => {
        channel.sendToQueue(queue, Buffer.from(owner), { persistent: true });
        // the answer to anything says that the broker has read what came before
        channel.checkQueue(queue, done);
      }, done);
    });
  }

  #peek(): Promise<string | undefined> {
    return this.#admin.run('asking who leads', (channel, answer: Answer<string | undefined>) => {
      channel.get(this.#holderQueue, { noAck: false }, (error, message) => {
        if (message) channel.reject(message, true);
        answer(error, message ? message.content.toString() : undefined);
      });
    });
  }

  async #open(): Promise<AmqpConfirmChannel> {
    const connection = await this.#link.connect();
    return new Promise((resolve, reject) => {
      connection.createConfirmChannel((error, channel) =>
        error ? reject(operationError(error, 'asking for the lead', this.#urls)) : resolve(channel),
      );
    });
  }
}

/** Heartbeats are what the lease needs, whatever a URL that is the broker's too says of them. */
function withoutHeartbeat(url: ServerUrl): ServerUrl {
  const { heartbeat: _, ...query } = url.query;
  return { ...url, query };
}

function declare(
  channel: AmqpChannel,
  queue: string,
  extra: Readonly<Record<string, unknown>>,
): Promise<void> {
  // exclusive consumers are for classic queues, whatever kind is the default of the virtual host
  const args = { 'x-queue-type': 'classic', 'x-expires': KEPT_MS, ...extra };
  return new Promise((resolve, reject) => {
    channel.assertQueue(queue, { durable: true, arguments: args }, error =>
      error ? reject(error) : resolve(),
    );
  });
}
