/** Seconds without a word from a child that has work before it counts as blocked, or deaf. */
const DEFAULT_SILENCE = 10;
/** Looks at a child after it was asked: with fewer it may be we who did not listen. */
const FEWEST_LOOKS = 10;
/** Seconds between two looks after which those before count for nothing: we were held up ourselves. */
const LONGEST_GAP = 1;
/** Turns of its event loop, a second from each other, in which a child could have answered. */
const FEWEST_BEATS = 2;

export interface ChildSilencePorts {
  ping(): void;
  beats(): number;
}

/** When a child was heard of last; after half of the allowed silence it is asked for a word. */
export class ChildSilence {
  readonly #ports: ChildSilencePorts;
  readonly #silence: number;
  #heardAt: number;
  #askedAt: number | undefined;
  #beatsWhenAsked = 0;
  #looks = 0;
  #lookedAt = 0;
  #nextReport: number;
  /** It did not do what it was given, and has said nothing since, so that it gets nothing more. */
  isSuspect = false;

  constructor(ports: ChildSilencePorts, now: number, silence = DEFAULT_SILENCE) {
    this.#ports = ports;
    this.#silence = silence;
    this.#heardAt = now;
    this.#nextReport = silence;
  }

  /** `blockedFor` has told of this silence. */
  get isReported(): boolean {
    return this.#nextReport > this.#silence;
  }

  heard(now: number): void {
    this.#heardAt = now;
    this.#askedAt = undefined;
    this.#nextReport = this.#silence;
    this.isSuspect = false;
  }

  /** It gets something to do; before it had nothing to say, unless it was asked. */
  begin(now: number): void {
    if (this.#askedAt === undefined) this.heard(now);
  }

  suspect(now: number): void {
    this.isSuspect = true;
    if (this.#askedAt === undefined) this.#ask(now);
  }

  /**
   * Seconds for which it has not answered although it could: its event loop turns, or nothing runs
   * that may block it. Undefined while it may be computing. Called at each look.
   */
  deafFor(now: number, runsSomething: () => boolean): number | undefined {
    // its answer may lie unread behind the timer of this very look
    if (now - this.#lookedAt > LONGEST_GAP) this.#looks = 0;
    this.#lookedAt = now;
    if (this.#askedAt === undefined || ++this.#looks < FEWEST_LOOKS) return undefined;
    const silence = now - this.#heardAt;
    if (silence < this.#silence || !this.#hadTime(now)) return undefined;
    const turns = this.#ports.beats() - this.#beatsWhenAsked;
    return turns >= FEWEST_BEATS || !runsSomething() ? silence : undefined;
  }

  /**
   * Seconds of silence, when it has become long enough, then each time it has doubled, so that a
   * long one is told a few times only. Called at each look.
   */
  blockedFor(now: number): number | undefined {
    const silence = now - this.#heardAt;
    if (this.#askedAt === undefined && silence >= this.#silence / 2) this.#ask(now);
    if (this.#askedAt === undefined || silence < this.#nextReport) return undefined;
    if (!this.#hadTime(now)) return undefined;
    this.#nextReport = 2 * silence;
    return silence;
  }

  #ask(now: number): void {
    this.#askedAt = now;
    this.#looks = 0;
    this.#beatsWhenAsked = this.#ports.beats();
    this.#ports.ping();
  }

  /** It is we who were blocked when there was no time to answer. */
  #hadTime(now: number): boolean {
    return now - this.#askedAt! >= this.#silence / 2;
  }
}
