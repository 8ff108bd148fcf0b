/**
 * Which lists somebody else empties before this consumer can, who only looks.
 *
 * A consumer of another kind that is blocked on the same list gets each message the moment it
 * comes, so one that looks first gets none. On a list where that is so the consumer takes, too.
 */

/**
 * Races lost one after the other. A single one is often lost to a consumer of our own kind, against
 * whom a race is won as often.
 */
const LOST_RACES = 2;
/**
 * Takes after which the list is looked at again, for the others may be gone. Looking costs lost races if
 * they are not: two messages in fifty are little. Counted and not timed, since on a list that gets
 * less than a message a minute each one would find us looking.
 */
const TAKES = 50;

export class Contests {
  readonly #lost = new Map<string, number>();
  readonly #takesLeft = new Map<string, number>();

  isContested(list: string): boolean {
    return this.#takesLeft.has(list);
  }

  /** What was seen in the list was gone when it was claimed. */
  lost(list: string): void {
    const lost = (this.#lost.get(list) ?? 0) + 1;
    if (lost < LOST_RACES) {
      this.#lost.set(list, lost);
      return;
    }
    this.#lost.delete(list);
    this.#takesLeft.set(list, TAKES);
  }

  won(list: string): void {
    this.#lost.delete(list);
  }

  /** Something was taken from the list without a look. */
  took(list: string): void {
    const left = this.#takesLeft.get(list);
    if (left === undefined) return;
    if (left > 1) this.#takesLeft.set(list, left - 1);
    else this.#takesLeft.delete(list);
  }

  forget(list: string): void {
    this.#lost.delete(list);
    this.#takesLeft.delete(list);
  }
}
