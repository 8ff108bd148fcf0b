/**
 * One child as the parent sees it, process or thread: carries messages both ways and knows
 * which jobs the child holds. What an exit means is decided in pool.ts.
 */

import { constants } from 'node:os';
import { serialize } from 'node:v8';
import { type Clock, systemClock, type Timer } from '../../base/clock.ts';
import { deferred } from '../../base/deferred.ts';
import { SequenceMap } from '../../base/sequence-map.ts';
import type { Carrier, CarrierExit, Launcher } from '../carrier.ts';
import type { Job } from '../contract.ts';
import type { Limited } from '../deadlines.ts';
import { ParentLedger } from '../ledger.ts';
import type {
  Batch,
  ChildInit,
  FromChild,
  JobsMessage,
  ToChild,
  TurnMessage,
} from '../messages.ts';
import { EXIT_RECYCLE, openBatch } from '../messages.ts';
import type { PoolOptions } from '../options.ts';
import { Pulse } from './pulse.ts';

export interface ChildExit extends CarrierExit {
  /** The parent asked for it, or the child had announced it. */
  readonly isExpected: boolean;
}

export interface ChildEvents {
  onReady(child: Child): void;
  onTurn(child: Child, turn: TurnMessage): void;
  onThrew(child: Child, ticket: number, error: string): void;
  onWaits(held: HeldJob, what: string | undefined): void;
  onLeaving(child: Child, note: string | undefined): void;
  onLog(level: 'warning' | 'error', message: string): void;
  /** The child is gone and everything it said was heard. */
  onGone(child: Child, exit: ChildExit): void;
}

/** Released jobs that a child may have beside those it holds, and some room. */
const LEDGER_ROOM = 192;
/** A job is taken to last this long at most when the pace is measured. */
export const SLOWEST_PACE_MS = 100;
/** Weight of the latest turn in the pace. */
const PACE_WEIGHT = 0.3;

/** A job between `submit` and its answer. */
export class HeldJob implements Limited {
  readonly job: Job;
  /** pending: no child has it; released: its place is free, its reply is not there yet. */
  state: 'pending' | 'sent' | 'started' | 'released' = 'pending';
  /** Whether `onStarted` was called. */
  isAnnounced = false;
  child: Child | undefined;
  /** Number of its last sending, see messages.ts. */
  ticket = 0;
  sentAt = 0;
  softAt = Number.POSITIVE_INFINITY;
  hardAt = Number.POSITIVE_INFINITY;
  /** Why its child is being killed. */
  doom: 'time limit' | 'request' | undefined;

  constructor(job: Job) {
    this.job = job;
  }
}

export class Child {
  readonly slot: number;
  readonly index: number;
  readonly name: string;
  readonly pid: number | undefined;
  readonly carrier: Carrier;
  /** By ticket, oldest first: jobs sent and not answered. */
  readonly held = new SequenceMap<HeldJob>();
  readonly gone = deferred();
  /** leaving: ends what it runs and exits; dying: is being killed. */
  state: 'starting' | 'ready' | 'leaving' | 'dying' | 'gone' = 'starting';
  /** Jobs of `held` whose place is free again. */
  releasedCount = 0;
  /** Jobs it may still be given before it is replaced. */
  quota: number;
  /** Milliseconds per job lately. */
  paceMs = 0;
  wasReady = false;
  /** Whose place it took, while that one holds jobs. */
  #predecessor: Child | undefined;
  readonly #ledger: ParentLedger;
  readonly #events: ChildEvents;
  readonly #clock: Clock;
  readonly #pulse: Pulse;
  #batch = openBatch<ToChild>();
  #openJobs: JobsMessage | undefined;
  #lastTicket = 0;
  #busySince = 0;
  #killTimer: Timer | undefined;
  #error: CarrierExit['error'];

  /** @throws when nothing can be started */
  constructor(
    place: { readonly slot: number; readonly index: number },
    launcher: Launcher,
    options: PoolOptions,
    events: ChildEvents,
  ) {
    this.slot = place.slot;
    this.index = place.index;
    this.name = `${launcher.childName}-${place.index}`;
    this.quota = options.maxTasksPerChild ?? Number.POSITIVE_INFINITY;
    this.#events = events;
    this.#clock = options.clock ?? systemClock;
    this.#pulse = new Pulse(this.#clock.monotonic(), options.blockedAfter);
    const entries = (options.slots ?? 1) + (options.prefetchPerChild ?? 0) + LEDGER_ROOM;
    this.carrier = launcher.launch(entries + 1, {
      onBatch: batch => this.#onBatch(batch),
      onGone: exit => this.#onGone(exit),
    });
    this.pid = this.carrier.pid;
    this.#ledger = new ParentLedger(this.carrier.ledger);
    this.#post(this.#init(options, entries));
    this.flush();
  }

  /** Jobs that take up a place. */
  get load(): number {
    return this.held.size - this.releasedCount;
  }

  canTakeJobs(): boolean {
    if (this.state !== 'ready') return false;
    if (this.#predecessor !== undefined && this.#predecessor.load > 0) return false;
    // not kept, else each child would keep all that were before it
    this.#predecessor = undefined;
    return true;
  }

  /** It gets jobs only when the other one, whose place it took, holds none any more. */
  takeOverFrom(predecessor: Child): void {
    this.#predecessor = predecessor;
  }

  /** Hand the job over with the next `flush`. */
  assign(held: HeldJob, now: number, careful: boolean): void {
    held.state = 'sent';
    held.ticket = ++this.#lastTicket;
    held.sentAt = now;
    if (this.held.size === 0) {
      this.#busySince = now;
      this.#pulse.heard(now);
    }
    this.held.set(held.ticket, held);
    this.quota--;
    if (this.#openJobs === undefined) {
      this.#openJobs = { type: 'jobs', first: held.ticket, payloads: [], careful: false };
      this.#batch.push(this.#openJobs);
    }
    this.#openJobs.payloads.push(held.job.payload);
    if (careful) this.#openJobs.careful = true;
  }

  flush(): void {
    if (this.#batch.length === 1) return;
    const batch = this.#batch;
    this.#batch = openBatch();
    this.#openJobs = undefined;
    try {
      this.#send(batch);
    } catch {
      this.#send(this.#sendable(batch));
    }
  }

  tell(message: ToChild): void {
    this.#post(message);
    this.flush();
  }

  forget(held: HeldJob): void {
    if (held.state === 'released') this.releasedCount--;
    this.held.delete(held.ticket);
  }

  /** Tickets of jobs it has started, whether it said so or not. */
  startedTickets(): ReadonlySet<number> {
    return this.#ledger.started();
  }

  /** Take back what it has not started; `onStarted` hears of those that it has. */
  takeBack(onStarted: (held: HeldJob) => void): HeldJob[] {
    this.#ledger.takeBackUpTo(this.#lastTicket);
    const started = this.#ledger.started();
    const back: HeldJob[] = [];
    for (const held of this.held.values()) {
      if (held.state !== 'sent') continue;
      if (started.has(held.ticket)) {
        onStarted(held);
      } else {
        back.push(held);
        this.held.delete(held.ticket);
        this.quota++;
      }
    }
    return back;
  }

  /** Let it end what it runs and exit; with `seconds` it is killed when it has not gone by then. */
  finish(seconds?: number): void {
    if (this.state === 'dying' || this.state === 'gone') return;
    this.state = 'leaving';
    this.tell({ type: 'finish' });
    if (seconds !== undefined) this.#killAfter(seconds);
  }

  /** Ask it to say what it has done and die; a child that cannot hear is killed. */
  dismiss(seconds: number): void {
    this.state = 'dying';
    this.tell({ type: 'die' });
    this.#killAfter(seconds);
  }

  /** Send a signal; SIGKILL follows when it has not gone after `seconds`; a thread ends at once. */
  kill(signal: NodeJS.Signals, seconds: number): void {
    if (this.state === 'gone') return;
    this.state = 'dying';
    this.carrier.kill(signal);
    if (signal !== 'SIGKILL') this.#killAfter(seconds);
  }

  killIfNotReady(seconds: number): void {
    this.#killTimer = this.#clock.after(seconds, () => {
      if (this.state !== 'starting') return;
      const message = `${this.name} was not ready after ${seconds} s`;
      this.#error = { message, stack: message };
      this.kill('SIGKILL', 0);
    });
  }

  measurePace(jobsDone: number, now: number): void {
    if (jobsDone === 0) return;
    const sample = Math.min((1000 * (now - this.#busySince)) / jobsDone, SLOWEST_PACE_MS);
    this.paceMs += PACE_WEIGHT * (sample - this.paceMs);
    this.#busySince = now;
  }

  /** Whether it is time to report that its event loop is blocked, and for how many seconds it is. */
  blockedFor(now: number): number | undefined {
    if (this.#pulse.isToBeAsked(now)) this.tell({ type: 'ping' });
    return this.#pulse.toReport(now);
  }

  #killAfter(seconds: number): void {
    this.#killTimer?.cancel();
    this.#killTimer = this.#clock.after(seconds, () => {
      this.state = 'dying';
      this.carrier.kill('SIGKILL');
    });
  }

  #post(message: ToChild): void {
    this.#openJobs = undefined;
    this.#batch.push(message);
  }

  #send(batch: Batch<ToChild>): void {
    if (this.state !== 'gone') this.carrier.send(batch);
  }

  /** The batch without the payloads that cannot be sent, which are reported as thrown. */
  #sendable(batch: Batch<ToChild>): Batch<ToChild> {
    const mended = openBatch<ToChild>();
    for (const message of batch) {
      if (typeof message === 'string') continue;
      if (message.type !== 'jobs') {
        mended.push(message);
        continue;
      }
      message.payloads.forEach((payload, i) => {
        const ticket = message.first + i;
        try {
          serialize(payload);
          mended.push({ ...message, first: ticket, payloads: [payload] });
        } catch (error) {
          const text = `its payload cannot be sent: ${error}`;
          queueMicrotask(() => this.#events.onThrew(this, ticket, text));
        }
      });
    }
    return mended;
  }

  #onBatch(batch: Batch<FromChild>): void {
    this.#pulse.heard(this.#clock.monotonic());
    for (let i = 1; i < batch.length; i++) this.#receive(batch[i] as FromChild);
  }

  #receive(message: FromChild): void {
    switch (message.type) {
      case 'ready':
        if (this.state !== 'starting') return;
        this.state = 'ready';
        this.wasReady = true;
        this.#killTimer?.cancel();
        this.#events.onReady(this);
        break;
      case 'broken':
        this.#error = message;
        break;
      case 'turn':
        this.#events.onTurn(this, message);
        break;
      case 'threw':
        this.#events.onThrew(this, message.ticket, message.error);
        break;
      case 'waits': {
        const held = this.held.get(message.ticket);
        if (held !== undefined) this.#events.onWaits(held, message.what);
        break;
      }
      case 'leaving':
        if (this.state !== 'ready') return;
        this.state = 'leaving';
        this.#events.onLeaving(this, message.note);
        break;
      case 'log':
        this.#events.onLog(message.level, message.message);
        break;
      case 'pong':
        break;
    }
  }

  #onGone(exit: CarrierExit): void {
    if (this.state === 'gone') return;
    this.#killTimer?.cancel();
    const { exitCode } = exit;
    const isExpected =
      this.state === 'dying' ||
      (this.state === 'leaving' && (exitCode === 0 || exitCode === EXIT_RECYCLE));
    this.state = 'gone';
    this.#events.onGone(this, { ...exit, isExpected, error: this.#error ?? exit.error });
    this.#ledger.close();
    this.gone.resolve();
  }

  #init(options: PoolOptions, ledgerEntries: number): ChildInit {
    return {
      type: 'init',
      runnerUrl: options.runnerUrl.href,
      runnerConfig: options.runnerConfig,
      slot: this.slot,
      index: this.index,
      name: this.name,
      slots: options.slots ?? 1,
      ledgerEntries,
      maxTasks: options.maxTasksPerChild,
      maxMemory: options.maxMemoryPerChild,
    };
  }
}

/** As Python's billiard puts it in messages: `signal 9 (SIGKILL)`, `exitcode 1`. */
export function exitText(exit: CarrierExit): string {
  if (exit.signal !== null) return `signal ${constants.signals[exit.signal]} (${exit.signal})`;
  return `exitcode ${exit.exitCode}`;
}
