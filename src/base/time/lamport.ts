/** What no clock comes to by ticking, and from which one ticks on for ages without a loss of digits. */
const LATEST = 2 ** 52;

/** The logical clock of a node, which orders what several nodes tell. Celery: `app.clock`. */
export class LamportClock {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  /** The time of something that happens here. */
  tick(): number {
    this.#value += 1;
    return this.#value;
  }

  /**
   * Something came that another node did at its time `other`; what is no time, or one from which
   * nobody could go on, only ticks, since messages may say anything.
   */
  adjust(other: unknown): number {
    const theirs =
      Number.isSafeInteger(other) && (other as number) < LATEST ? (other as number) : 0;
    this.#value = Math.max(this.#value, theirs) + 1;
    return this.#value;
  }
}
