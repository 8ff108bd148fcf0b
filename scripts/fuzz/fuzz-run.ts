/** One run: so many values as arguments, as results and as errors, through one pool. */
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { type AsyncResult, Celery, EncodeError, TimeoutError } from '../../src/index.ts';
import { type RunningCli, startCli } from '../../test/support/cli.ts';
import { errorAt } from './random-errors.ts';
import { valueAt } from './random-values.ts';
import { type Format, isEqual } from './specimen.ts';

export const POOLS = ['prefork', 'threads', 'async', 'solo'] as const;
export const FORMATS = ['json', 'yaml', 'msgpack'] as const;

export interface Run {
  readonly pool: (typeof POOLS)[number];
  readonly format: Format;
  readonly seed: number;
  readonly count: number;
  /** Of a broker that keeps results too. */
  readonly url: string;
}

export interface Found {
  equal: number;
  documented: number;
  refused: number;
  seconds: number;
  /** What went wrong, a line for each; enough to see it again. */
  readonly wrong: string[];
}

const APP = fileURLToPath(new URL('./fuzzed-app.ts', import.meta.url));
const IN_FLIGHT = 50;
const CHILDREN = 2;
/** Seconds that a caller waits at most. */
const PATIENCE = 60;
const SHOWN = 500;

export async function fuzz(run: Run): Promise<Found> {
  const settings = {
    broker_url: run.url,
    result_backend: run.url,
    task_serializer: run.format,
    result_serializer: run.format,
    accept_content: ['json', run.format],
    task_default_queue: `fuzz-${run.pool}-${run.format}`,
  };
  const args = ['worker', '-l', 'INFO', '-P', run.pool, '-c', String(CHILDREN)];
  const worker = startCli(['-A', `${APP}:app`, ...args], {
    env: { FUZZ_SETTINGS: JSON.stringify(settings) },
  });
  const app = new Celery('fuzz', settings);
  try {
    await worker.sees(/ ready\./, 60);
    return await new Fuzz(run, app, worker).result();
  } finally {
    await app.close();
    worker.kill('SIGKILL');
    await worker.ended();
  }
}

class Fuzz {
  readonly #run: Run;
  readonly #app: Celery;
  readonly #worker: RunningCli;
  readonly #children = new Set<string>();
  readonly #found: Found = { equal: 0, documented: 0, refused: 0, seconds: 0, wrong: [] };

  constructor(run: Run, app: Celery, worker: RunningCli) {
    this.#run = run;
    this.#app = app;
    this.#worker = worker;
  }

  async result(): Promise<Found> {
    const start = performance.now();
    let next = 0;
    const caller = async () => {
      while (next < this.#run.count) await this.#all(next++);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
    this.#checkChildren();
    this.#checkLog();
    this.#found.seconds = (performance.now() - start) / 1000;
    return this.#found;
  }

  async #all(index: number): Promise<void> {
    const roles = { argument: this.#asArgument, result: this.#asResult, error: this.#asError };
    for (const [role, check] of Object.entries(roles)) {
      const wrong = await check.call(this, index).catch(failure);
      if (wrong !== undefined) this.#found.wrong.push(`${role} ${index}: ${wrong}`);
    }
  }

  async #asArgument(index: number): Promise<string | undefined> {
    const { seed, format } = this.#run;
    const { kind, value, arrives } = valueAt(seed, index, format);
    let sent: AsyncResult;
    try {
      const args = [seed, index, format, value];
      sent = await this.#app.sendTask('fuzz.take', args, { retry: false });
    } catch (error) {
      if (!(error instanceof EncodeError)) return `${kind}: sending it throws ${shown(error)}`;
      if (arrives.how !== 'refused') return `${kind} is refused: ${shown(error)}`;
      this.#found.refused++;
      return undefined;
    }
    const answer = await this.#wait(sent);
    const { who, isRight, found } = answer as { who: string; isRight: boolean; found: string };
    this.#children.add(who);
    if (!isRight) return `${kind} arrives as ${found}, not ${shown(arrives)}`;
    if (arrives.how === 'refused') return `${kind} is not refused`;
    this.#found[arrives.how]++;
    return undefined;
  }

  async #asResult(index: number): Promise<string | undefined> {
    const specimen = valueAt(this.#run.seed, index, this.#run.format);
    const { kind, isHostile } = specimen;
    const arrives = specimen.awaited ?? specimen.arrives;
    const sent = await this.#send('fuzz.give', index);
    let value: unknown;
    try {
      value = await this.#wait(sent);
    } catch (error) {
      if (error instanceof TimeoutError) return `${kind}: nobody answers`;
      if (arrives.how !== 'refused') return `${kind} is refused: ${shown(error)}`;
      // what `await` cannot look at fails by what it threw
      if (!(error instanceof EncodeError) && !isHostile) return `${kind}: ${shown(error)}`;
      this.#found.refused++;
      return undefined;
    }
    if (arrives.how === 'refused') return `${kind} is not refused but arrives as ${shown(value)}`;
    if (!isEqual(value, arrives.value)) {
      return `${kind} arrives as ${shown(value)}, not ${shown(arrives.value)}`;
    }
    this.#found[arrives.how]++;
    return undefined;
  }

  async #asError(index: number): Promise<string | undefined> {
    const { kind, name, message } = errorAt(this.#run.seed, index, this.#run.format);
    const sent = await this.#send('fuzz.fail', index);
    let error: unknown;
    try {
      const value = await this.#wait(sent);
      return `${kind}: succeeded with ${shown(value)}`;
    } catch (thrown) {
      error = thrown;
    }
    if (!(error instanceof Error) || error instanceof TimeoutError) {
      return `${kind}: ${shown(error)}`;
    }
    if (error instanceof EncodeError) return `${kind} was not stored: ${shown(error)}`;
    if (name !== undefined && error.name !== name) return `${kind} arrives as ${shown(error)}`;
    if (message !== undefined && error.message !== message) {
      return `${kind} says ${shown(error.message)}, not ${shown(message)}`;
    }
    this.#found[name !== undefined && message !== undefined ? 'equal' : 'documented']++;
    return undefined;
  }

  #send(task: string, index: number): Promise<AsyncResult> {
    return this.#app.sendTask(task, [this.#run.seed, index, this.#run.format]);
  }

  async #wait(result: AsyncResult): Promise<unknown> {
    try {
      return await result.get({ timeout: PATIENCE });
    } finally {
      await result.forget();
    }
  }

  /** A child that died has a successor. */
  #checkChildren(): void {
    const { pool } = this.#run;
    const most = pool === 'prefork' || pool === 'threads' ? CHILDREN : 1;
    if (this.#children.size <= most) return;
    this.#found.wrong.push(`children died: ${[...this.#children].join(', ')}`);
  }

  #checkLog(): void {
    const lines = this.#worker.stderr.split('\n').filter(line => TROUBLE.test(line));
    const unexpected = lines.filter(line => !EXPECTED.test(line));
    for (const line of unexpected.slice(0, 5)) this.#found.wrong.push(`log: ${line}`);
  }
}

/** What a worker reports as wrong, and what of that is the task's own affair. */
const TROUBLE = /^\[[^\]]*: (?:WARNING|ERROR|CRITICAL)\/|^(?:node:|Uncaught|\s*throw )/;
const EXPECTED =
  /Task fuzz\.(?:(?:give|fail)\[[^\]]*\] raised unexpected|give\[[^\]]*\] INTERNAL ERROR: EncodeError)/;

function failure(error: unknown): string {
  return `unexpected ${shown(error)}`;
}

function shown(value: unknown): string {
  try {
    return inspect(value, { depth: 5 }).slice(0, SHOWN);
  } catch {
    return 'what cannot be shown';
  }
}
