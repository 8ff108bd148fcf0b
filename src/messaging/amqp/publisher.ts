import { EncodeError } from '../../wire/errors.ts';
import { bodyBytes, type Message } from '../../wire/message.ts';
import type { Destination, PublishOptions } from '../contract.ts';
import { ChannelError, OperationalError, Unroutable } from '../errors.ts';
import type { Declarations } from './declarations.ts';
import type { AmqpConfirmChannel, AmqpMessage } from './driver.ts';
import { NOT_FOUND, operationError, replyCode } from './errors.ts';
import type { Link } from './link.ts';
import { amqpProperties } from './message.ts';
import type { Urls } from './options.ts';

/** Exchanges known to be there, at most; which ones, the declarations know as well. */
const MOST_PROVIDED = 1000;

interface Sent {
  readonly message: Message;
  readonly destination: Destination;
  /** What to do when no queue gets it: tell, create the queue again, or nothing. */
  readonly unroutable: 'reject' | 'declare' | 'ignore';
  /** By the monotonic clock in ms. */
  readonly at: number;
  isReturned: boolean;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * Publishes over a channel with publisher confirms; any number of messages may be on their
 * way. A message is taken when the broker has confirmed it.
 */
export class Publisher {
  readonly #link: Link;
  readonly #declarations: Declarations;
  readonly #urls: Urls;
  #channel: AmqpConfirmChannel | undefined;
  #opening: Promise<AmqpConfirmChannel> | undefined;
  readonly #unconfirmed = new Set<Sent>();
  readonly #provided = new Set<string>();

  constructor(link: Link, declarations: Declarations, urls: Urls) {
    this.#link = link;
    this.#declarations = declarations;
    this.#urls = urls;
  }

  /** See `Transport.publish`. @throws EncodeError for headers that AMQP cannot carry */
  publish(
    message: Message,
    destination: Destination,
    { mandatory = false }: PublishOptions = {},
  ): Promise<void> {
    const { exchange, routingKey } = destination;
    const isReady = exchange.name === '' || this.#provided.has(exchange.name);
    if (!this.#channel || !isReady) return this.#prepare(message, destination, mandatory);
    // somebody may have deleted a queue that we declared; its messages would just vanish
    const isOurs = exchange.name === '' && this.#declarations.hasQueue(routingKey);
    const unroutable = mandatory ? 'reject' : isOurs ? 'declare' : 'ignore';
    return this.#send(this.#channel, message, destination, unroutable);
  }

  async #prepare(message: Message, destination: Destination, mandatory: boolean): Promise<void> {
    const { exchange } = destination;
    if (!this.#channel) await this.#open();
    if (exchange.name !== '') {
      await this.#declarations.provide(exchange);
      if (this.#provided.size >= MOST_PROVIDED) this.#provided.clear();
      this.#provided.add(exchange.name);
    }
    // the channel may have gone meanwhile
    return this.publish(message, destination, { mandatory });
  }

  /** Milliseconds for which the oldest message has not been confirmed. */
  get unanswered(): number {
    const [oldest] = this.#unconfirmed;
    return oldest === undefined ? 0 : performance.now() - oldest.at;
  }

  /** Resolves when nothing is on its way any more. */
  async drained(): Promise<void> {
    const channel = this.#channel;
    if (!channel || this.#unconfirmed.size === 0) return;
    await new Promise<void>(resolve => channel.waitForConfirms(() => resolve()));
  }

  #send(
    channel: AmqpConfirmChannel,
    message: Message,
    destination: Destination,
    unroutable: Sent['unroutable'],
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const at = performance.now();
      const sent = { message, destination, unroutable, at, isReturned: false, resolve, reject };
      this.#unconfirmed.add(sent);
      try {
        channel.publish(
          destination.exchange.name,
          destination.routingKey,
          bodyBytes(message),
          amqpProperties(message, unroutable !== 'ignore'),
          error => this.#confirmed(sent, error as Error | null),
        );
      } catch (error) {
        this.#unconfirmed.delete(sent);
        reject(this.#sendError(error, channel, message));
      }
    });
  }

  #sendError(error: unknown, channel: AmqpConfirmChannel, message: Message): Error {
    if (this.#channel !== channel) return this.#lostError();
    const what = message.headers.task === undefined ? 'message' : `task ${message.headers.task}`;
    return new EncodeError(`Cannot send the ${what} over AMQP: ${(error as Error).message}.`);
  }

  #confirmed(sent: Sent, error: Error | null): void {
    if (!this.#unconfirmed.delete(sent)) return;
    const { exchange, routingKey } = sent.destination;
    if (error) sent.reject(new OperationalError('The broker did not take the message.'));
    else if (!sent.isReturned) sent.resolve();
    else if (sent.unroutable === 'declare') this.#publishAgain(sent);
    else {
      sent.reject(
        new Unroutable(
          `No queue gets the message: exchange ${JSON.stringify(exchange.name)}, routing key ${JSON.stringify(routingKey)}.`,
        ),
      );
    }
  }

  /** Its queue was deleted since we declared it. */
  #publishAgain({ message, destination, resolve, reject }: Sent): void {
    const again = async () => {
      await this.#declarations.declareAgain(destination.routingKey);
      await this.#send(this.#channel ?? (await this.#open()), message, destination, 'reject');
    };
    again().then(resolve, reject);
  }

  /** Comes before the confirmation. Which message it is can only be told by what it carries. */
  #returned({ fields, properties }: Pick<AmqpMessage, 'fields' | 'properties'>): void {
    for (const sent of this.#unconfirmed) {
      const { exchange, routingKey } = sent.destination;
      const isIt =
        sent.unroutable !== 'ignore' &&
        !sent.isReturned &&
        exchange.name === fields.exchange &&
        routingKey === fields.routingKey &&
        sent.message.properties.correlation_id === properties.correlationId;
      if (!isIt) continue;
      sent.isReturned = true;
      return;
    }
  }

  #open(): Promise<AmqpConfirmChannel> {
    this.#opening ??= this.#openChannel().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openChannel(): Promise<AmqpConfirmChannel> {
    const connection = await this.#link.connect();
    try {
      const channel = await new Promise<AmqpConfirmChannel>((resolve, reject) => {
        connection.createConfirmChannel((error, opened) =>
          error ? reject(error) : resolve(opened),
        );
      });
      this.#adopt(channel);
      return channel;
    } catch (error) {
      throw operationError(error, 'publishing', this.#urls);
    }
  }

  #adopt(channel: AmqpConfirmChannel): void {
    let why: Error | undefined;
    channel.on('error', (error: Error) => {
      why = error;
    });
    // before amqplib's own listener tells every callback that the channel is closed
    channel.prependOnceListener('close', () => this.#closed(channel, why));
    channel.on('return', message => this.#returned(message as AmqpMessage));
    this.#channel = channel;
    this.#provided.clear();
  }

  #closed(channel: AmqpConfirmChannel, why: Error | undefined): void {
    if (this.#channel === channel) this.#channel = undefined;
    const missing = replyCode(why) === NOT_FOUND ? /no exchange '(.*?)'/.exec(why!.message) : null;
    if (missing) this.#declarations.forgetExchange(missing[1]!);
    const lost = this.#lostError(why);
    for (const sent of this.#unconfirmed) {
      const isCulprit = missing !== null && sent.destination.exchange.name === missing[1];
      sent.reject(
        isCulprit ? new ChannelError(`There is no exchange ${JSON.stringify(missing[1])}.`) : lost,
      );
    }
    this.#unconfirmed.clear();
  }

  /** It is unknown whether the broker took what was on its way. */
  #lostError(why?: Error): OperationalError {
    const reason = why ? `: ${operationError(why, 'publishing', this.#urls).message}` : '.';
    return new OperationalError(`The connection was lost before a message was confirmed${reason}`);
  }
}
