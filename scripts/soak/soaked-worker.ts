/** A worker of this repository's build that ends with the program that soaks it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const BIN = new URL('../../bin/tscelery.js', import.meta.url).pathname;
const APP = new URL('soaked-app.js', import.meta.url).pathname;

export class SoakedWorker {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Resolves when it consumes. */
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
    process.once('exit', () => child.kill('SIGKILL'));
    return new SoakedWorker(child);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** @throws Error when it has ended */
  check(): void {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) throw new Error('The worker ended early');
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await ended;
  }
}
