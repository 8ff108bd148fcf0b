/** A sleep that others may end early. */
import type { Clock, Timer } from '../base/time/clock.ts';

export class Wakeup {
  readonly #clock: Clock;
  #end: (() => void) | undefined;
  #isWanted = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the sleep, or the next one before it begins. */
  wake(): void {
    if (this.#end) this.#end();
    else this.#isWanted = true;
  }

  async sleep(seconds: number): Promise<void> {
    if (this.#isWanted) {
      this.#isWanted = false;
      return;
    }
    let timer: Timer | undefined;
    await new Promise<void>(resolve => {
      this.#end = resolve;
      timer = this.#clock.after(seconds, resolve);
    });
    timer?.cancel();
    this.#end = undefined;
  }
}
