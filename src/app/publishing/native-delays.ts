/**
 * Native delayed delivery, as Celery decides about it: with a quorum queue among the app's
 * queues, RabbitMQ keeps messages with an ETA, because consumers of such queues could not make
 * room for them (Celery: `celery.utils.quorum_queues`).
 */
import type { Clock } from '../../base/time/clock.ts';
import { ChannelError } from '../../drivers/errors.ts';
import type { Transport } from '../../messaging/contract.ts';
import type { Exchange, Queue } from '../../messaging/entities.ts';
import { fromIso } from '../../wire/dates.ts';
import type { Queues } from '../routing/queues.ts';
import type { Settings } from '../settings/settings.ts';

export interface NativeDelaysHost {
  readonly conf: Settings;
  readonly queues: () => Queues;
  clock(): Clock;
  warn(message: string): void;
}

const MOST_WARNINGS = 1000;

const isQuorum = ({ queueArguments }: Queue) => queueArguments['x-queue-type'] === 'quorum';

export class NativeDelays {
  readonly #host: NativeDelaysHost;
  readonly #warned = new Set<string>();

  constructor(host: NativeDelaysHost) {
    this.#host = host;
  }

  /** Whether messages with an ETA wait in this broker. */
  isActive(transport: Transport): boolean {
    if (!transport.setUpDelayedDelivery) return false;
    if (!this.#host.conf.get('worker_detect_quorum_queues')) return false;
    const queues = this.#host.queues();
    return queues.names.some(name => isQuorum(queues.get(name)));
  }

  /** For a worker: gives its queues what they need to get delayed messages. */
  async setUp(transport: Transport, queues: readonly Queue[]): Promise<void> {
    if (!this.isActive(transport)) return;
    await transport.setUpDelayedDelivery?.(queues, { queueType: this.#queueType });
  }

  /**
   * Seconds for which the broker is to keep a message with this ETA (seconds since 1970, or ISO
   * 8601): whole ones, as each queue that delays is a bit of them. Undefined when it goes to its
   * queue at once.
   */
  async delay(
    transport: Transport,
    { queue, exchange }: { readonly queue: Queue | undefined; readonly exchange: Exchange },
    eta: number | string,
  ): Promise<number | undefined> {
    const due = typeof eta === 'string' ? fromIso(eta) : eta;
    const seconds = Math.floor(due - this.#host.clock().now());
    if (seconds < 1 || !this.isActive(transport)) return undefined;
    if (exchange.type === 'direct') {
      this.#warnOnce(
        `RabbitMQ can delay messages for topic exchanges only: those with an ETA for queue ${JSON.stringify(queue?.name ?? exchange.name)}, which has a direct exchange, wait with the workers.`,
      );
      return undefined;
    }
    // the queues of a broadcast are not ours to bind
    if (exchange.type === 'fanout' && !queue) return undefined;
    return (await this.#isReady(transport, queue)) ? seconds : undefined;
  }

  get #queueType(): 'quorum' | 'classic' {
    return this.#host.conf.get('broker_native_delayed_delivery_queue_type');
  }

  async #isReady(transport: Transport, queue: Queue | undefined): Promise<boolean> {
    const setup = { queueType: this.#queueType, ifMissing: true };
    try {
      await transport.setUpDelayedDelivery?.(queue ? [queue] : [], setup);
      return true;
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      this.#warnOnce(`Messages with an ETA wait with the workers: ${error.message}`);
      return false;
    }
  }

  #warnOnce(message: string): void {
    if (this.#warned.has(message)) return;
    // a message names its queue, and callers may name ever new ones
    if (this.#warned.size >= MOST_WARNINGS) this.#warned.clear();
    this.#warned.add(message);
    this.#host.warn(message);
  }
}
