import { type FSWatcher, watch } from 'node:fs';
import { outside } from '../../base/outside.ts';

/** How soon after a sign of writing to look; a commit is over by then. */
const NUDGE_MS = 1;
const SOON_MS = 4;
/**
 * The longest pause when the system tells of writes, so that looking is for the rare case that it
 * did not, and when it does not.
 */
const LONGEST_WATCHED_MS = 100;
const LONGEST_UNWATCHED_MS = 15;

/**
 * Notices commits of other connections: the file system says when the write-ahead log grows,
 * and in case it does not (network drives, a limit on watches) SQLite's own counter of changes
 * is read every now and then.
 */
export class ChangeWatcher {
  readonly #file: string;
  readonly #version: () => number;
  readonly #isWaiting: () => boolean;
  readonly #onChange: () => void;
  #seen: number;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = SOON_MS;
  #nudged = false;
  #isStopped = false;

  /** `isWaiting` tells whether anybody cares about a change now; if not, nothing is read. */
  constructor(options: {
    file: string;
    version: () => number;
    isWaiting: () => boolean;
    onChange: () => void;
  }) {
    this.#file = options.file;
    this.#version = options.version;
    this.#isWaiting = options.isWaiting;
    this.#onChange = options.onChange;
    this.#seen = this.#version();
    outside(() => this.#start());
  }

  #start(): void {
    try {
      this.#watcher = watch(this.#file, { persistent: false }, () => this.#nudge());
      this.#watcher.on('error', () => this.#unwatch());
    } catch {
      // The counter alone will do.
    }
    this.#schedule(SOON_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unwatch();
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #nudge(): void {
    if (this.#nudged || this.#timer === undefined || !this.#isWaiting()) return;
    this.#nudged = true;
    this.#pauseMs = SOON_MS;
    clearTimeout(this.#timer);
    this.#schedule(NUDGE_MS);
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => this.#look(), delayMs);
  }

  #look(): void {
    this.#nudged = false;
    if (this.#isWaiting()) {
      const version = this.#version();
      if (version !== this.#seen) {
        this.#seen = version;
        this.#pauseMs = SOON_MS;
        this.#onChange();
      }
    }
    // whoever heard of the change may have been the last who waited
    if (this.#isStopped) return;
    this.#schedule(this.#pauseMs);
    const longest = this.#watcher === undefined ? LONGEST_UNWATCHED_MS : LONGEST_WATCHED_MS;
    this.#pauseMs = Math.min(this.#pauseMs * 2, longest);
  }
}
