/** One worker on one broker, and a producer that sees to it that something always waits for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Celery } from '../../src/index.ts';
import type { Transport } from '../../src/messaging/contract.ts';
import { openTransport } from '../../src/messaging/open.ts';
import { LivingMemory, residentMemoryOf } from './living-memory.ts';
import type { BrokerName, Place } from './private-brokers.ts';
import { median } from './quarters.ts';
import { SoakedWorker } from './soaked-worker.ts';

export const POOLS = ['prefork', 'threads', 'async', 'solo'] as const;
export const VARIANTS = [
  'results',
  'no-results',
  'late-acks',
  'retries',
  'etas',
  'failures',
  'time-limits',
] as const;

export interface Run {
  readonly pool: (typeof POOLS)[number];
  readonly broker: BrokerName;
  readonly variant: (typeof VARIANTS)[number];
}

/** By process or thread, in megabytes. */
export interface Look {
  readonly heaps: ReadonlyMap<string, number>;
  readonly rss: ReadonlyMap<string, number>;
}

export interface Found {
  readonly early: Look;
  readonly late: Look;
  /** How many the worker took until the last look. */
  readonly tasks: number;
  /** Fewest messages seen waiting. */
  readonly fewest: number;
}

const QUEUE = 'soak';
/** Messages that wait when the producer rests, and how many it sends at a time. */
const FULL = 6000;
const SENT_AT_ONCE = 500;
const POLL_MS = 10;
const RSS_MS = 250;
/** Shares of the run at which there is a look; the medians of each row are compared. */
const EARLY = [0.3, 0.4, 0.5];
const LATE = [0.8, 0.9, 1];
const TASKS: Readonly<Record<string, string>> = {
  retries: 'soak.retried',
  failures: 'soak.failed',
};
/** With ETAs one message of so many has one, this many seconds ahead. */
const ETA_EACH = 10;
const ETA_SECONDS = 0.5;

const PLACES: Readonly<Record<Run['pool'], string>> = {
  prefork: '2',
  threads: '2',
  async: '100',
  solo: '1',
};

/** How long a run is: so many seconds from the moment the worker has taken something, or so many tasks. */
export type Length = { readonly seconds: number } | { readonly tasks: number };

export async function soak(run: Run, place: Place, length: Length): Promise<Found> {
  const memory = await LivingMemory.open();
  const producer = await Producer.open(run, place);
  let worker: SoakedWorker | undefined;
  try {
    await producer.fill();
    const args = ['-l', 'CRITICAL', '-P', run.pool, '-c', PLACES[run.pool]];
    const env = { ...environment(run, place), ...memory.env };
    worker = await SoakedWorker.start(args, env, memory.nodeArgs);
    await producer.started(worker);
    producer.keepFull();
    const start = performance.now();
    const share = () =>
      'tasks' in length
        ? producer.taken / length.tasks
        : (performance.now() - start) / 1000 / length.seconds;
    const early: Look[] = [];
    for (const at of EARLY) early.push(await lookWhen(() => share() >= at, worker, memory));
    const late: Look[] = [];
    for (const at of LATE) late.push(await lookWhen(() => share() >= at, worker, memory));
    return {
      early: medianOf(early),
      late: medianOf(late),
      tasks: producer.taken,
      fewest: producer.fewest,
    };
  } finally {
    await producer.close();
    await worker?.stop();
    await memory.close();
  }
}

function environment({ variant }: Run, { broker, backend }: Place): Record<string, string> {
  return {
    SOAK_BROKER: broker,
    SOAK_QUEUE: QUEUE,
    SOAK_SPIN_MS: '0.3',
    ...((variant === 'results' || variant === 'failures') && { SOAK_BACKEND: backend }),
    ...(variant === 'time-limits' && { SOAK_LIMITS: 'yes' }),
    ...(variant === 'late-acks' && { SOAK_LATE: 'yes' }),
  };
}

/** Resident memory is the median of what it was in the last fifth of the time until then. */
async function lookWhen(
  isDue: () => boolean,
  worker: SoakedWorker,
  memory: LivingMemory,
): Promise<Look> {
  const seen = new Map<string, number[]>();
  do {
    worker.check();
    for (const name of await memory.members()) {
      const values = seen.get(name) ?? [];
      values.push(await residentMemoryOf(name));
      seen.set(name, values);
    }
    await sleep(RSS_MS);
  } while (!isDue());
  const last = (values: readonly number[]) => values.slice(Math.floor(values.length * 0.8));
  const rss = new Map([...seen].map(([name, values]) => [name, median(last(values))]));
  return { heaps: await memory.measure(), rss };
}

function medianOf(looks: readonly Look[]): Look {
  const of = (what: keyof Look) => {
    const names = new Set(looks.flatMap(look => [...look[what].keys()]));
    const valuesOf = (name: string) => looks.flatMap(look => look[what].get(name) ?? []);
    return new Map([...names].map(name => [name, median(valuesOf(name))]));
  };
  return { heaps: of('heaps'), rss: of('rss') };
}

class Producer {
  readonly #run: Run;
  readonly #app: Celery;
  readonly #transport: Transport;
  #sent = 0;
  #waiting = 0;
  #isOver = false;
  #feeding: Promise<void> | undefined;
  fewest = Number.POSITIVE_INFINITY;

  private constructor(run: Run, app: Celery, transport: Transport) {
    this.#run = run;
    this.#app = app;
    this.#transport = transport;
  }

  static async open(run: Run, { broker }: Place): Promise<Producer> {
    const app = new Celery('soak', { broker, task_default_queue: QUEUE, task_ignore_result: true });
    const options = { transportOptions: {}, connectTimeout: 10, useSsl: false };
    return new Producer(run, app, await openTransport(broker, options));
  }

  get taken(): number {
    return this.#sent - this.#waiting;
  }

  async fill(): Promise<void> {
    while (this.#sent < FULL) await this.#send();
  }

  /** Waits until the worker has taken something. */
  async started(worker: SoakedWorker): Promise<void> {
    do {
      worker.check();
      await sleep(POLL_MS);
    } while ((await this.#count()) === this.#sent);
  }

  keepFull(): void {
    this.#feeding = this.#feed();
    // `close` says what went wrong
    this.#feeding.catch(() => {});
  }

  async close(): Promise<void> {
    this.#isOver = true;
    try {
      await this.#feeding;
    } finally {
      await Promise.all([this.#app.close(), this.#transport.close()]);
    }
  }

  async #feed(): Promise<void> {
    while (!this.#isOver) {
      const waiting = await this.#count();
      this.fewest = Math.min(this.fewest, waiting);
      if (waiting < FULL) await this.#send();
      else await sleep(POLL_MS);
    }
  }

  async #count(): Promise<number> {
    this.#waiting = await this.#transport.size(QUEUE);
    return this.#waiting;
  }

  async #send(): Promise<void> {
    const { variant } = this.#run;
    const task = TASKS[variant] ?? 'soak.noop';
    const sending = Array.from({ length: SENT_AT_ONCE }, (_, i) => {
      const isLater = variant === 'etas' && i % ETA_EACH === 0;
      return this.#app.sendTask(task, [], isLater ? { countdown: ETA_SECONDS } : {});
    });
    await Promise.all(sending);
    this.#sent += SENT_AT_ONCE;
  }
}
