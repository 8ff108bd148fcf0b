/** Notices that a store was changed by somebody else: it has a version that rises. */
import { outside } from '../base/outside.ts';

/** A change is noticed within a second. */
const PAUSE_MS = 500;
/** Of the time; the pause grows with what asking costs. */
const LARGEST_SHARE = 0.02;

export class VersionWatch {
  readonly #ask: () => Promise<string | number>;
  readonly #listeners = new Set<() => void>();
  #seen: string | number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> = Promise.resolve();

  constructor(ask: () => Promise<string | number>) {
    this.#ask = ask;
  }

  /** What was read here: no news. */
  saw(version: string | number): void {
    this.#seen = version;
  }

  /** Ours, unless somebody else wrote at the same time: then what they wrote is news. */
  wrote(version: number): void {
    if (this.#seen === version - 1) this.#seen = version;
  }

  /** A store that cannot be asked is asked again. @returns to stop that */
  async start(onChange: () => void): Promise<() => Promise<void>> {
    const listener = () => onChange();
    this.#seen ??= await this.#ask();
    this.#listeners.add(listener);
    if (this.#timer === undefined) outside(() => this.#schedule(PAUSE_MS));
    return async () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) await this.stop();
    };
  }

  async stop(): Promise<void> {
    this.#listeners.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#asking;
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#asking = this.#look();
    }, ms);
  }

  async #look(): Promise<void> {
    const started = performance.now();
    const version = await this.#ask().catch(() => undefined);
    // stopped meanwhile
    if (this.#timer === undefined) return;
    if (version !== undefined && version !== this.#seen) {
      this.#seen = version;
      for (const listener of this.#listeners) listener();
    }
    this.#schedule(Math.max(PAUSE_MS, (performance.now() - started) / LARGEST_SHARE));
  }
}
