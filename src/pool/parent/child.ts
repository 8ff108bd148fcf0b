/**
 * One child as the parent sees it, process or thread: carries messages both ways and knows
 * which jobs the child holds. What an exit means is decided in pool.ts.
 */

import { constants } from 'node:os';
import { SequenceMap } from '../../base/collections/sequence-map.ts';
import { deferred } from '../../base/deferred.ts';
import { type Clock, systemClock, type Timer } from '../../base/time/clock.ts';
import type { Carrier, CarrierExit, Launcher } from '../carrier.ts';
import { ledgerSize, ParentLedger } from '../ledger.ts';
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
import { ChildSilence } from './child-silence.ts';
import type { HeldJob } from './held-job.ts';
import { sendable } from './sendable.ts';
import { patienceWith, Transfer } from './transfer.ts';

export interface ChildExit extends CarrierExit {
  /** The parent asked for it, or the child had announced it, so that it counts as no loss. */
  readonly isExpected: boolean;
}

export interface ChildEvents {
  onReady(child: Child): void;
  onTurn(child: Child, turn: TurnMessage): void;
  onThrew(child: Child, ticket: number, error: string): void;
  onWaits(held: HeldJob<Child>, what: string | undefined): void;
  onLeaving(child: Child, note: string | undefined): void;
  /** It has answered a question, perhaps with what there is to say of itself. */
  onAnswer(child: Child, report: readonly string[] | undefined): void;
  onLog(level: 'warning' | 'error', message: string): void;
  onGone(child: Child, exit: ChildExit): void;
}

/** Released jobs that a child may have beside those it holds, and some room. */
const LEDGER_ROOM = 192;
/**
 * A job is taken to last this long at most when the pace is measured: a longer one would be
 * remembered through too many short ones.
 */
export const SLOWEST_PACE_MS = 100;
/** Seconds for a child that is to go to say that it has heard, or else it is deaf and is killed. */
const MUTE_TIMEOUT = 3;
/** Seconds in which everything that has arrived is read: our own timers may be ahead of it. */
const HEARING = 0.1;
const PACE_WEIGHT = 0.3;

export class Child {
  readonly slot: number;
  readonly index: number;
  readonly name: string;
  readonly pid: number | undefined;
  readonly carrier: Carrier;
  /** By ticket, oldest first: jobs sent and not answered. */
  readonly held = new SequenceMap<HeldJob<Child>>();
  readonly gone = deferred();
  /** leaving: ends what it runs and exits; dying: is being killed. */
  state: 'starting' | 'ready' | 'leaving' | 'dying' | 'gone' = 'starting';
  releasedCount = 0;
  /** Jobs it may still be given before it is replaced. */
  quota: number;
  /** Milliseconds per job lately, since that decides how many it gets ahead. */
  paceMs = 0;
  wasReady = false;
  /** Whose place it took, while that one holds jobs. */
  #predecessor: Child | undefined;
  readonly #ledger: ParentLedger;
  readonly #events: ChildEvents;
  readonly #clock: Clock;
  readonly #silence: ChildSilence;
  #transfer: Transfer<Child> | undefined;
  /** Seconds it may take to go from its next word on. */
  #grace: number | undefined;
  #batch = openBatch<ToChild>();
  #openJobs: JobsMessage | undefined;
  #lastTicket = 0;
  #busySince = 0;
  #hadLarge = false;
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
    const entries = (options.slots ?? 1) + (options.prefetchPerChild ?? 0) + LEDGER_ROOM;
    this.carrier = launcher.launch(ledgerSize(entries), {
      onBatch: batch => this.#onBatch(batch),
      onGone: exit => this.#onGone(exit),
    });
    this.pid = this.carrier.pid;
    this.#ledger = new ParentLedger(this.carrier.ledger);
    const ears = {
      ping: () => this.tell({ type: 'ping', wantsReport: false }),
      beats: () => this.#ledger.beats,
    };
    this.#silence = new ChildSilence(ears, this.#clock.monotonic(), options.blockedAfter);
    this.#post(this.#init(options, entries));
    this.flush();
  }

  get load(): number {
    const isExpecting = this.#transfer === undefined ? 0 : 1;
    return this.held.size - this.releasedCount + isExpecting;
  }

  /** The job whose payload is on its way here; not in `held` yet. */
  get expected(): HeldJob<Child> | undefined {
    return this.#transfer?.held;
  }

  /** Bytes of jobs that it was sent and has not started, as far as is known. */
  get unstartedBytes(): number {
    let bytes = 0;
    for (const held of this.held.values()) if (held.state === 'sent') bytes += held.size;
    return bytes;
  }

  canTakeJobs(): boolean {
    if (this.state !== 'ready' || this.#silence.isSuspect) return false;
    if (this.#predecessor !== undefined && this.#predecessor.load > 0) return false;
    // not kept, else each child would keep all that were before it
    this.#predecessor = undefined;
    return true;
  }

  /**
   * It gets jobs only when the other one, whose place it took, holds none any more: else more would
   * run than there are places.
   */
  takeOverFrom(predecessor: Child): void {
    this.#predecessor = predecessor;
  }

  /** Hand the job over with the next `flush`; a large one when its payload is there. */
  assign(held: HeldJob<Child>, now: number, careful: boolean): void {
    held.child = this;
    held.state = 'sent';
    this.quota--;
    if (held.isLarge && this.#transferFirst(held, careful)) return;
    this.#note(held, now);
    if (this.#openJobs === undefined) {
      this.#openJobs = { type: 'jobs', first: held.ticket, payloads: [], careful: false };
      this.#batch.push(this.#openJobs);
    }
    this.#openJobs.payloads.push(held.job.payload);
    if (careful) this.#openJobs.careful = true;
  }

  #note(held: HeldJob<Child>, now: number): void {
    held.ticket = ++this.#lastTicket;
    held.sentAt = now;
    if (this.held.size === 0) {
      this.#busySince = now;
      this.#silence.begin(now);
    }
    this.held.set(held.ticket, held);
  }

  /** False when it cannot be sent. */
  #transferFirst(held: HeldJob<Child>, careful: boolean): boolean {
    const now = () => this.#clock.monotonic();
    try {
      this.#transfer = new Transfer(held, this.carrier, now, () => {
        this.#transfer = undefined;
        this.#note(held, now());
        this.tell({ type: 'large-job', ticket: held.ticket, careful });
      });
      return true;
    } catch {
      return false;
    }
  }

  flush(): void {
    if (this.#batch.length === 1) return;
    const batch = this.#batch;
    this.#batch = openBatch();
    this.#openJobs = undefined;
    try {
      this.#send(batch);
    } catch {
      const onUnsendable = (ticket: number, error: string) =>
        queueMicrotask(() => this.#events.onThrew(this, ticket, error));
      this.#send(sendable(batch, onUnsendable));
    }
  }

  tell(message: ToChild): void {
    this.#post(message);
    this.flush();
  }

  forget(held: HeldJob<Child>): void {
    if (held.state === 'released') this.releasedCount--;
    if (held.isLarge) this.#hadLarge = true;
    this.held.delete(held.ticket);
  }

  /** Tickets of jobs it has started, whether it said so or not, which a blocked child cannot. */
  startedTickets(): ReadonlySet<number> {
    return this.#ledger.started();
  }

  /**
   * Take back what it has not started; `onStarted` hears of those that it has, whose news has not
   * come yet.
   */
  takeBack(onStarted: (held: HeldJob<Child>) => void): HeldJob<Child>[] {
    this.#ledger.takeBackUpTo(this.#lastTicket);
    const started = this.#ledger.started();
    const back = this.takeBackExpected();
    for (const held of this.held.values()) {
      if (held.state !== 'sent') continue;
      if (started.has(held.ticket)) {
        onStarted(held);
      } else {
        back.push(held);
        this.held.delete(held.ticket);
        this.quota++;
        if (held.isLarge) held.parcelsInVain++;
      }
    }
    return back;
  }

  takeBackExpected(): HeldJob<Child>[] {
    const transfer = this.#transfer;
    if (transfer === undefined) return [];
    this.#transfer = undefined;
    transfer.cancel();
    this.tell({ type: 'no-parcel' });
    this.quota++;
    transfer.held.parcelsInVain++;
    return [transfer.held];
  }

  isOverdue(now: number, patience: number): boolean {
    if (this.#transfer?.isStalled(now)) return true;
    for (const held of this.held.values()) {
      if (held.state !== 'sent') continue;
      if (!held.isLarge) return held.sentAt < now - patience;
      if (held.sentAt < now - patienceWith(held)) return true;
    }
    return false;
  }

  /** Let it end what it runs and exit; with `seconds` it is killed when it has not gone by then. */
  finish(seconds?: number): void {
    if (this.state === 'dying' || this.state === 'gone') return;
    this.state = 'leaving';
    this.tell({ type: 'finish' });
    this.suspect();
    if (seconds === undefined) return;
    this.#grace = seconds;
    this.#killAfter(MUTE_TIMEOUT);
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
    // first: when it throws, the child is as it was
    this.carrier.kill(signal);
    this.state = 'dying';
    if (signal !== 'SIGKILL') this.#killAfter(seconds);
  }

  killIfNotReady(seconds: number): void {
    const kill = () => {
      if (this.state !== 'starting') return;
      const message = `${this.name} was not ready after ${seconds} s`;
      this.#error = { message, stack: message };
      this.kill('SIGKILL', 0);
    };
    // when we were held up ourselves, its word lies unread behind this timer
    this.#killTimer = this.#clock.after(seconds, () => {
      this.#killTimer = this.#clock.after(HEARING, kill);
    });
  }

  measurePace(jobsDone: number, now: number): void {
    if (jobsDone === 0) return;
    // it says nothing about the others
    if (this.#hadLarge) {
      this.#hadLarge = false;
      this.#busySince = now;
      return;
    }
    const sample = Math.min((1000 * (now - this.#busySince)) / jobsDone, SLOWEST_PACE_MS);
    this.paceMs += PACE_WEIGHT * (sample - this.paceMs);
    this.#busySince = now;
  }

  /** Whether there is something it has to do or to say. */
  get isBusy(): boolean {
    return this.held.size > 0 || this.#transfer !== undefined || this.#silence.isSuspect;
  }

  /** Whether it was reported as blocked, and has not said anything since. */
  get isBlocked(): boolean {
    return this.#silence.isReported;
  }

  /** It gets nothing more before it has said that it is well. */
  suspect(): void {
    this.#silence.suspect(this.#clock.monotonic());
  }

  deafFor(now: number): number | undefined {
    return this.#silence.deafFor(now, () => this.#runsSomething());
  }

  blockedFor(now: number): number | undefined {
    return this.#silence.blockedFor(now);
  }

  #runsSomething(): boolean {
    const started = this.#ledger.started();
    for (const held of this.held.values()) {
      if (held.state !== 'sent' || started.has(held.ticket)) return true;
    }
    return false;
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

  #onBatch(batch: Batch<FromChild>): void {
    this.#silence.heard(this.#clock.monotonic());
    if (this.#grace !== undefined) {
      this.#killAfter(this.#grace);
      this.#grace = undefined;
    }
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
        this.#events.onAnswer(this, message.report);
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
    this.takeBackExpected();
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
      watchesStack: options.watchesStacks ?? false,
    };
  }
}

/** As Python's billiard puts it in messages: `signal 9 (SIGKILL)`, `exitcode 1`. */
export function exitText(exit: CarrierExit): string {
  if (exit.signal !== null) return `signal ${constants.signals[exit.signal]} (${exit.signal})`;
  return `exitcode ${exit.exitCode}`;
}
