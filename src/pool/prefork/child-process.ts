/**
 * One child as the parent sees it: starts and kills the process, carries messages both
 * ways and knows which jobs the child holds. What an exit means is decided in pool.ts.
 */

import type { ChildProcess as NodeChild } from 'node:child_process';
import { constants } from 'node:os';
import { serialize } from 'node:v8';
import { type Clock, systemClock, type Timer } from '../../base/clock.ts';
import { deferred } from '../../base/deferred.ts';
import type { Job } from '../contract.ts';
import type { Limited } from '../deadlines.ts';
import { ParentLedger } from '../ledger.ts';
import type { Batch, FromChild, JobsMessage, ToChild, TurnMessage } from '../messages.ts';
import { EXIT_RECYCLE, isBatch, openBatch } from '../messages.ts';
import type { PoolOptions } from '../options.ts';
import { initMessage, startProcess } from './launch.ts';

export interface ChildExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The parent asked for it, or the child had announced it. */
  readonly isExpected: boolean;
  /** Why it could not start, in the child's own words. */
  readonly error: { readonly message: string; readonly stack: string } | undefined;
}

export interface ChildEvents {
  onReady(child: ChildProcess): void;
  onTurn(child: ChildProcess, turn: TurnMessage): void;
  onThrew(child: ChildProcess, ticket: number, error: string): void;
  onLeaving(child: ChildProcess, note: string | undefined): void;
  onLog(level: 'warning' | 'error', message: string): void;
  /** The process is gone and everything it said was heard. */
  onGone(child: ChildProcess, exit: ChildExit): void;
}

/** Released jobs that a child may have beside those it holds, and some room. */
const LEDGER_ROOM = 192;
/** The channel closes with the process; this is for one that a grandchild keeps open. */
const DISCONNECT_AFTER_EXIT = 2;
/** A job is taken to last this long at most when the pace is measured. */
export const SLOWEST_PACE_MS = 100;
/** Seconds without a word; after half of it the child is asked for one. */
const SILENCE = 10;
/** Weight of the latest turn in the pace. */
const PACE_WEIGHT = 0.3;

/** A job between `submit` and its answer. */
export class HeldJob implements Limited {
  readonly job: Job;
  /** pending: no child has it; released: its place is free, its reply is not there yet. */
  state: 'pending' | 'sent' | 'started' | 'released' = 'pending';
  /** Whether `onStarted` was called. */
  isAnnounced = false;
  child: ChildProcess | undefined;
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

export class ChildProcess {
  readonly slot: number;
  readonly index: number;
  readonly name: string;
  readonly pid: number | undefined;
  /** By ticket, oldest first: jobs sent and not answered. */
  readonly held = new Map<number, HeldJob>();
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
  /** Whose place it takes as soon as that one holds nothing any more. */
  #predecessor: ChildProcess | undefined;

  readonly #process: NodeChild;
  readonly #ledger: ParentLedger;
  readonly #events: ChildEvents;
  readonly #clock: Clock;
  #batch = openBatch<ToChild>();
  #openJobs: JobsMessage | undefined;
  #lastTicket = 0;
  #busySince = 0;
  #heardAt: number;
  #pulse: 'fine' | 'asked' | 'reported' = 'fine';
  #killTimer: Timer | undefined;
  #exit: { exitCode: number | null; signal: NodeJS.Signals | null } | undefined;
  #error: { message: string; stack: string } | undefined;
  #isDisconnected = false;

  /** @throws when no process can be made */
  constructor(
    place: { slot: number; index: number; predecessor?: ChildProcess | undefined },
    options: PoolOptions,
    events: ChildEvents,
  ) {
    this.slot = place.slot;
    this.index = place.index;
    this.#predecessor = place.predecessor;
    this.name = `ForkPoolWorker-${place.index}`;
    this.quota = options.maxTasksPerChild ?? Number.POSITIVE_INFINITY;
    this.#events = events;
    this.#clock = options.clock ?? systemClock;
    this.#heardAt = this.#clock.monotonic();
    const entries = (options.slots ?? 1) + (options.prefetchPerChild ?? 0) + LEDGER_ROOM;
    this.#ledger = new ParentLedger(entries);
    try {
      this.#process = startProcess(options, this.#ledger.fd);
    } catch (error) {
      this.#ledger.close();
      throw error;
    }
    this.pid = this.#process.pid;
    this.#listen();
    this.#post(initMessage(place, options, entries));
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

  /** Hand the job over with the next `flush`. */
  assign(held: HeldJob, now: number, careful: boolean): void {
    held.state = 'sent';
    held.ticket = ++this.#lastTicket;
    held.sentAt = now;
    if (this.held.size === 0) this.#busySince = now;
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

  /** Let it end what it runs and exit; it is killed when it has not gone after `seconds`. */
  finish(seconds: number): void {
    if (this.state === 'dying' || this.state === 'gone') return;
    this.state = 'leaving';
    this.tell({ type: 'finish' });
    this.#killAfter(seconds);
  }

  /** Ask it to say what it has done and die; a child that cannot hear is killed. */
  dismiss(seconds: number): void {
    this.state = 'dying';
    this.tell({ type: 'die' });
    this.#killAfter(seconds);
  }

  /** Send a signal; SIGKILL follows when it has not gone after `seconds`. */
  kill(signal: NodeJS.Signals, seconds: number): void {
    if (this.state === 'gone') return;
    this.state = 'dying';
    this.#process.kill(signal);
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

  /** Once per silence: whether it has not answered for so long that its event loop must be blocked. */
  isFoundBlocked(now: number): boolean {
    const silence = now - this.#heardAt;
    if (this.#pulse === 'fine' && silence > SILENCE / 2) {
      this.#pulse = 'asked';
      this.tell({ type: 'ping' });
    }
    if (this.#pulse !== 'asked' || silence <= SILENCE) return false;
    this.#pulse = 'reported';
    return true;
  }

  #killAfter(seconds: number): void {
    this.#killTimer?.cancel();
    this.#killTimer = this.#clock.after(seconds, () => {
      this.state = 'dying';
      this.#process.kill('SIGKILL');
    });
  }

  #post(message: ToChild): void {
    this.#openJobs = undefined;
    this.#batch.push(message);
  }

  #send(batch: Batch<ToChild>): void {
    if (!this.#process.connected) return;
    // the callback takes the EPIPE that precedes an exit; the exit itself is what counts
    this.#process.send(batch, undefined, undefined, () => {});
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

  #listen(): void {
    this.#process.on('message', (batch: unknown) => {
      if (!isBatch<FromChild>(batch)) return;
      this.#heardAt = this.#clock.monotonic();
      this.#pulse = 'fine';
      for (let i = 1; i < batch.length; i++) this.#receive(batch[i] as FromChild);
    });
    this.#process.on('error', error => {
      // no process was made; later errors (a failed kill or send) come with an exit
      if (this.pid !== undefined) return;
      this.#error = { message: error.message, stack: error.stack ?? error.message };
      this.#isDisconnected = true;
      this.#onExit(null, null);
    });
    this.#process.on('exit', (code, signal) => this.#onExit(code, signal));
    this.#process.on('disconnect', () => {
      this.#isDisconnected = true;
      this.#checkGone();
    });
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

  #onExit(exitCode: number | null, signal: NodeJS.Signals | null): void {
    this.#exit = { exitCode, signal };
    this.#killTimer?.cancel();
    // messages may still be in the channel: `disconnect` comes after the last of them
    if (!this.#isDisconnected) {
      this.#killTimer = this.#clock.after(DISCONNECT_AFTER_EXIT, () => {
        if (this.#process.connected) this.#process.disconnect();
      });
    }
    this.#checkGone();
  }

  #checkGone(): void {
    if (this.#exit === undefined || !this.#isDisconnected || this.state === 'gone') return;
    this.#killTimer?.cancel();
    const { exitCode } = this.#exit;
    const isExpected =
      this.state === 'dying' ||
      (this.state === 'leaving' && (exitCode === 0 || exitCode === EXIT_RECYCLE));
    this.state = 'gone';
    this.#events.onGone(this, { ...this.#exit, isExpected, error: this.#error });
    this.#ledger.close();
    this.gone.resolve();
  }
}

/** As Python's billiard puts it in messages: `signal 9 (SIGKILL)`, `exitcode 1`. */
export function exitText(exit: ChildExit): string {
  if (exit.signal !== null) return `signal ${constants.signals[exit.signal]} (${exit.signal})`;
  return `exitcode ${exit.exitCode}`;
}
