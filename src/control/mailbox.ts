/**
 * The client side of remote control: sends requests to all nodes and collects their replies.
 * Celery: `app.control`, kombu's mailbox.
 */
import { randomUUID } from 'node:crypto';
import { bounded } from '../backends/bounded.ts';
import type { Closing } from '../base/closing.ts';
import { deferred } from '../base/deferred.ts';
import { ImproperlyConfigured } from '../base/errors.ts';
import { type Clock, systemClock } from '../base/time/clock.ts';
import type { LamportClock } from '../base/time/lamport.ts';
import { Unroutable } from '../drivers/errors.ts';
import type { Transport } from '../messaging/contract.ts';
import {
  buildControlRequest,
  type ControlReply,
  type ControlRequest,
  controlNames,
} from '../wire/messages/control.ts';
import type { CallOptions, RequestOptions } from './control-options.ts';
import { type ControlEntities, controlExchange, replyQueue } from './entities.ts';
import { replyQueueOf } from './reply-queue.ts';

export interface MailboxOptions {
  readonly entities: ControlEntities;
  /** Names the queue of replies. */
  readonly oid: string;
  readonly serializer: string;
  readonly accept: ReadonlySet<string>;
  readonly lamport: LamportClock;
  transport(): Promise<Transport>;
  /** For those who wait, and would for ever otherwise: hears of the app's next `close`. */
  closing(): Closing;
  readonly clock?: Clock;
}

export class Mailbox {
  readonly #options: MailboxOptions;

  constructor(options: MailboxOptions) {
    this.#options = options;
  }

  /** Send a request that nobody answers. Resolves when the broker has it. */
  async cast(
    method: string,
    args: Readonly<Record<string, unknown>> = {},
    options: RequestOptions = {},
  ): Promise<void> {
    await this.#send(await this.#transport(), this.#request(method, args, options, false), 0);
  }

  /**
   * Send a request and collect the replies, in the order in which they come. Resolves when as
   * many as expected are there, or none came for `timeout` seconds.
   *
   * @throws ConnectionClosed when the app is closed meanwhile
   */
  async call(
    method: string,
    args: Readonly<Record<string, unknown>> = {},
    options: CallOptions = {},
  ): Promise<ControlReply[]> {
    const { timeout = 1 } = options;
    let { limit = options.destination?.length } = options;
    const request = this.#request(method, args, options, true);
    const transport = await this.#transport();
    const replies: ControlReply[] = [];
    const complete = deferred();
    complete.promise.catch(() => {}); // awaited later, and unhandled until then otherwise
    const closing = this.#options.closing();
    const clock = this.#options.clock ?? systemClock;
    let timer = clock.after(timeout, complete.resolve);
    const queue = replyQueue(this.#options.oid, this.#options.entities);
    const inbox = replyQueueOf(transport, queue, this.#options.accept);
    await inbox.open(request.ticket, reply => {
      replies.push(reply);
      timer.cancel();
      timer = clock.after(timeout, complete.resolve);
      show(reply, options, complete.reject);
      if (limit !== undefined && replies.length >= limit) complete.resolve();
    });
    try {
      timer.cancel();
      await this.#send(transport, request, timeout, heard => {
        // as many can answer, and no more: nobody has to be waited for who is not there
        limit = Math.min(limit ?? heard, heard);
        if (replies.length >= limit) complete.resolve();
      });
      timer = clock.after(timeout, complete.resolve);
      await bounded(() => complete.promise, {}, closing);
    } finally {
      timer.cancel();
      await inbox.close(request.ticket);
    }
    return replies;
  }

  async #transport(): Promise<Transport> {
    const transport = await this.#options.transport();
    if (transport.supportsFanout) return transport;
    throw new ImproperlyConfigured(
      `Remote control needs a broker that can broadcast; ${transport.url} cannot.`,
    );
  }

  #request(
    method: string,
    args: Readonly<Record<string, unknown>>,
    options: RequestOptions,
    reply: boolean,
  ): ControlRequest {
    const { entities, oid } = this.#options;
    return {
      method,
      arguments: args,
      destination: options.destination ?? null,
      pattern: options.pattern ?? null,
      matcher: options.pattern === undefined ? null : (options.matcher ?? 'glob'),
      ticket: randomUUID(),
      replyTo: reply
        ? { exchange: controlNames.replyExchange(entities.namespace), routingKey: oid }
        : undefined,
    };
  }

  async #send(
    transport: Transport,
    request: ControlRequest,
    timeout: number,
    onHeard?: (listeners: number) => void,
  ): Promise<void> {
    const { entities, lamport, serializer } = this.#options;
    const expires = timeout > 0 ? Date.now() / 1000 + timeout : 0;
    const message = buildControlRequest(request, { expires, serializer, clock: lamport.tick() });
    const destination = { exchange: controlExchange(entities.namespace), routingKey: '' };
    if (!onHeard) return transport.publish(message, destination);
    try {
      await transport.publish(message, destination, { onHeard, mandatory: true });
    } catch (error) {
      if (!(error instanceof Unroutable)) throw error;
      onHeard(0);
    }
  }
}

/** A stranger's code must not end the consumer that it is called by. */
function show(reply: ControlReply, { onReply }: CallOptions, fail: (error: unknown) => void): void {
  try {
    onReply?.(reply);
  } catch (error) {
    fail(error);
  }
}
