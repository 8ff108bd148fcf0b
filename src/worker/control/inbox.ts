/** The worker's inbox for remote control: reads requests, has the command run, answers. */

import type { Logger } from '../../base/logger.ts';
import type { LamportClock } from '../../base/time/lamport.ts';
import { type ControlEntities, inboxQueue, replyExchange } from '../../control/entities.ts';
import type { Delivery, Transport } from '../../messaging/contract.ts';
import {
  buildControlReply,
  type ControlRequest,
  isAddressedTo,
  readControlRequest,
} from '../../wire/messages/control.ts';
import { exceptionRepr } from '../../wire/results/exception.ts';
import { SideConsumer } from './side-consumer.ts';

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
  readonly #consumer: SideConsumer;

  constructor(options: PidboxOptions) {
    const { transport, logger } = options;
    this.#options = options;
    this.#consumer = new SideConsumer({
      ...{ transport, logger },
      what: 'Remote control',
      queues: [inboxQueue(options.hostname, options.entities)],
      onDelivery: delivery => void this.#receive(delivery),
    });
  }

  /** Where the broker refuses the inbox the worker goes on, and says why it has none. */
  start(): Promise<void> {
    return this.#consumer.start();
  }

  stop(): Promise<void> {
    return this.#consumer.stop();
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
