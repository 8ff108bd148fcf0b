/** Children of a pool that are no processes: a test says what they say, and sees what they were told. */
import { serialize } from 'node:v8';
import type {
  Carrier,
  CarrierEvents,
  CarrierExit,
  Launcher,
  Parcel,
  ParcelEvents,
} from '../../../../src/pool/carrier.ts';
import type { PoolEvents } from '../../../../src/pool/contract.ts';
import { ChildLedger, LedgerBuffer } from '../../../../src/pool/ledger.ts';
import {
  type Batch,
  type FromChild,
  openBatch,
  type ToChild,
  type TurnMessage,
} from '../../../../src/pool/messages.ts';
import type { PoolOptions } from '../../../../src/pool/options.ts';
import { ChildrenPool } from '../../../../src/pool/parent/pool.ts';
import { FakeClock } from '../../../../src/testing/fake-clock.ts';

export const turn = () => new Promise<void>(resolve => setImmediate(resolve));

/** A loop of jobs that was held up for a millisecond starts the next one a turn later. */
export async function turns(): Promise<void> {
  for (let n = 0; n < 5; n++) await turn();
}

const QUIET: TurnMessage = {
  type: 'turn',
  started: [],
  released: [],
  done: [],
  replies: [],
  dropped: [],
};

export class MadeChild implements Carrier {
  readonly pid: number;
  readonly ledger: LedgerBuffer;
  readonly sent: ToChild[] = [];
  readonly kills: string[] = [];
  readonly parcels: { events: ParcelEvents; bytes: number; isCancelled: boolean }[] = [];
  /** False: it does not react to what it is told, only to SIGKILL. */
  obeys = true;
  isGone = false;
  stack?: () => Promise<readonly string[] | undefined>;
  readonly #own: ChildLedger;
  readonly #events: CarrierEvents;

  constructor(pid: number, ledgerSize: number, events: CarrierEvents) {
    this.pid = pid;
    this.#events = events;
    this.ledger = new LedgerBuffer(LedgerBuffer.share(ledgerSize));
    this.#own = new ChildLedger(this.ledger, ledgerSize - 2);
  }

  /** Payloads of the jobs it was sent, in order. */
  get payloads(): unknown[] {
    return this.sent.flatMap(message => (message.type === 'jobs' ? message.payloads : []));
  }

  /** What else it was told, without what it got at its start. */
  get told(): string[] {
    const types = this.sent.map(({ type }) => type);
    return types.filter(type => type !== 'jobs' && type !== 'init');
  }

  send(batch: Batch<ToChild>): void {
    serialize(batch);
    for (const message of batch) {
      if (typeof message === 'string') continue;
      this.sent.push(message);
      if (!this.obeys) continue;
      if (message.type === 'finish' || message.type === 'die') this.#exitSoon(0, null);
    }
  }

  sendParcel(bytes: Uint8Array<ArrayBuffer>, events: ParcelEvents): Parcel {
    const parcel = { events, bytes: bytes.length, isCancelled: false };
    this.parcels.push(parcel);
    return {
      cancel: () => {
        parcel.isCancelled = true;
      },
    };
  }

  kill(signal: NodeJS.Signals): void {
    this.kills.push(signal);
    if (this.obeys || signal === 'SIGKILL') this.#exitSoon(null, signal);
  }

  #exitSoon(exitCode: number | null, signal: NodeJS.Signals | null): void {
    queueMicrotask(() => this.exits({ exitCode, signal }));
  }

  exits(exit: Partial<CarrierExit>): void {
    if (this.isGone) return;
    this.isGone = true;
    this.#events.onGone({ exitCode: null, signal: null, ...exit });
  }

  says(...messages: FromChild[]): void {
    const batch = openBatch<FromChild>();
    batch.push(...messages);
    this.#events.onBatch(batch);
  }

  isReady(): void {
    this.says({ type: 'ready' });
  }

  turns(news: Partial<TurnMessage>): void {
    this.says({ ...QUIET, ...news });
  }

  /** Writes the start down and says nothing of it. */
  claims(ticket: number): 'run' | 'taken' | 'dropped' {
    return this.#own.claim(ticket);
  }

  beats(): void {
    this.#own.beat();
  }

  starts(...tickets: number[]): void {
    for (const ticket of tickets) this.claims(ticket);
    this.turns({ started: tickets });
  }

  replies(ticket: number, reply: unknown = 'ok'): void {
    this.turns({ done: [ticket], replies: [reply] });
  }
}

export class MadeLauncher implements Launcher {
  readonly childKind: 'Process' | 'Thread' = 'Process';
  readonly childName = 'ForkPoolWorker';
  readonly children: MadeChild[] = [];
  /** Thrown by the next launches instead of a child. */
  readonly failures: unknown[] = [];
  alive = 0;
  isStopped = false;

  start(): void {}

  launch(ledgerSize: number, events: CarrierEvents): MadeChild {
    if (this.failures.length > 0) throw this.failures.shift();
    const child = new MadeChild(101 + this.children.length, ledgerSize, events);
    this.children.push(child);
    return child;
  }

  noteAlive(carriers: readonly Carrier[]): void {
    this.alive = carriers.length;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
  }

  /** The `n`th child, from 1. */
  child(n: number): MadeChild {
    return this.children[n - 1]!;
  }
}

/** What a pool reports, as lines; room and launches are counted, since they come between. */
export function notedEvents() {
  const notes: string[] = [];
  const counts = { room: 0, launched: [] as number[] };
  const events: PoolEvents = {
    onStarted: (id, pid) => notes.push(`started ${id} in ${pid}`),
    onDone: (id, reply) => notes.push(`done ${id}: ${reply}`),
    onFailed: (id, error) => notes.push(`failed ${id}: ${error.name} ${error.message}`),
    onSoftTimeout: (id, seconds) => notes.push(`soft limit ${id}: ${seconds}`),
    onBlocked: ({ where, seconds, jobs }) =>
      notes.push(`blocked ${where} ${seconds.toFixed(0)}s jobs ${jobs}`),
    onWaits: (id, what) => notes.push(`waits ${id}: ${what}`),
    onRoom: () => {
      counts.room += 1;
    },
    onLog: (level, message) => notes.push(`${level}: ${message}`),
    onLaunch: slot => counts.launched.push(slot),
    onFatal: error => notes.push(`fatal: ${error.message}`),
  };
  return { notes, counts, events };
}

/** A pool that was not started. Its clock stands still at 0. */
export function madePool(options: Partial<PoolOptions> = {}) {
  const launcher = new MadeLauncher();
  const clock = new FakeClock(0);
  const { notes, counts, events } = notedEvents();
  const pool = new ChildrenPool('prefork', launcher, {
    concurrency: 1,
    runnerUrl: new URL('file:///runner.js'),
    runnerConfig: {},
    clock,
    events,
    ...options,
  });
  /** Submit jobs with these numbers, and wait until the children have what they get. */
  const submit = async (...ids: number[]) => {
    for (const id of ids) pool.submit({ id, payload: `p${id}` });
    await turn();
  };
  return { pool, launcher, clock, notes, counts, submit, child: (n: number) => launcher.child(n) };
}

/** One whose first children are ready. */
export async function runningPool(options: Partial<PoolOptions> = {}) {
  const made = madePool(options);
  const started = made.pool.start();
  for (const child of made.launcher.children) child.isReady();
  await started;
  return made;
}
