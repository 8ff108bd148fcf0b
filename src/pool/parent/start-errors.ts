/** Tells why children could not start: in a few lines, however many there are and however often. */

import { openFilesText } from '../../base/process/open-files.ts';
import type { Clock, Timer } from '../../base/time/clock.ts';

export interface StartError {
  readonly message: string;
  readonly stack: string;
}

/** Seconds in which errors are gathered: children that are started together fail together. */
const GATHERING = 0.2;
/** What Node says when it cannot read a package.json, also when only for want of a file. */
const MISSING_PACKAGE = /Cannot find (?:package|module) '/;

export class StartErrors {
  readonly #clock: Clock;
  readonly #log: (text: string) => void;
  #messages: string[] = [];
  #timer: Timer | undefined;
  #last: string | undefined;
  #repeats = 0;
  /** What was said of open files when one of them was for want of these. */
  #openFiles: string | undefined;

  constructor(clock: Clock, log: (text: string) => void) {
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Whether the last one was for want of open files, as far as is known: Node may say otherwise.
   */
  areOfOpenFiles = false;

  note(error: StartError): string {
    this.#openFiles ??= openFilesText(error.message);
    this.#messages.push(error.message);
    this.#timer ??= this.#clock.after(GATHERING, () => this.#tell(), { unref: true });
    const reason = this.#reasonOf(error.message);
    this.areOfOpenFiles = reason === this.#openFiles;
    return reason;
  }

  /** The last one is told otherwise. */
  withdraw(): void {
    this.#messages.pop();
  }

  /** A child got ready, or there will be none any more: what comes next is told anew. */
  flush(): void {
    this.#tell();
    this.#tellRepeats();
    this.#last = undefined;
    this.#openFiles = undefined;
  }

  #tell(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const counts = new Map<string, number>();
    for (const message of this.#messages) {
      const reason = this.#reasonOf(message);
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    this.#messages = [];
    for (const [reason, count] of counts) {
      if (reason === this.#last) {
        this.#repeats += count;
        continue;
      }
      this.#tellRepeats();
      this.#last = reason;
      this.#log(lineOf(reason, count > 1 ? `${count} times` : ''));
    }
  }

  #tellRepeats(): void {
    const repeats = this.#repeats;
    this.#repeats = 0;
    if (this.#last === undefined || repeats === 0) return;
    this.#log(lineOf(this.#last, repeats === 1 ? 'once more' : `${repeats} more times`));
  }

  #reasonOf(message: string): string {
    const isShadow = this.#openFiles !== undefined && MISSING_PACKAGE.test(message);
    return openFilesText(message) ?? (isShadow ? this.#openFiles! : message);
  }
}

const lineOf = (reason: string, count: string) =>
  `Pool process could not start: ${reason}${count && ` (${count})`}`;
