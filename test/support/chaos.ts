/** What fault tests share: seeded chance, worker processes to kill, and a clean end. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { CeleryConfig } from '../../src/index.ts';
import type { RunningCli } from './cli.ts';
import { eventually } from './eventually.ts';
import { lines, startWorker } from './worker.ts';

/** The same faults in the same order for the same seed; a failed run tells its own. */
export class Chance {
  readonly seed: number;
  #state: number;

  constructor(
    seed = Number(process.env.TSCELERY_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31)),
  ) {
    this.seed = seed;
    this.#state = seed;
  }

  /** From 0 to below `limit` (mulberry32). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  one<T>(things: readonly T[]): T {
    const thing = things[this.below(things.length)];
    assert.ok(thing !== undefined, 'nothing to choose from');
    return thing;
  }

  shuffled<T>(things: readonly T[]): T[] {
    const rest = [...things];
    return things.map(() => rest.splice(this.below(rest.length), 1)[0]!);
  }
}

/** Child processes of a process, as the kernel sees them. */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return []; // gone
  }
}

/** Some workers with the same settings. */
export class Fleet {
  readonly #settings: () => CeleryConfig;
  readonly #args: readonly string[];
  readonly #appFile: string | undefined;
  readonly #all: RunningCli[] = [];
  #alive: RunningCli[] = [];

  constructor(settings: () => CeleryConfig, args: readonly string[] = [], appFile?: string) {
    this.#settings = settings;
    this.#appFile = appFile;
    this.#args = args;
  }

  get alive(): readonly RunningCli[] {
    return this.#alive;
  }

  async enlist(): Promise<RunningCli> {
    const args = ['-n', `w${this.#all.length}@test`, ...this.#args];
    const worker = startWorker(this.#settings(), args, this.#appFile);
    this.#all.push(worker);
    this.#alive.push(worker);
    await worker.sees(/ ready\./, 60);
    return worker;
  }

  /** Kill a worker, its children end by themselves; another one is enlisted. */
  async replace(worker: RunningCli): Promise<void> {
    this.#alive = this.#alive.filter(other => other !== worker);
    worker.kill('SIGKILL');
    await this.enlist();
  }

  /** Kill a child of one of the workers. */
  killChild(chance: Chance): void {
    const children = this.#alive.flatMap(worker => childrenOf(worker.child.pid!));
    if (children.length > 0) process.kill(chance.one(children), 'SIGKILL');
  }

  async dismiss(): Promise<void> {
    for (const worker of this.#all) worker.kill('SIGKILL');
    await Promise.all(this.#all.map(worker => worker.ended()));
  }

  /** The end of every worker's log, for a test that failed. */
  get log(): string {
    return this.#all.map(worker => interesting(worker.stderr)).join('\n---\n');
  }
}

/** Without the lines about single tasks that went well. */
function interesting(log: string): string {
  return log
    .split('\n')
    .filter(line => !/Task \S+\[\S+\] (received|succeeded)/.test(line))
    .slice(-60)
    .join('\n');
}

/** Resolves when tasks have noted so many runs. */
export function progress(notes: string, count: number, seconds = 60): Promise<unknown> {
  return eventually(
    async () => {
      const { length } = await lines(notes);
      assert.ok(length >= count, `${length} of ${count} ran`);
    },
    { seconds, everyMs: 50 },
  );
}
