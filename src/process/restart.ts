import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EXIT } from './exit-codes.ts';
import { LIFELINE } from './lifeline.ts';
import { installSignals } from './signals/install.ts';
import { SIGNAL_TABLE, type SignalRow } from './signals/table.ts';
import {
  environmentFor,
  START_DIRECTORY,
  type StartedBy,
  sameCommand,
  startedBy,
} from './started-by.ts';

/** Milliseconds after which a successor handles signals; those that are no end would end it before. */
const DEAF_MS = 2000;

/**
 * Run the same command line again and resolve with its exit code. Node cannot replace a running
 * program, so this process stays, keeps the pid that others know and passes signals on.
 * A further HUP ends the successor and starts another.
 *
 * @param uninstall takes away the handlers that there were so far, when others are in their place
 */
export async function runAgain(uninstall: () => void): Promise<number> {
  let successor: Successor | undefined;
  const stopPassing = passSignals(() => successor);
  uninstall();
  try {
    for (;;) {
      successor = new Successor({ pid: process.pid, detached: startedBy?.detached ?? false });
      const code = await successor.ended;
      if (!successor.isReplaced || successor.isStopped) return code;
    }
  } finally {
    stopPassing();
  }
}

/** The same command in another process. */
export class Successor {
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
  /** It was told to end so that another can start. */
  isReplaced = false;
  /** A signal that means the end was passed on. */
  isStopped = false;
  readonly #child;
  readonly #startedAt = performance.now();

  constructor(lineage: StartedBy) {
    this.#child = spawn(process.execPath, sameCommand(), {
      cwd: START_DIRECTORY,
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      env: environmentFor({ ...lineage, lifeline: LIFELINE }),
    });
    this.ended = this.#untilEnd();
  }

  /** Let it finish what it does; then another takes its place. */
  replace(): void {
    this.isReplaced = true;
    this.#child.kill('SIGTERM');
  }

  /** Pass a signal on that means the end; undefined when it has it already. */
  stop(signal: NodeJS.Signals | undefined): void {
    this.isStopped = true;
    if (signal !== undefined) this.#child.kill(signal);
  }

  /** Pass another signal on, as soon as it does not end a process that has just begun. */
  tell(signal: NodeJS.Signals): void {
    const deafFor = this.#startedAt + DEAF_MS - performance.now();
    if (deafFor <= 0) this.#child.kill(signal);
    else setTimeout(() => this.#child.kill(signal), deafFor).unref();
  }

  async #untilEnd(): Promise<number> {
    const [code, signal] = await once(this.#child, 'exit');
    // it had not begun: nothing was running
    if (signal === 'SIGTERM' && (this.isStopped || this.isReplaced)) return EXIT.ok;
    return code ?? EXIT.failure;
  }
}

/**
 * Passes each signal of the table on; one that comes while there is no successor does nothing. What is
 * typed at a terminal reaches the successor without us.
 */
export function passSignals(
  successor: () => Successor | undefined,
  isOnTerminal = false,
): () => void {
  const pass = ({ signal, action, earlyExit }: SignalRow) => {
    if (action === 'restart') return () => successor()?.replace();
    if (earlyExit === undefined) return () => successor()?.tell(signal);
    const isTyped = isOnTerminal && action !== 'stop';
    return () => successor()?.stop(isTyped ? undefined : signal);
  };
  const rows = SIGNAL_TABLE.filter(({ isTerminals }) => !(isTerminals && isOnTerminal));
  return installSignals(Object.fromEntries(rows.map(row => [row.signal, pass(row)])));
}
