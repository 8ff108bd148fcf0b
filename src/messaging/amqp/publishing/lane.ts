import { EncodeError } from '../../../wire/errors.ts';
import { bodyBytes, type Message } from '../../../wire/messages/message.ts';
import type { Destination } from '../../contract.ts';
import { type AmqpConfirmChannel, type AmqpMessage, frameMaxOf } from '../driver.ts';
import { encodeTable } from '../field-table.ts';
import { amqpProperties } from '../message.ts';

export interface Sent {
  readonly message: Message;
  readonly destination: Destination;
  /** What to do when no queue gets it: tell, create the queue again, or nothing. */
  readonly unroutable: 'reject' | 'declare' | 'ignore';
  /** By the monotonic clock in ms. */
  at: number;
  isReturned: boolean;
  resolve(): void;
  reject(error: Error): void;
}

export interface LaneHooks {
  /** The broker took the message, or with an error did not want to. */
  confirmed(sent: Sent, error: Error | null): void;
  /**
   * The channel is no more. `why` is what the broker said, when it closed this channel alone;
   * `sent` is what it had not confirmed, in the order in which it was sent.
   */
  closed(lane: Lane, why: Error | undefined, sent: readonly Sent[]): void;
  /** For what is sent after that. */
  lostError(): Error;
}

/** All properties but the headers, with the frame around them: ten short strings and some numbers. */
const OTHER_PROPERTIES_BYTES = 3000;
/** amqplib writes no longer headers: its buffer for them has that size. */
const LONGEST_HEADERS = 65_536;

export const nameOf = ({ headers }: Message): string =>
  headers.task === undefined ? 'message' : `task ${headers.task}`;

/** One channel with publisher confirms; any number of messages may be on their way over it. */
export class Lane {
  readonly #channel: AmqpConfirmChannel;
  readonly #hooks: LaneHooks;
  readonly #unconfirmed = new Set<Sent>();
  /** Bytes for headers, where that is less than there is anyway: they have to be in one frame. */
  readonly #headersRoom: number | undefined;
  #isClosed = false;
  /**
   * Since when the broker owes the answer for something that nobody waits for any more: its silence
   * counts all the same.
   */
  #overdueSince: number | undefined;

  constructor(channel: AmqpConfirmChannel, hooks: LaneHooks) {
    this.#channel = channel;
    this.#hooks = hooks;
    const room = frameMaxOf(channel) - OTHER_PROPERTIES_BYTES;
    if (room < LONGEST_HEADERS) this.#headersRoom = Math.max(0, room);
    let why: Error | undefined;
    channel.on('error', (error: Error) => {
      why = error;
    });
    // before amqplib's own listener tells every callback that the channel is closed
    channel.prependOnceListener('close', () => this.#closed(why));
    channel.on('return', message => this.#returned(message as AmqpMessage));
  }

  get isIdle(): boolean {
    return this.#unconfirmed.size === 0;
  }

  /** Milliseconds for which the oldest message has not been confirmed. */
  get unanswered(): number {
    const [oldest] = this.#unconfirmed;
    const since = this.#overdueSince ?? oldest?.at;
    return since === undefined ? 0 : performance.now() - since;
  }

  /** Settles `sent` sooner or later; with an EncodeError when AMQP cannot carry it. */
  send(sent: Sent): void {
    const { message, destination, unroutable } = sent;
    if (this.#isClosed) {
      sent.reject(this.#hooks.lostError());
      return;
    }
    this.#unconfirmed.add(sent);
    try {
      if (this.#headersRoom !== undefined) {
        encodeTable(Buffer.allocUnsafe(this.#headersRoom), message.headers, 0);
      }
      this.#channel.publish(
        destination.exchange.name,
        destination.routingKey,
        bodyBytes(message),
        amqpProperties(message, unroutable !== 'ignore'),
        error => this.#confirmed(sent, error as Error | null),
      );
    } catch (error) {
      this.#unconfirmed.delete(sent);
      sent.reject(
        this.#isClosed
          ? this.#hooks.lostError()
          : new EncodeError(
              `Cannot send the ${nameOf(message)} over AMQP: ${(error as Error).message}.`,
            ),
      );
    }
  }

  /** Those that were not confirmed within `limitMs` are rejected. */
  expire(limitMs: number, toError: () => Error): void {
    const limit = performance.now() - limitMs;
    for (const sent of this.#unconfirmed) {
      if (sent.at > limit) return;
      this.#unconfirmed.delete(sent);
      this.#overdueSince ??= sent.at;
      sent.reject(toError());
    }
  }

  /** Resolves when nothing is on its way any more. */
  async drained(): Promise<void> {
    if (this.isIdle) return;
    await new Promise<void>(resolve => this.#channel.waitForConfirms(() => resolve()));
  }

  /** Only while it is idle: confirmations that are on their way are lost with the channel. */
  close(): void {
    this.#channel.close(() => {});
  }

  #confirmed(sent: Sent, error: Error | null): void {
    this.#overdueSince = undefined;
    if (this.#unconfirmed.delete(sent)) this.#hooks.confirmed(sent, error);
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

  #closed(why: Error | undefined): void {
    this.#isClosed = true;
    const sent = [...this.#unconfirmed];
    this.#unconfirmed.clear();
    this.#hooks.closed(this, why, sent);
  }
}
