import { type AmqpConnection, socketOf } from './driver.ts';

const TICK_MS = 2000;
/** Ticks without a byte after which the server is asked for one, since heartbeats may be minutes apart. */
const QUIET_TICKS = 4;
/** Ticks more after which it is given up: 14 s in all, long before heartbeats would tell. */
const PATIENCE_TICKS = 3;
/** For an answer of a server that says other things; a slow disk may take its time. */
const ANSWER_MS = 60_000;

/**
 * Watches that a server says something: after a time of silence it is asked to open (and
 * close) a channel, and when it does not answer that either, `onSilent` is called; also when it
 * owes one answer for much longer. Ticks are counted, not time: an event loop of ours that was
 * busy is no fault of the server's.
 */
export class Watchdog {
  readonly #unanswered: () => number;
  readonly #onSilent: (error: Error) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param unanswered milliseconds for which the server has owed an answer */
  constructor(unanswered: () => number, onSilent: (error: Error) => void) {
    this.#unanswered = unanswered;
    this.#onSilent = onSilent;
  }

  watch(connection: AmqpConnection): void {
    this.stop();
    const socket = socketOf(connection);
    let bytes = socket.bytesRead;
    let quiet = 0;
    let overdue = 0;
    this.#timer = setInterval(() => {
      if (socket.bytesRead !== bytes) quiet = 0;
      else quiet += 1;
      bytes = socket.bytesRead;
      if (quiet === QUIET_TICKS) probe(connection);
      overdue = this.#unanswered() > ANSWER_MS ? overdue + 1 : 0;
      const isSilent = quiet >= QUIET_TICKS + PATIENCE_TICKS;
      if (!isSilent && overdue < PATIENCE_TICKS) return;
      this.stop();
      const seconds = (isSilent ? quiet * TICK_MS : ANSWER_MS) / 1000;
      this.#onSilent(new Error(`no answer within ${seconds} s`));
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function probe(connection: AmqpConnection): void {
  try {
    connection.createChannel((error, channel) => {
      if (!error) channel.close();
    });
  } catch {
    // it has just ended, which is noticed elsewhere
  }
}
