/**
 * The worker's link to the broker: connects with Celery's patience, consumes, tells the log
 * what happens to the connection. Healing a lost connection is the transport's own work.
 */

import type { Logger } from '../base/logger.ts';
import { counted } from '../base/text/counted.ts';
import { type RetryPolicy, withRetries } from '../base/time/backoff.ts';
import type { Clock } from '../base/time/clock.ts';
import {
  type Delivery,
  type Consumer as Subscription,
  TAKE_NOTHING,
  type Transport,
  type TransportEvent,
} from '../messaging/contract.ts';
import type { Queue } from '../messaging/entities.ts';

export interface BrokerLinkOptions {
  readonly transport: Transport;
  readonly queues: readonly Queue[];
  readonly logger: Logger;
  readonly clock: Clock;
  /** Retry the first connection (`broker_connection_retry_on_startup`). */
  readonly retryOnStartup: boolean;
  /** Connect again after a loss (`broker_connection_retry`). */
  readonly retry: boolean;
  /**
   * `broker_connection_max_retries`, at start and after each loss; null and 0 are for ever, as in
   * Celery.
   */
  readonly maxRetries: number | null;
  /** Both go to the transport as they are, which saves a layer for each message. */
  readonly onDeliveries: (deliveries: Delivery[]) => void;
  readonly acksOnArrival: (delivery: Delivery) => boolean;
  onLost(): void;
  /** The broker is gone for good. */
  onGone(error: Error): void;
}

/**
 * starting: not consuming for the first time yet; lost: the connection is; stopping: nothing is
 * taken any more.
 */
export type LinkState = 'starting' | 'consuming' | 'lost' | 'stopping';

/** Waits between attempts to connect at start, in seconds, as kombu does. */
const STARTUP_INTERVALS = { intervalStart: 2, intervalStep: 2, intervalMax: 32 };

export class BrokerLink {
  readonly #options: BrokerLinkOptions;
  /** What is consumed, also while there is no connection, so that what is added then counts. */
  readonly #queues = new Map<string, Queue>();
  readonly #giveUp = new AbortController();
  #subscription: Subscription | undefined;
  #stopListening: (() => void) | undefined;
  #connected = false;
  #state: LinkState = 'starting';
  /** The changes of queues so far. */
  #changing: Promise<void> = Promise.resolve();
  #losses = 0;
  /** Since it last consumed; a channel or a queue that is made anew is no news of the connection. */
  #wasLost = false;
  /** As `ConsumeOptions.prefetch`; nothing is taken before somebody says how much. */
  #prefetch = TAKE_NOTHING;

  constructor(options: BrokerLinkOptions) {
    this.#options = options;
    for (const queue of options.queues) this.#queues.set(queue.name, queue);
  }

  get queues(): Queue[] {
    return [...this.#queues.values()];
  }

  /** Those of the queues of which the broker delivers nothing for now, although it is connected. */
  get missing(): readonly string[] {
    return this.#subscription?.missing ?? [];
  }

  get state(): LinkState {
    return this.#giveUp.signal.aborted ? 'stopping' : this.#state;
  }

  /** How often the connection was lost. */
  get losses(): number {
    return this.#losses;
  }

  /** As `ConsumeOptions.prefetch`. */
  get prefetch(): number {
    return this.#prefetch;
  }

  /** Consume. Call after `connect`. */
  async start(): Promise<void> {
    const { transport, onDeliveries, acksOnArrival } = this.#options;
    const subscription = await transport.consume(this.queues, {
      prefetch: this.#prefetch,
      onDeliveries,
      acksOnArrival,
    });
    if (this.#giveUp.signal.aborted) await subscription.close();
    this.#subscription = subscription;
    this.#state = 'consuming';
    subscription.setPrefetch(this.#prefetch);
  }

  get held(): number {
    return this.#subscription?.held ?? 0;
  }

  setPrefetch(count: number): void {
    if (count === this.#prefetch) return;
    this.#prefetch = count;
    this.#subscription?.setPrefetch(count);
  }

  addQueue(queue: Queue): Promise<void> {
    return this.#inTurn(async () => {
      await this.#subscription?.addQueue(queue);
      this.#queues.set(queue.name, queue);
    });
  }

  /** Take nothing more from this queue; what came from it stays, since it may run. */
  cancelQueue(name: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#queues.delete(name);
      await this.#subscription?.cancelQueue(name);
    });
  }

  /** To begin with a queue takes longer than to end with it: the last word must be the last one said. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => {});
    return changed;
  }

  async cancel(): Promise<void> {
    this.#giveUp.abort(new Error('the worker is stopping'));
    await this.#subscription?.cancel();
  }

  /** Give everything unsettled back to the broker. */
  async stop(): Promise<void> {
    await this.cancel();
    const restored = (await this.#subscription?.close()) ?? 0;
    this.#subscription = undefined;
    this.#stopListening?.();
    if (restored > 0) this.#options.logger.info(`Restoring ${restored} unacknowledged message(s)`);
  }

  /** Resolves when the broker answers. @throws OperationalError when connecting was given up */
  async connect(): Promise<void> {
    const { transport, logger, clock, maxRetries, retryOnStartup } = this.#options;
    const limit = maxRetries === 0 ? null : maxRetries;
    this.#stopListening ??= transport.onEvent(event => this.#onEvent(event));
    const policy: RetryPolicy = { ...STARTUP_INTERVALS, maxRetries: retryOnStartup ? limit : 0 };
    try {
      await withRetries(() => transport.connect(), policy, {
        isRetryable: isRecoverable,
        onRetry: (error, interval, retry) =>
          logger.error(this.#cannotConnect(error, interval, retry + 1)),
        clock,
        signal: this.#giveUp.signal,
      });
      logger.info(`Connected to ${transport.url}`);
      this.#connected = true;
    } catch (error) {
      if (isRecoverable(error) && !retryOnStartup) {
        logger.critical(
          'Retrying to establish a connection to the message broker after a connection loss has been disabled (app.conf.broker_connection_retry_on_startup=False). Shutting down...',
        );
      }
      throw error;
    }
  }

  /**
   * Does what follows the connection when the worker starts, and does it again, which connects
   * anew, when the broker goes away meanwhile: a worker that is started while its broker is would
   * end otherwise. Ends with `cancel`.
   */
  insist<T>(work: () => Promise<T>): Promise<T> {
    const { logger, clock, maxRetries, retry } = this.#options;
    const policy: RetryPolicy = {
      ...STARTUP_INTERVALS,
      maxRetries: retry ? maxRetries || null : 0,
    };
    return withRetries(work, policy, {
      isRetryable: isRecoverable,
      onRetry: (error, interval, attempt) =>
        logger.error(this.#cannotConnect(error, interval, attempt + 1)),
      clock,
      signal: this.#giveUp.signal,
    });
  }

  #isLastTry(attempt: number): boolean {
    const { maxRetries } = this.#options;
    return Boolean(maxRetries) && attempt > maxRetries!;
  }

  #doNotRetry(error: Error): void {
    this.#options.logger.critical(
      'Retrying to establish a connection to the message broker after a connection loss has been disabled (app.conf.broker_connection_retry=False). Shutting down...',
    );
    this.#options.onGone(error);
  }

  /** @param interval seconds until the next attempt; 0 when another server is tried now */
  #cannotConnect(error: unknown, interval: number, retry: number): string {
    const { transport, maxRetries } = this.#options;
    const { message } = error as Error;
    const most = maxRetries ? `/${maxRetries}` : '';
    const failed = `consumer: Cannot connect to ${transport.url}: ${message}.\n`;
    if (interval === 0) return `${failed}Will retry using next failover.\n`;
    return `${failed}Trying again in ${interval.toFixed(2)} seconds... (${retry}${most})\n`;
  }

  #onEvent(event: TransportEvent): void {
    const { logger, transport } = this.#options;
    // At start `connect` tells of success and failure, but not of the moves between servers.
    const isMove = event.type === 'retrying' && event.delay === 0;
    if (!this.#connected && !isMove && event.type !== 'warning') return;
    switch (event.type) {
      case 'lost':
        this.#onLost(event.error);
        break;
      case 'gone':
        this.#state = 'lost';
        this.#options.onGone(event.error);
        break;
      case 'retrying':
        this.#onRetrying(event);
        break;
      case 'connected':
        logger.info(`Connected to ${transport.url}`);
        break;
      case 'consuming':
        this.#onConsuming(event.queues);
        break;
      case 'warning':
        logger.warning(event.message);
        break;
      case 'restored':
        logger.warning(
          `Restored ${event.count} message(s) of a consumer that is gone (${event.consumer})`,
        );
    }
  }

  /** The transport knows the queues of remote control and events, too. */
  #onConsuming(all: readonly string[]): void {
    this.#state = 'consuming';
    if (!this.#wasLost) return;
    this.#wasLost = false;
    const queues = all.filter(name => this.#queues.has(name));
    this.#options.logger.info(`consuming again: ${counted(queues.length, 'queue')}`, { queues });
  }

  #onRetrying({ attempt, error, delay }: TransportEvent & { readonly type: 'retrying' }): void {
    if (this.#isLastTry(attempt)) this.#options.onGone(error);
    else this.#options.logger.error(this.#cannotConnect(error, delay, attempt));
  }

  #onLost(error: Error): void {
    if (this.#state === 'consuming') this.#state = 'lost';
    this.#losses += 1;
    this.#wasLost = true;
    this.#options.logger.warning(
      `consumer: Connection to broker lost. Trying to re-establish the connection...\n${error.message}`,
    );
    this.#options.onLost();
    if (!this.#options.retry) this.#doNotRetry(error);
  }
}

function isRecoverable(error: unknown): boolean {
  return (error as { recoverable?: boolean }).recoverable === true;
}
