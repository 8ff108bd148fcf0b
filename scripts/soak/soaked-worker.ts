/** A worker of this repository's build that ends with the program that soaks it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, getPriority, setPriority } from 'node:os';

const BIN = new URL('../../bin/tscelery.js', import.meta.url).pathname;
/** By how much its processes step back behind this one. */
const NICER = 3;
const APP = new URL('soaked-app.js', import.meta.url).pathname;

export class SoakedWorker {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
    process.once('exit', this.#kill);
  }

  /** Resolves when it has been started; it may not consume yet. */
  static async start(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    nodeArgs: readonly string[] = [],
  ): Promise<SoakedWorker> {
    const command = [...nodeArgs, BIN, '-q', '-A', APP, 'worker', ...args];
    const child = spawn(process.execPath, command, {
      env: { ...process.env, ...env },
      stdio: 'inherit',
    });
    await once(child, 'spawn');
    // whoever soaks it has to keep up with it
    setPriority(child.pid!, Math.min(getPriority() + NICER, constants.priority.PRIORITY_LOW));
    return new SoakedWorker(child);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  readonly #kill = () => void this.#process.kill('SIGKILL');

  /** @throws Error when it has ended */
  check(): void {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) throw new Error('The worker ended early');
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await ended;
    process.off('exit', this.#kill);
  }
}
