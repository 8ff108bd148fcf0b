/** What waits in queues: counting and deleting it. Celery: `app.control.purge`, `queue_declare(passive=True)`. */
import { type Bounds, bounded } from '../backends/bounded.ts';
import type { Closing } from '../base/closing.ts';
import {
  abortSignal,
  checkArgument,
  checkOptions,
  type Kinds,
  list,
  name,
  wait,
} from '../base/option-kinds.ts';
import { saferepr } from '../base/text/saferepr.ts';
import type { Transport } from '../messaging/contract.ts';

export interface PurgeOptions extends Bounds {
  /** Names of queues; default all that the app knows. */
  readonly queues?: readonly string[];
}

export interface WaitingHost {
  transport(): Promise<Transport>;
  /** Names of the queues that the app knows, once its settings are loaded. */
  queueNames(): readonly string[];
  /** For those who wait, and would for ever otherwise: hears of the app's next `close`. */
  closing(): Closing;
}

const BOUNDS: Kinds<Bounds> = { timeout: wait, signal: abortSignal };
const PURGE: Kinds<PurgeOptions> = {
  ...BOUNDS,
  queues: { ...list, words: 'a list of names of queues' },
};

export class WaitingMessages {
  readonly #host: WaitingHost;

  constructor(host: WaitingHost) {
    this.#host = host;
  }

  async count(queue: string, bounds: Bounds): Promise<number> {
    checkArgument(queue, name, 'The name of a queue');
    checkOptions(bounds, BOUNDS, 'queueLength');
    return this.#ask(bounds, transport => transport.size(queue));
  }

  async purge(options: PurgeOptions): Promise<number> {
    refuseBareQueues(options);
    checkOptions(options, PURGE, 'purge');
    const { queues, ...bounds } = options;
    for (const each of queues ?? []) checkArgument(each, name, 'The name of a queue');
    return this.#ask(bounds, async transport => {
      const all = new Set(queues ?? this.#host.queueNames());
      const counts = await Promise.all([...all].map(each => transport.purge(each)));
      return counts.reduce((sum, count) => sum + count, 0);
    });
  }

  #ask(bounds: Bounds, ask: (transport: Transport) => Promise<number>): Promise<number> {
    const work = async () => {
      const transport = await this.#host.transport();
      await transport.connect();
      return ask(transport);
    };
    return bounded(work, bounds, this.#host.closing());
  }
}

function refuseBareQueues(options: unknown): void {
  if (typeof options !== 'string' && !Array.isArray(options)) return;
  const queues = saferepr(typeof options === 'string' ? [options] : options);
  throw new TypeError(
    `purge takes an object, got ${saferepr(options)}; to name queues: purge({ queues: ${queues} })`,
  );
}
