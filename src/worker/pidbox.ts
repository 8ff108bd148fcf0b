/**
 * The worker's inbox for remote control: reads requests, runs the command, answers. Commands
 * are a table given by the worker; this file knows none of them.
 */

import type { Logger } from '../base/logger.ts';
import { printable } from '../base/printable.ts';
import { controlExchange, replyExchange } from '../control/mailbox.ts';
import type { Consumer, Delivery, Transport } from '../messaging/contract.ts';
import { queue } from '../messaging/entities.ts';
import { AccessRefused } from '../messaging/errors.ts';
import {
  buildControlReply,
  type ControlRequest,
  controlNames,
  isAddressedTo,
  readControlRequest,
} from '../wire/control.ts';
import { exceptionRepr } from '../wire/exception.ts';

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

  constructor(options: PidboxOptions) {
    this.#options = options;
  }

  /** Without the permission to listen the worker goes on, and says which one it lacks. */
  async start(): Promise<void> {
    try {
      await this.#listen();
    } catch (error) {
      if (!(error instanceof AccessRefused)) throw error;
      this.#options.logger.warning(`Remote control is off: ${error.message}`);
    }
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
