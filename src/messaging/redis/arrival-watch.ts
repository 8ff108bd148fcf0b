/**
 * Waiting for lists to get something, without taking it.
 *
 * `BLMOVE q q RIGHT RIGHT t` blocks until the list has an element and then moves it from its
 * end to its end: nothing changes, whatever happens to us meanwhile. It blocks its
 * connection, hence one small connection per list. Servers without BLMOVE (before 6.2), and
 * lists beyond the first 64, are polled.
 */
import { Link, type LinkOptions } from './link.ts';

/** Seconds one wait lasts; the watchdog destroys the socket after three times as long. */
export const WAIT_SECONDS = 4;
const MAX_CONNECTIONS = 64;
const SHORTEST_POLL_MS = 5;
const LONGEST_POLL_MS = 100;
const ERROR_PAUSE_MS = 1000;

export interface ArrivalWatchOptions {
  readonly link: Pick<LinkOptions, 'makeClient' | 'connectTimeout' | 'toError'>;
  /**
   * There may be something now. Comes once per `arm`, and now and then without one.
   * `next` is the message that was next to be taken from a list, if one was seen.
   */
  readonly onWake: (next?: string) => void;
}

class Wait {
  readonly #key: string;
  readonly #link: Link;
  readonly #onWake: (next?: string) => void;
  readonly #onUnsupported: () => void;
  #wanted = false;
  #waiting = false;
  #closed = false;
  #pause: NodeJS.Timeout | undefined;

  constructor(key: string, options: ArrivalWatchOptions, onUnsupported: () => void) {
    this.#key = key;
    this.#onWake = options.onWake;
    this.#onUnsupported = onUnsupported;
    this.#link = new Link({
      ...options.link,
      needed: () => this.#wanted,
      onUp: () => void this.#wait(),
    });
  }

  arm(): void {
    this.#wanted = true;
    if (this.#waiting || this.#pause) return;
    if (this.#link.client) void this.#wait();
    else this.#link.heal();
  }

  disarm(): void {
    this.#wanted = false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wanted = false;
    clearTimeout(this.#pause);
    await this.#link.close();
  }

  async #wait(): Promise<void> {
    if (this.#waiting) return;
    this.#waiting = true;
    try {
      while (this.#wanted) {
        const { client } = this.#link;
        if (!client) return;
        const moved = await client.blmove(this.#key, this.#key, 'RIGHT', 'RIGHT', WAIT_SECONDS);
        if (moved === null) continue;
        this.#wanted = false;
        this.#onWake(moved);
      }
    } catch (error) {
      this.#failed(error as Error);
    } finally {
      this.#waiting = false;
    }
  }

  #failed(error: Error): void {
    // A lost connection heals by itself, and the link calls #wait again.
    if (this.#closed || error.name !== 'ReplyError') return;
    if (/unknown command/i.test(error.message)) {
      this.#onUnsupported();
      return;
    }
    // Anything from "not a list" to "still loading": look again a little later.
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (!this.#wanted) return;
      this.#wanted = false;
      this.#onWake();
    }, ERROR_PAUSE_MS);
  }
}

export class ArrivalWatch {
  readonly #options: ArrivalWatchOptions;
  readonly #waits = new Map<string, Wait>();
  readonly #closing: Promise<void>[] = [];
  #pollOnly = false;
  #armedFor: readonly string[] | undefined;
  #closed = false;
  #pollMs = SHORTEST_POLL_MS;
  #poll: NodeJS.Timeout | undefined;

  constructor(options: ArrivalWatchOptions) {
    this.#options = options;
  }

  arm(keys: readonly string[]): void {
    if (this.#closed) return;
    const blocking = this.#pollOnly ? [] : keys.slice(0, MAX_CONNECTIONS);
    if (this.#armedFor !== keys) this.#closeOthers(blocking);
    this.#armedFor = keys;
    for (const key of blocking) this.#waitFor(key).arm();
    if (blocking.length < keys.length) this.#armPoll();
  }

  disarm(): void {
    for (const wait of this.#waits.values()) wait.disarm();
    clearTimeout(this.#poll);
    this.#poll = undefined;
  }

  /** Something was found: poll quickly for a while. */
  found(): void {
    this.#pollMs = SHORTEST_POLL_MS;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.disarm();
    this.#closeOthers([]);
    await Promise.all(this.#closing);
  }

  #waitFor(key: string): Wait {
    let wait = this.#waits.get(key);
    if (!wait) {
      wait = new Wait(key, this.#options, () => this.#fallBack());
      this.#waits.set(key, wait);
    }
    return wait;
  }

  #closeOthers(keys: readonly string[]): void {
    if (this.#waits.size === 0) return;
    const kept = new Set(keys);
    for (const [key, wait] of this.#waits) {
      if (kept.has(key)) continue;
      this.#waits.delete(key);
      const closing = wait.close();
      this.#closing.push(closing);
      void closing.then(() => this.#closing.splice(this.#closing.indexOf(closing), 1));
    }
  }

  #fallBack(): void {
    if (this.#pollOnly) return;
    this.#pollOnly = true;
    this.#closeOthers([]);
    this.#options.onWake();
  }

  #armPoll(): void {
    if (this.#poll) return;
    this.#poll = setTimeout(() => {
      this.#poll = undefined;
      this.#pollMs = Math.min(LONGEST_POLL_MS, this.#pollMs * 2);
      this.#options.onWake();
    }, this.#pollMs);
  }
}
