/**
 * Runs that ended here while the broker may not have heard of it: the connection was lost with
 * the acknowledgement on its way, or before that because the run blocked the event loop for
 * longer than the broker waits for a heartbeat. Their messages come again, and a worker that
 * gets such a message itself knows better than to run it.
 */
import type { Clock } from '../../base/time/clock.ts';
import type { TaskReply } from '../../execute/outcome.ts';
import type { Request } from '../request.ts';

/** The message is back at the head of its queue as soon as the broker knows that we are gone. */
const KEPT_SECONDS = 600;
const MOST = 1000;

interface Ending {
  readonly task: string;
  readonly reply: TaskReply;
  readonly since: number;
}

export class LostAcks {
  readonly #clock: Clock;
  /** Oldest first, since a map keeps the order of insertion. */
  readonly #endings = new Map<string, Ending>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(request: Request, reply: TaskReply): void {
    // it is to run again
    if (request.wasPutBack) return;
    this.#endings.delete(request.key);
    const { task } = request.headers;
    this.#endings.set(request.key, { task, reply, since: this.#clock.monotonic() });
    for (const oldest of this.#endings.keys()) {
      if (this.#endings.size <= MOST) return;
      this.#endings.delete(oldest);
    }
  }

  /** How the run ended that this message was delivered for before. */
  endOf(request: Request): TaskReply | undefined {
    const ending = this.#endings.get(request.key);
    if (!ending || ending.task !== request.headers.task) return undefined;
    if (this.#clock.monotonic() - ending.since < KEPT_SECONDS) return ending.reply;
    this.#endings.delete(request.key);
    return undefined;
  }
}
