/** Starting, watching and ending the programs that are measured. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { deferred } from '../../src/base/deferred.ts';
import { now } from './measure.ts';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Seconds after which a worker that was asked to stop is killed. */
const STOP_TIMEOUT = 10;
/** Characters of output that are kept to explain a failure. */
const KEPT_OUTPUT = 4000;

/** A running program with everything it started: one process group. */
export class Running {
  readonly pid: number;
  readonly startedAt = now();
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<unknown>;
  #stdout = '';
  #output = '';
  readonly #listeners = new Set<() => void>();

  /** @throws Error when the program cannot be started */
  static async start(command: Command): Promise<Running> {
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: { ...process.env, ...command.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const running = new Running(child, command);
    await once(child, 'spawn');
    return running;
  }

  private constructor(child: ChildProcess, command: Command) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.#name = [command.file, ...command.args].join(' ');
    this.#ended = once(child, 'close').catch(() => {});
    child.stdout!.on('data', chunk => {
      this.#stdout += chunk;
      this.#note(chunk);
    });
    child.stderr!.on('data', chunk => this.#note(chunk));
    child.on('exit', () => this.#tell());
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** An error that shows the last output. */
  failure(what: string): Error {
    return new Error(`${this.#name}\n${what}. It wrote:\n${this.#output || '(nothing)'}`);
  }

  /** Resolves with the seconds from the start to the text appearing in the output. */
  async seconds(until: string, timeout = 60): Promise<number> {
    const { promise, resolve, reject } = deferred<number>();
    const look = () => {
      if (this.#output.includes(until)) resolve(now() - this.startedAt);
      else if (this.hasEnded) reject(this.failure('ended early'));
    };
    const timer = setTimeout(() => reject(this.failure(`never wrote "${until}"`)), timeout * 1000);
    this.#listeners.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(look);
    }
  }

  /** Wait for the end. @returns standard output; throws when it failed */
  async finish(): Promise<string> {
    await this.#ended;
    if (this.#child.exitCode !== 0) throw this.failure(`failed with ${this.#exit()}`);
    return this.#stdout;
  }

  /** TERM, and KILL for whatever is left of the group. */
  async stop(): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), STOP_TIMEOUT * 1000);
    await this.#ended;
    clearTimeout(timer);
    this.kill();
  }

  kill(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Nothing of the group is left.
    }
  }

  #exit(): string {
    return this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
  }

  #note(chunk: Buffer): void {
    this.#output = (this.#output + chunk).slice(-KEPT_OUTPUT);
    this.#tell();
  }

  #tell(): void {
    for (const look of this.#listeners) look();
  }
}
