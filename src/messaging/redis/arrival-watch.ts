/**
 * Waiting for any of several lists to get something. Servers without BLMOVE (before 6.2), and
 * lists beyond the first 64, are polled.
 */
import { ArrivalWait, type ArrivalWaitOptions } from './arrival-wait.ts';

const MAX_CONNECTIONS = 64;
const SHORTEST_POLL_MS = 5;
const LONGEST_POLL_MS = 100;

export class ArrivalWatch {
  readonly #options: ArrivalWaitOptions;
  readonly #waits = new Map<string, ArrivalWait>();
  readonly #closing: Promise<void>[] = [];
  #pollOnly = false;
  #armedFor: readonly string[] | undefined;
  #closed = false;
  #pollMs = SHORTEST_POLL_MS;
  #poll: NodeJS.Timeout | undefined;

  constructor(options: ArrivalWaitOptions) {
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

  /** Resolves when nothing is taken any more, as far as can be known, but from these lists. */
  async endTakes(but: readonly string[] = []): Promise<void> {
    const others = [...this.#waits].filter(([key]) => !but.includes(key));
    await Promise.all(others.map(([, wait]) => wait.endTake()));
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

  #waitFor(key: string): ArrivalWait {
    let wait = this.#waits.get(key);
    if (!wait) {
      wait = new ArrivalWait(key, this.#options, () => this.#fallBack());
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
