/**
 * The children of a prefork pool: starts them, replaces those that are lost, makes them
 * more and fewer. Slots are stable numbers from 1; indexes only grow.
 */

import { type Clock, systemClock, type Timer } from '../../base/clock.ts';
import { type Deferred, deferred } from '../../base/deferred.ts';
import { PoolFailure } from '../errors.ts';
import type { PoolOptions } from '../options.ts';
import { type ChildEvents, type ChildExit, ChildProcess, exitText } from './child-process.ts';
import { Guardian } from './guardian.ts';
import { Restarts } from './restarts.ts';

const DEFAULT_PROC_ALIVE_TIMEOUT = 15;
/** Seconds a child may take for its last steps when it is asked to go. */
const FINISH_TIMEOUT = 10;
/** Seconds between SIGTERM and SIGKILL when the pool is stopped. */
const STOP_TIMEOUT = 0.1;

interface Place {
  readonly slot: number;
  readonly ready: Deferred<void>;
  child: ChildProcess | undefined;
  timer: Timer | undefined;
}

interface StartError {
  readonly message: string;
  readonly stack: string;
}

export interface StaffPorts {
  readonly children: ChildEvents;
  /** Whether a lost child has to be replaced. */
  isNeeded(): boolean;
  onFatal(error: Error): void;
}

export class Staff {
  readonly #options: PoolOptions;
  readonly #ports: StaffPorts;
  readonly #clock: Clock;
  readonly #restarts = new Restarts();
  readonly #guardian = new Guardian();
  readonly #events: ChildEvents;
  readonly #places = new Map<number, Place>();
  /** Every process that is not gone, also those without a place. */
  readonly #processes = new Set<ChildProcess>();
  #serving: readonly ChildProcess[] | undefined;
  #lastIndex = 0;
  /** First children of `start` of which nothing is known yet. */
  #firstTries = 0;
  #start: Deferred<void> | undefined;
  #isOver = false;

  constructor(options: PoolOptions, ports: StaffPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#clock = options.clock ?? systemClock;
    this.#events = {
      ...ports.children,
      onReady: child => this.#onReady(child),
      onLeaving: (child, note) => this.#onLeaving(child, note),
      onGone: (child, exit) => this.#onGone(child, exit),
    };
  }

  /** Places, whether their child is there or just being replaced. */
  get size(): number {
    return this.#places.size;
  }

  /** Every process that may hold jobs. */
  get processes(): ReadonlySet<ChildProcess> {
    return this.#processes;
  }

  /** The children in the places. */
  get serving(): readonly ChildProcess[] {
    this.#serving ??= [...this.#places.values()].flatMap(place => place.child ?? []);
    return this.#serving;
  }

  /** @throws PoolFailure with the child's own words when not one child gets ready */
  async start(): Promise<void> {
    this.#start = deferred();
    this.#guardian.start();
    this.#firstTries = this.#options.concurrency;
    this.#addPlaces(this.#options.concurrency);
    await this.#start.promise;
  }

  async grow(n: number): Promise<void> {
    await Promise.all(this.#addPlaces(n).map(place => place.ready.promise));
  }

  /** `children` must be among `serving`. */
  async dismiss(children: readonly ChildProcess[]): Promise<void> {
    for (const child of children) {
      this.#setChild(this.#places.get(child.slot)!, undefined);
      this.#places.delete(child.slot);
      child.finish(FINISH_TIMEOUT);
    }
    await Promise.all(children.map(child => child.gone.promise));
  }

  noteJobDone(): void {
    this.#restarts.jobDone();
  }

  /** All end what they run and exit. */
  async finish(): Promise<void> {
    this.#close();
    for (const child of this.#processes) child.finish(FINISH_TIMEOUT);
    await this.#allGone();
  }

  async kill(): Promise<void> {
    this.#close();
    this.#start?.reject(new PoolFailure('The pool was stopped while it was starting'));
    for (const child of this.#processes) child.kill('SIGTERM', STOP_TIMEOUT);
    await this.#allGone();
  }

  async #allGone(): Promise<void> {
    await Promise.all([...this.#processes].map(child => child.gone.promise));
    await this.#guardian.stop();
  }

  #close(): void {
    this.#isOver = true;
    for (const place of this.#places.values()) {
      place.timer?.cancel();
      place.ready.resolve();
    }
  }

  #addPlaces(n: number): Place[] {
    const added: Place[] = [];
    for (let slot = 1; added.length < n; slot++) {
      if (this.#places.has(slot)) continue;
      const place: Place = { slot, ready: deferred(), child: undefined, timer: undefined };
      this.#places.set(slot, place);
      added.push(place);
    }
    for (const place of added) this.#fill(place);
    return added;
  }

  #fill(place: Place, predecessor?: ChildProcess): void {
    const index = ++this.#lastIndex;
    let child: ChildProcess;
    try {
      child = new ChildProcess(
        { slot: place.slot, index, predecessor },
        this.#options,
        this.#events,
      );
    } catch (error) {
      this.#setChild(place, undefined);
      const { message, stack = message } =
        error instanceof Error ? error : new Error(String(error));
      // not at once: `start` has not even begun to wait
      queueMicrotask(() => this.#onFailedStart(place, index, { message, stack }));
      return;
    }
    this.#setChild(place, child);
    this.#processes.add(child);
    this.#guard();
    child.killIfNotReady(this.#options.procAliveTimeout ?? DEFAULT_PROC_ALIVE_TIMEOUT);
  }

  #guard(): void {
    this.#guardian.guard([...this.#processes].flatMap(child => child.pid ?? []));
  }

  #setChild(place: Place, child: ChildProcess | undefined): void {
    place.child = child;
    this.#serving = undefined;
  }

  #onReady(child: ChildProcess): void {
    this.#restarts.childReady();
    this.#places.get(child.slot)?.ready.resolve();
    this.#noteFirstTry(child.index, undefined);
    this.#ports.children.onReady(child);
  }

  #onLeaving(child: ChildProcess, note: string | undefined): void {
    this.#ports.children.onLeaving(child, note);
    const place = this.#places.get(child.slot);
    // it boots while its predecessor ends what it runs
    if (place?.child === child && this.#isWanted()) this.#fill(place, child);
  }

  #onGone(child: ChildProcess, exit: ChildExit): void {
    this.#processes.delete(child);
    this.#guard();
    this.#ports.children.onGone(child, exit);
    const place = this.#places.get(child.slot);
    if (!exit.isExpected && !this.#isOver && (child.wasReady || exit.error === undefined)) {
      this.#reportExit(child, exit);
    }
    if (place?.child !== child) return;
    this.#setChild(place, undefined);
    if (this.#isOver) return;
    if (child.wasReady) this.#replace(place, exit);
    else this.#onFailedStart(place, child.index, exit.error ?? failureOf(child, exit));
  }

  #replace(place: Place, exit: ChildExit): void {
    if (!this.#isWanted()) return;
    if (!exit.isExpected && !this.#survives(() => this.#restarts.lost(this.#clock.monotonic()))) {
      return;
    }
    this.#fill(place);
  }

  #onFailedStart(place: Place, index: number, error: StartError): void {
    if (this.#noteFirstTry(index, error) || !this.#isWanted()) return;
    this.#ports.children.onLog('error', `Pool process could not start: ${error.message}`);
    this.#survives(() => {
      const pause = this.#restarts.failedToStart(error.message, this.size);
      place.timer = this.#clock.after(pause, () => this.#fill(place));
    });
  }

  /** Returns true when this ended `start`. */
  #noteFirstTry(index: number, error: StartError | undefined): boolean {
    if (this.#start === undefined || index > this.#options.concurrency) return false;
    if (--this.#firstTries > 0) return false;
    if (this.serving.some(child => child.state === 'ready')) {
      this.#start.resolve();
      return false;
    }
    const reason = error?.message ?? 'they died as soon as they were ready';
    const failure = new PoolFailure(`Could not start worker processes: ${reason}`, {
      cause: error?.stack,
    });
    this.#close();
    this.#start.reject(failure);
    return true;
  }

  #isWanted(): boolean {
    return !this.#isOver && this.#ports.isNeeded();
  }

  #survives(step: () => void): boolean {
    try {
      step();
      return true;
    } catch (error) {
      this.#close();
      this.#ports.onFatal(error as PoolFailure);
      return false;
    }
  }

  #reportExit(child: ChildProcess, exit: ChildExit): void {
    this.#ports.children.onLog(
      'error',
      `Process '${child.name}' pid:${child.pid} exited with '${exitText(exit)}'`,
    );
  }
}

function failureOf(child: ChildProcess, exit: ChildExit): StartError {
  const message = `${child.name} exited with '${exitText(exit)}' before it was ready`;
  return { message, stack: message };
}
