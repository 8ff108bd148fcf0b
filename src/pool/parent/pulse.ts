/** Seconds without a word from a child that has work before it counts as blocked. */
const DEFAULT_SILENCE = 10;

/** When a child was heard of last; after half of the allowed silence it is asked for a word. */
export class Pulse {
  readonly #silence: number;
  #heardAt: number;
  #askedAt: number | undefined;
  #nextReport: number;

  constructor(now: number, silence = DEFAULT_SILENCE) {
    this.#silence = silence;
    this.#heardAt = now;
    this.#nextReport = silence;
  }

  heard(now: number): void {
    this.#heardAt = now;
    this.#askedAt = undefined;
    this.#nextReport = this.#silence;
  }

  /** Once per silence. */
  isToBeAsked(now: number): boolean {
    if (this.#askedAt !== undefined || now - this.#heardAt < this.#silence / 2) return false;
    this.#askedAt = now;
    return true;
  }

  /** Seconds of silence, when it has become long enough, then each time it has doubled. */
  toReport(now: number): number | undefined {
    const silence = now - this.#heardAt;
    if (this.#askedAt === undefined || silence < this.#nextReport) return undefined;
    // it is we who were blocked when there was no time to answer
    if (now - this.#askedAt < this.#silence / 2) return undefined;
    this.#nextReport = 2 * silence;
    return silence;
  }
}
