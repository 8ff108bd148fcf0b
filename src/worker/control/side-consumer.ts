/** What a worker consumes besides tasks: where the broker refuses it, the worker goes on and says what it lacks. */
import type { Logger } from '../../base/logger.ts';
import { ChannelError } from '../../drivers/errors.ts';
import type { Consumer, Delivery, Transport } from '../../messaging/contract.ts';
import type { Queue } from '../../messaging/entities.ts';

export interface SideConsumerOptions {
  readonly transport: Transport;
  /** What is off without it, for the log, as "Remote control". */
  readonly what: string;
  readonly logger: Pick<Logger, 'info' | 'warning'>;
  /** Whose messages nobody acknowledges. */
  readonly queues: readonly Queue[];
  onDelivery(delivery: Delivery): void;
}

export class SideConsumer {
  readonly #options: SideConsumerOptions;
  #consumer: Consumer | undefined;
  /** Why it is off; it is tried again on every new connection. */
  #refusal: string | undefined;
  #stopListening: (() => void) | undefined;
  #startingAgain: Promise<void> = Promise.resolve();

  constructor(options: SideConsumerOptions) {
    this.#options = options;
  }

  /** @throws OperationalError when the connection is lost meanwhile */
  async start(): Promise<void> {
    this.#stopListening ??= this.#options.transport.onEvent(({ type }) => {
      if (type !== 'connected' || this.#refusal === undefined) return;
      this.#startingAgain = this.#startingAgain.then(() => this.#startAgain());
    });
    await this.#open();
    if (!this.#stopListening) await this.#close();
  }

  async stop(): Promise<void> {
    this.#stopListening?.();
    this.#stopListening = undefined;
    await this.#close();
  }

  async #open(): Promise<void> {
    const { logger, queues, transport, onDelivery, what } = this.#options;
    try {
      this.#consumer = await transport.consume(queues, {
        prefetch: 0,
        onDeliveries: deliveries => {
          for (const delivery of deliveries) onDelivery(delivery);
        },
      });
      if (this.#refusal !== undefined) logger.info(`${what} is on.`);
      this.#refusal = undefined;
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      // the same words once
      if (error.message !== this.#refusal) logger.warning(`${what} is off: ${error.message}`);
      this.#refusal = error.message;
    }
  }

  /** What is no refusal is the connection's failure, and another connection follows. */
  async #startAgain(): Promise<void> {
    if (this.#refusal === undefined || !this.#stopListening) return;
    await this.#open().catch(() => {});
    if (!this.#stopListening) await this.#close();
  }

  async #close(): Promise<void> {
    await this.#consumer?.close();
    this.#consumer = undefined;
  }
}
