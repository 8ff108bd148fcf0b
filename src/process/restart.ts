import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EXIT } from './exit-codes.ts';
import { installSignals } from './signals.ts';
import {
  environmentFor,
  START_DIRECTORY,
  type StartedBy,
  sameCommand,
  startedBy,
} from './started-by.ts';

/**
 * Run the same command line again and resolve with its exit code. Node cannot replace a running
 * program, so this process stays, keeps the pid that others know and passes signals on.
 * A further HUP ends the successor and starts another.
 */
export async function runAgain(): Promise<number> {
  for (;;) {
    const successor = new Successor({ pid: process.pid, detached: startedBy?.detached ?? false });
    const code = await successor.ended;
    if (!successor.isReplaced) return code;
  }
}

/** The same command in another process, which gets the signals that we get. */
export class Successor {
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
  /** It was told to end so that another can start. */
  isReplaced = false;
  /** A signal that means the end was passed on. */
  isStopped = false;
  readonly #child;

  constructor(lineage: StartedBy) {
    this.#child = spawn(process.execPath, sameCommand(), {
      cwd: START_DIRECTORY,
      stdio: 'inherit',
      env: environmentFor(lineage),
    });
    this.ended = this.#untilEnd();
  }

  /** Let it finish what it does; then another takes its place. */
  replace(): void {
    this.isReplaced = true;
    this.#child.kill('SIGTERM');
  }

  async #untilEnd(): Promise<number> {
    const pass = (signal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT') => () => {
      this.isStopped = true;
      this.#child.kill(signal);
    };
    const uninstall = installSignals({
      SIGTERM: pass('SIGTERM'),
      SIGINT: pass('SIGINT'),
      SIGQUIT: pass('SIGQUIT'),
      SIGUSR1: () => void this.#child.kill('SIGUSR1'),
      SIGUSR2: () => void this.#child.kill('SIGUSR2'),
      SIGHUP: () => this.replace(),
    });
    const [code] = await once(this.#child, 'exit');
    uninstall();
    return code ?? EXIT.failure;
  }
}
