/**
 * The children of a pool: starts them, replaces those that are lost or shall load new code,
 * makes them more and fewer. Slots are stable numbers from 1; indexes only grow.
 */

import { type Deferred, deferred } from '../../base/deferred.ts';
import { type Clock, systemClock, type Timer } from '../../base/time/clock.ts';
import type { Launcher } from '../carrier.ts';
import type { PoolVitals } from '../contract.ts';
import { PoolFailure } from '../errors.ts';
import type { PoolOptions } from '../options.ts';
import { Child, type ChildEvents, type ChildExit, exitText } from './child.ts';
import { Restarts } from './restarts.ts';
import { type StartError, StartErrors } from './start-errors.ts';

const DEFAULT_PROC_ALIVE_TIMEOUT = 15;
/** Seconds a child that is asked to go may take for its last steps, such as closing connections. */
const FINISH_TIMEOUT = 10;
/** Seconds between SIGTERM and SIGKILL when the pool is stopped, since no task is spared then. */
const STOP_TIMEOUT = 0.1;

interface Post {
  readonly slot: number;
  readonly ready: Deferred<void>;
  child: Child | undefined;
  timer: Timer | undefined;
}

export interface ChildrenPorts {
  readonly children: ChildEvents;
  isNeeded(): boolean;
  onFatal(error: Error): void;
}

export class Children {
  readonly #options: PoolOptions;
  readonly #ports: ChildrenPorts;
  readonly #clock: Clock;
  readonly #restarts = new Restarts();
  readonly #launcher: Launcher;
  readonly #events: ChildEvents;
  readonly #startErrors: StartErrors;
  readonly #posts = new Map<number, Post>();
  /** Every child that is not gone, also those without a post, since they may still hold jobs. */
  readonly #all = new Set<Child>();
  /** New children that are to replace those that serve, until they are ready. */
  readonly #heirs = new Map<Child, Deferred<void>>();
  #serving: readonly Child[] | undefined;
  #lastIndex = 0;
  #lost = 0;
  /** Posts that wait for their turn, with whom the new child takes over from; see `#queueUp`. */
  readonly #turns = new Map<Post, Child | undefined>();
  /** Posts of `start` of which nothing is known yet. */
  readonly #firstTries = new Set<number>();
  #start: Deferred<void> | undefined;
  #isOver = false;
  /** The last of the children that were started side by side, since there were too many open files. */
  #lastOfCrowd: number | undefined;

  constructor(launcher: Launcher, options: PoolOptions, ports: ChildrenPorts) {
    this.#launcher = launcher;
    this.#options = options;
    this.#ports = ports;
    this.#clock = options.clock ?? systemClock;
    const log = (text: string) => ports.children.onLog('error', text);
    this.#startErrors = new StartErrors(this.#clock, log);
    this.#events = {
      ...ports.children,
      onReady: child => this.#onReady(child),
      onLeaving: (child, note) => this.#onLeaving(child, note),
      onGone: (child, exit) => {
        this.#onGone(child, exit);
        this.#nextTurn();
      },
    };
  }

  /** Places, whether their child is there or just being replaced. */
  get size(): number {
    return this.#posts.size;
  }

  get all(): ReadonlySet<Child> {
    return this.#all;
  }

  get serving(): readonly Child[] {
    this.#serving ??= [...this.#posts.values()].flatMap(post => post.child ?? []);
    return this.#serving;
  }

  vitals(): PoolVitals {
    const { serving } = this;
    return {
      wanted: this.size,
      ready: serving.filter(({ state }) => state === 'ready').length,
      blocked: serving.filter(({ isBlocked }) => isBlocked).length,
      launched: this.#lastIndex,
      lost: this.#lost,
    };
  }

  /** @throws PoolFailure with the child's own words when not one child gets ready */
  async start(): Promise<void> {
    this.#start = deferred();
    this.#launcher.start();
    for (let slot = 1; slot <= this.#options.concurrency; slot++) this.#firstTries.add(slot);
    this.#addPosts(this.#options.concurrency);
    await this.#start.promise;
  }

  async grow(n: number): Promise<void> {
    await Promise.all(this.#addPosts(n).map(post => post.ready.promise));
  }

  /** `children` must be among `serving`; each ends what it runs. */
  async dismiss(children: readonly Child[]): Promise<void> {
    for (const child of children) {
      this.#setChild(this.#posts.get(child.slot)!, undefined);
      this.#posts.delete(child.slot);
      if (child.held.size === 0) child.finish(FINISH_TIMEOUT);
      else child.finish();
    }
    await Promise.all(children.map(child => child.gone.promise));
  }

  /**
   * One post after the other gets a new child; the old one serves until the new one is
   * ready. `onReplaced` hears of the old one, which has to be taken its waiting jobs.
   *
   * @throws PoolFailure with the child's own words when a new one does not get ready: the
   *   posts that are not done yet keep their children
   */
  async renew(onReplaced: (old: Child) => void): Promise<void> {
    for (const post of [...this.#posts.values()]) {
      if (this.#isOver) throw new PoolFailure('The pool was stopped while it was restarting');
      if (this.#posts.get(post.slot) !== post) continue;
      const old = await this.#succeed(post);
      if (old !== undefined) onReplaced(old);
    }
  }

  noteJobDone(): void {
    this.#restarts.jobDone();
  }

  async finish(): Promise<void> {
    this.#close();
    for (const child of this.#all) child.finish(FINISH_TIMEOUT);
    await this.#allGone();
  }

  async kill(): Promise<void> {
    this.#close();
    this.#start?.reject(new PoolFailure('The pool was stopped while it was starting'));
    for (const child of this.#all) child.kill('SIGTERM', STOP_TIMEOUT);
    await this.#allGone();
  }

  async #allGone(): Promise<void> {
    await Promise.all([...this.#all].map(child => child.gone.promise));
    await this.#launcher.stop();
  }

  #close(): void {
    this.#isOver = true;
    this.#startErrors.flush();
    for (const post of this.#posts.values()) {
      post.timer?.cancel();
      post.ready.resolve();
    }
  }

  #addPosts(n: number): Post[] {
    const added: Post[] = [];
    for (let slot = 1; added.length < n; slot++) {
      if (this.#posts.has(slot)) continue;
      const post: Post = { slot, ready: deferred(), child: undefined, timer: undefined };
      this.#posts.set(slot, post);
      added.push(post);
    }
    for (const post of added) this.#fill(post);
    return added;
  }

  #fill(post: Post, predecessor?: Child): void {
    if (this.#lastOfCrowd === undefined) this.#launchFor(post, predecessor);
    else this.#queueUp(post, predecessor);
  }

  /**
   * A child that loads its modules has more files open than ever after: when there were too many,
   * one child after the other may still find enough.
   */
  #queueUp(post: Post, predecessor?: Child): void {
    if (!this.#turns.has(post)) this.#turns.set(post, predecessor);
    this.#nextTurn();
  }

  #nextTurn(): void {
    for (const [post, predecessor] of this.#turns) {
      if ([...this.#all].some(child => child.state === 'starting')) return;
      this.#turns.delete(post);
      if (!this.#isOver && this.#posts.get(post.slot) === post) this.#launchFor(post, predecessor);
    }
  }

  #launchFor(post: Post, predecessor?: Child): void {
    try {
      const child = this.#launch(post.slot);
      if (predecessor !== undefined) child.takeOverFrom(predecessor);
      this.#setChild(post, child);
    } catch (error) {
      this.#setChild(post, undefined);
      const index = this.#lastIndex;
      // not at once: `start` has not even begun to wait
      queueMicrotask(() => this.#onFailedStart(post, index, startError(error)));
    }
  }

  #launch(slot: number): Child {
    this.#options.events.onLaunch?.(slot);
    const post = { slot, index: ++this.#lastIndex };
    const child = new Child(post, this.#launcher, this.#options, this.#events);
    this.#all.add(child);
    this.#noteAlive();
    child.killIfNotReady(this.#options.procAliveTimeout ?? DEFAULT_PROC_ALIVE_TIMEOUT);
    return child;
  }

  /** Resolves with the old child, which ends what it runs, when a new one has taken the post. */
  async #succeed(post: Post): Promise<Child | undefined> {
    const ready = deferred();
    let heir: Child;
    try {
      heir = this.#launch(post.slot);
    } catch (error) {
      throw new PoolFailure(`Could not restart: ${startError(error).message}`, { cause: error });
    }
    this.#heirs.set(heir, ready);
    await ready.promise.finally(() => this.#heirs.delete(heir));
    if (this.#isOver || this.#posts.get(post.slot) !== post) {
      heir.finish(FINISH_TIMEOUT);
      return undefined;
    }
    post.timer?.cancel();
    const old = post.child;
    if (old !== undefined) heir.takeOverFrom(old);
    this.#setChild(post, heir);
    old?.finish();
    return old;
  }

  #noteAlive(): void {
    this.#launcher.noteAlive([...this.#all].map(child => child.carrier));
  }

  #setChild(post: Post, child: Child | undefined): void {
    post.child = child;
    this.#serving = undefined;
  }

  #onReady(child: Child): void {
    this.#restarts.childReady();
    this.#posts.get(child.slot)?.ready.resolve();
    this.#heirs.get(child)?.resolve();
    this.#startErrors.flush();
    this.#noteFirstTry(child.slot, undefined);
    this.#ports.children.onReady(child);
    this.#nextTurn();
  }

  #onLeaving(child: Child, note: string | undefined): void {
    this.#ports.children.onLeaving(child, note);
    const post = this.#posts.get(child.slot);
    // it boots while its predecessor ends what it runs
    if (post?.child === child && this.#isWanted()) this.#fill(post, child);
  }

  #onGone(child: Child, exit: ChildExit): void {
    this.#all.delete(child);
    this.#noteAlive();
    this.#ports.children.onGone(child, exit);
    if (!exit.isExpected && !this.#isOver) this.#lost += 1;
    const post = this.#posts.get(child.slot);
    if (!exit.isExpected && !this.#isOver && (child.wasReady || exit.error === undefined)) {
      this.#reportExit(child, exit);
    }
    const { message } = exit.error ?? failureOf(child, exit);
    this.#heirs.get(child)?.reject(new PoolFailure(`Could not restart: ${message}`));
    if (post?.child !== child) return;
    this.#setChild(post, undefined);
    if (this.#isOver) return;
    if (child.wasReady) this.#replace(post, exit);
    else this.#onFailedStart(post, child.index, exit.error ?? failureOf(child, exit));
  }

  #replace(post: Post, exit: ChildExit): void {
    if (!this.#isWanted()) return;
    if (!exit.isExpected && !this.#survives(() => this.#restarts.lost(this.#clock.monotonic()))) {
      return;
    }
    this.#fill(post);
  }

  #onFailedStart(post: Post, index: number, error: StartError): void {
    if (this.#isOver) return;
    const reason = this.#startErrors.note(error);
    if (this.#startErrors.areOfOpenFiles) {
      this.#lastOfCrowd ??= this.#lastIndex;
      // proves nothing: it had to share with the others
      if (index <= this.#lastOfCrowd) {
        if (this.#isWanted()) this.#queueUp(post);
        return;
      }
    }
    if (this.#noteFirstTry(post.slot, { ...error, message: reason }) || !this.#isWanted()) return;
    this.#survives(() => {
      const pause = this.#restarts.failedToStart(reason, this.size);
      post.timer = this.#clock.after(pause, () => this.#fill(post));
    });
  }

  /** Returns true when this ended `start`. */
  #noteFirstTry(slot: number, error: StartError | undefined): boolean {
    if (this.#start === undefined || !this.#firstTries.delete(slot)) return false;
    if (this.#firstTries.size > 0) return false;
    if (this.serving.some(child => child.state === 'ready')) {
      this.#start.resolve();
      return false;
    }
    const reason = error?.message ?? 'they died as soon as they were ready';
    const failure = new PoolFailure(`Could not start worker processes: ${reason}`, {
      cause: error?.stack,
    });
    if (error !== undefined) this.#startErrors.withdraw();
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

  #reportExit(child: Child, exit: ChildExit): void {
    const { childKind } = this.#launcher;
    // a process has written its last error to stderr itself
    const reason = childKind === 'Thread' && exit.error ? `: ${exit.error.stack}` : '';
    this.#ports.children.onLog(
      'error',
      `${childKind} '${child.name}' pid:${child.pid} exited with '${exitText(exit)}'${reason}`,
    );
  }
}

function startError(error: unknown): StartError {
  const { message, stack = message } = error instanceof Error ? error : new Error(String(error));
  return { message, stack };
}

function failureOf(child: Child, exit: ChildExit): StartError {
  const message = `${child.name} exited with '${exitText(exit)}' before it was ready`;
  return { message, stack: message };
}
