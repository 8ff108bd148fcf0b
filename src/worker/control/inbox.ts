/**
 * The worker's inbox for remote control: reads requests, runs the command, answers. Commands
 * are a table given by the worker; this file knows none of them.
 */

import type { Logger } from '../../base/logger.ts';
import { printable } from '../../base/text/printable.ts';
import { controlExchange, replyExchange } from '../../control/mailbox.ts';
import { ChannelError } from '../../drivers/errors.ts';
import type { Consumer, Delivery, Transport } from '../../messaging/contract.ts';
import { queue } from '../../messaging/entities.ts';
import {
  buildControlReply,
  type ControlRequest,
  controlNames,
  isAddressedTo,
  readControlRequest,
} from '../../wire/messages/control.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';

/** What a command gets and gives; `undefined` is no reply at all. */
export type ControlCommand = (args: Readonly<Record<string, unknown>>) => unknown;

export interface PidboxOptions {
  readonly transport: Transport;
  readonly hostname: string;
  /** `control_exchange` */
  readonly namespace: string;
  readonly serializer: string;
  readonly accept: ReadonlySet<string>;
  /** Seconds (`control_queue_ttl`, `control_queue_expires`). */
  readonly ttl: number;
  readonly expires: number;
  readonly commands: Readonly<Record<string, ControlCommand>>;
  readonly logger: Logger;
}

export class Pidbox {
  readonly #options: PidboxOptions;
  #consumer: Consumer | undefined;
  #clock = 0;
  /** Why there is no remote control; it is tried again on every new connection. */
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
    const { transport, hostname, namespace, ttl, expires } = this.#options;
    const inbox = queue(controlNames.inbox(namespace, hostname), {
      exchange: controlExchange(namespace),
      routingKey: '',
      durable: false,
      exclusive: true,
      autoDelete: true,
      noAck: true,
      messageTtl: ttl,
      expires,
    });
    this.#consumer = await transport.consume([inbox], {
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
    const { hostname, accept, logger } = this.#options;
    this.#clock += 1;
    try {
      if (problem) throw problem;
      const request = readControlRequest(message, accept);
      if (isAddressedTo(request, hostname)) await this.#answer(request);
    } catch (error) {
      logger.error(`Control command error: ${exceptionRepr(error)}`);
    }
  }

  async #answer(request: ControlRequest): Promise<void> {
    const value = await this.#run(request);
    if (!request.replyTo || value === undefined) return;
    const { transport, hostname, serializer } = this.#options;
    const reply = { node: hostname, value };
    const { ticket, replyTo } = request;
    await transport.publish(
      buildControlReply(reply, { ticket, serializer, clock: ++this.#clock }),
      { exchange: replyExchange(replyTo.exchange), routingKey: replyTo.routingKey },
    );
  }

  async #run({ method, arguments: args }: ControlRequest): Promise<unknown> {
    const { commands, logger } = this.#options;
    const command = Object.hasOwn(commands, method) ? commands[method] : undefined;
    if (!command) {
      logger.error(`No such control command: ${printable(method)}`);
      return { error: `KeyError('${method}')` };
    }
    try {
      return await command(args);
    } catch (error) {
      logger.error(`pidbox command error: ${exceptionRepr(error)}`);
      return { error: exceptionRepr(error) };
    }
  }
}
