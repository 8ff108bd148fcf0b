/** The worker's inbox for remote control: reads requests, has the command run, answers. */

import type { Logger } from '../../base/logger.ts';
import type { LamportClock } from '../../base/time/lamport.ts';
import { type ControlEntities, inboxQueue, replyExchange } from '../../control/entities.ts';
import { ChannelError } from '../../drivers/errors.ts';
import type { Consumer, Delivery, Transport } from '../../messaging/contract.ts';
import {
  buildControlReply,
  type ControlRequest,
  isAddressedTo,
  readControlRequest,
} from '../../wire/messages/control.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';

export interface PidboxOptions {
  readonly transport: Transport;
  readonly hostname: string;
  readonly entities: ControlEntities;
  readonly serializer: string;
  readonly accept: ReadonlySet<string>;
  readonly lamport: LamportClock;
  /** Does the command; resolves with the reply, undefined for none. Never rejects. */
  run(command: string, args: Readonly<Record<string, unknown>>): Promise<unknown>;
  readonly logger: Logger;
}

export class Pidbox {
  readonly #options: PidboxOptions;
  #consumer: Consumer | undefined;
  /**
   * Why there is no remote control; tried again on every new connection, as refusals may be lifted.
   */
  #refusal: string | undefined;
  #stopListening: (() => void) | undefined;
  #startingAgain: Promise<void> = Promise.resolve();

  constructor(options: PidboxOptions) {
    this.#options = options;
  }

  /** Where the broker refuses the inbox the worker goes on, and says why it has none. */
  async start(): Promise<void> {
    this.#stopListening ??= this.#options.transport.onEvent(({ type }) => {
      if (type !== 'connected' || this.#refusal === undefined) return;
      this.#startingAgain = this.#startingAgain.then(() => this.#startAgain());
    });
    await this.#open();
  }

  async #open(): Promise<void> {
    const { logger } = this.#options;
    try {
      await this.#listen();
      if (this.#refusal !== undefined) logger.info('Remote control is on.');
      this.#refusal = undefined;
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      // the same words once
      if (error.message !== this.#refusal) {
        logger.warning(`Remote control is off: ${error.message}`);
      }
      this.#refusal = error.message;
    }
  }

  /** What is no refusal is the connection's failure, and another connection follows. */
  async #startAgain(): Promise<void> {
    if (this.#refusal === undefined || !this.#stopListening) return;
    await this.#open().catch(() => {});
    if (!this.#stopListening) await this.#close();
  }

  async #listen(): Promise<void> {
    const { transport, hostname, entities } = this.#options;
    this.#consumer = await transport.consume([inboxQueue(hostname, entities)], {
      prefetch: 0,
      onDeliveries: deliveries => {
        for (const delivery of deliveries) void this.#receive(delivery);
      },
    });
  }

  async stop(): Promise<void> {
    this.#stopListening?.();
    this.#stopListening = undefined;
    await this.#close();
  }

  async #close(): Promise<void> {
    await this.#consumer?.close();
    this.#consumer = undefined;
  }

  async #receive({ message, problem }: Delivery): Promise<void> {
    const { hostname, accept, lamport, logger } = this.#options;
    lamport.tick();
    try {
      if (problem) throw problem;
      const request = readControlRequest(message, accept);
      if (isAddressedTo(request, hostname)) await this.#answer(request);
    } catch (error) {
      logger.error(`Control command error: ${exceptionRepr(error)}`);
    }
  }

  async #answer(request: ControlRequest): Promise<void> {
    const value = await this.#options.run(request.method, request.arguments);
    if (!request.replyTo || value === undefined) return;
    const { lamport, transport, hostname, serializer } = this.#options;
    const reply = { node: hostname, value };
    const { ticket, replyTo } = request;
    await transport.publish(
      buildControlReply(reply, { ticket, serializer, clock: lamport.tick() }),
      { exchange: replyExchange(replyTo.exchange), routingKey: replyTo.routingKey },
    );
  }
}
