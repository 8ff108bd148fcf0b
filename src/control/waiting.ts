/** What waits in queues: counting and deleting it. Celery: `app.control.purge`, `queue_declare(passive=True)`. */
import { type Bounds, bounded } from '../backends/bounded.ts';
import type { Closing } from '../base/closing.ts';
import { didYouMean } from '../base/nearest.ts';
import { saferepr } from '../base/saferepr.ts';
import type { Transport } from '../messaging/contract.ts';

export interface PurgeOptions extends Bounds {
  /** Names of queues; default all that the app knows. */
  readonly queues?: readonly string[];
}

export interface WaitingHost {
  transport(): Promise<Transport>;
  /** Names of the queues that the app knows, once its settings are loaded. */
  queueNames(): readonly string[];
  /** For those who wait: hears of the app's next `close`. */
  closing(): Closing;
}

const BOUNDS = ['timeout', 'signal'];

export class WaitingMessages {
  readonly #host: WaitingHost;

  constructor(host: WaitingHost) {
    this.#host = host;
  }

  async count(queue: string, bounds: Bounds): Promise<number> {
    checkName(queue);
    checkNames(bounds, BOUNDS, 'queueLength');
    return this.#ask(bounds, transport => transport.size(queue));
  }

  async purge({ queues, ...bounds }: PurgeOptions): Promise<number> {
    if (queues !== undefined) checkList(queues);
    checkNames(bounds, [...BOUNDS, 'queues'], 'purge');
    return this.#ask(bounds, async transport => {
      const names = new Set(queues ?? this.#host.queueNames());
      const counts = await Promise.all([...names].map(name => transport.purge(name)));
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

function checkNames(options: object, known: readonly string[], method: string): void {
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue;
    const hint = didYouMean(option, known);
    throw new TypeError(`There is no option ${JSON.stringify(option)} of ${method}.${hint}`);
  }
}

function checkList(queues: unknown): void {
  if (!Array.isArray(queues)) {
    throw new TypeError(
      `The option queues must be a list of names of queues, got ${saferepr(queues)}`,
    );
  }
  queues.forEach(checkName);
}

function checkName(queue: unknown): void {
  if (typeof queue === 'string' && queue !== '') return;
  throw new TypeError(
    `The name of a queue must be a text that is not empty, got ${saferepr(queue)}`,
  );
}
