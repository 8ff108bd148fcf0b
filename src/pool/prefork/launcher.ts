import type { ChildProcess, StdioOptions } from 'node:child_process';
import { fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { ownModule } from '../../base/packages/own-modules.ts';
import { type Clock, systemClock, type Timer } from '../../base/time/clock.ts';
import type {
  Carrier,
  CarrierEvents,
  CarrierExit,
  Launcher,
  Parcel,
  ParcelEvents,
} from '../carrier.ts';
import { LedgerFile } from '../ledger.ts';
import type { Batch, FromChild, ToChild } from '../messages.ts';
import { isBatch, STACK_FD } from '../messages.ts';
import type { PoolOptions } from '../options.ts';
import { Guardian } from './guardian.ts';
import { killOffspring, type Offspring, offspringOf } from './offspring.ts';
import { ParcelInParts } from './parcel.ts';
import { StackLine } from './stack-line.ts';

/** Sources have another extension than what is built of them: `.ts` under tsx, `.js` in dist. */
const ENTRY = ownModule('pool/child/main');
/**
 * Seconds: the channel closes with the process; this is for one that a grandchild keeps open, and
 * for a process that lives on without its channel.
 */
const SECOND_END_AFTER_FIRST = 2;

export class ForkLauncher implements Launcher {
  readonly childKind = 'Process';
  readonly childName = 'ForkPoolWorker';
  readonly #options: PoolOptions;
  readonly #guardian = new Guardian();

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  start(): void {
    this.#guardian.start();
  }

  launch(ledgerSize: number, events: CarrierEvents): Carrier {
    const ledger = new LedgerFile(ledgerSize);
    try {
      const child = startProcess(this.#options, ledger.fd);
      return new ProcessCarrier(child, ledger, events, this.#options.clock ?? systemClock);
    } catch (error) {
      ledger.close();
      throw error;
    }
  }

  noteAlive(carriers: readonly Carrier[]): void {
    this.#guardian.guard(carriers.flatMap(carrier => carrier.pid ?? []));
  }

  async stop(): Promise<void> {
    await this.#guardian.stop();
  }
}

function startProcess(options: PoolOptions, ledgerFd: number): ChildProcess {
  const stdio: StdioOptions = [
    'ignore',
    options.stdout ?? 'inherit',
    options.stderr ?? 'inherit',
    'ipc',
    ledgerFd,
    ...(options.watchesStacks ? ['pipe' as const] : []),
  ];
  const execArgv = options.execArgv ?? process.execArgv.filter(arg => !isInspector(arg));
  return fork(ENTRY, [], {
    serialization: 'advanced',
    env: options.env ?? process.env,
    execArgv: [...execArgv],
    stdio,
  });
}

/** Two processes cannot listen on one debugger port. */
function isInspector(arg: string): boolean {
  return arg.startsWith('--inspect');
}

class ProcessCarrier implements Carrier {
  readonly pid: number | undefined;
  readonly ledger: LedgerFile;
  readonly stack?: NonNullable<Carrier['stack']>;
  readonly #process: ChildProcess;
  readonly #clock: Clock;
  readonly #onGone: (exit: CarrierExit) => void;
  #exit: CarrierExit | undefined;
  #isDisconnected = false;
  #timer: Timer | undefined;
  #offspring: readonly Offspring[] = [];

  constructor(child: ChildProcess, ledger: LedgerFile, events: CarrierEvents, clock: Clock) {
    this.pid = child.pid;
    this.ledger = ledger;
    this.#process = child;
    this.#clock = clock;
    this.#onGone = exit => events.onGone(exit);
    const line = (child.stdio as readonly unknown[])[STACK_FD] as Socket | undefined;
    if (line) {
      const asked = new StackLine(line);
      this.stack = () => asked.ask();
    }
    child.on('message', (batch: unknown) => {
      if (isBatch<FromChild>(batch)) events.onBatch(batch);
    });
    child.on('error', error => this.#onError(error));
    child.on('exit', (exitCode, signal) => this.#onExit({ exitCode, signal }));
    child.on('disconnect', () => {
      this.#isDisconnected = true;
      if (this.#exit === undefined) {
        this.#timer = clock.after(SECOND_END_AFTER_FIRST, () => this.kill('SIGKILL'));
      }
      this.#checkGone();
    });
  }

  send(batch: Batch<ToChild>): void {
    if (!this.#process.connected) return;
    // the callback takes the EPIPE that precedes an exit; the exit itself is what counts
    this.#process.send(batch, undefined, undefined, () => {});
  }

  sendParcel(bytes: Uint8Array<ArrayBuffer>, events: ParcelEvents): Parcel {
    return new ParcelInParts(bytes, events, (batch, sent) => {
      if (this.#process.connected) this.#process.send(batch, undefined, undefined, sent);
    });
  }

  kill(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid === undefined || this.#exit !== undefined) return;
    // nobody can tell whose they were when it is gone
    this.#offspring = offspringOf(pid, signal === 'SIGKILL' ? 'all' : undefined);
    this.#process.kill(signal);
    if (signal === 'SIGKILL') killOffspring(this.#offspring);
  }

  #onError({ message, stack = message }: Error): void {
    // no process was made; later errors (a failed kill or send) come with an exit
    if (this.pid !== undefined) return;
    this.#isDisconnected = true;
    this.#onExit({ exitCode: null, signal: null, error: { message, stack } });
  }

  #onExit(exit: CarrierExit): void {
    this.#exit = exit;
    killOffspring(this.#offspring);
    // messages may still be in the channel: `disconnect` comes after the last of them
    if (!this.#isDisconnected) {
      this.#timer = this.#clock.after(SECOND_END_AFTER_FIRST, () => {
        if (this.#process.connected) this.#process.disconnect();
      });
    }
    this.#checkGone();
  }

  #checkGone(): void {
    if (this.#exit === undefined || !this.#isDisconnected) return;
    this.#timer?.cancel();
    this.#onGone(this.#exit);
  }
}
