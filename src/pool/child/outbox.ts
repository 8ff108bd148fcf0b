import { serialize } from 'node:v8';
import type { Batch, FromChild } from '../messages.ts';
import { openBatch } from '../messages.ts';
import type { LoopJob } from './job-loop.ts';
import { setImmediate } from './own-timers.ts';

/** Replies kept back this long by a job that blocks the event loop… */
const BLOCKED_MS = 50;
/** …make the outbox wary for this long: it is emptied before each start. */
const WARY_MS = 1000;

const nothing = () => {};

/** What a child has to tell its parent: one write per event-loop turn, as each is a system call. */
export class Outbox {
  readonly #send: (batch: Batch<FromChild>, sent: () => void) => void;
  #started: LoopJob[] = [];
  #released: number[] = [];
  #done: number[] = [];
  #replies: unknown[] = [];
  #dropped: number[] = [];
  #others: FromChild[] = [];
  #isDue = false;
  #openedAt = 0;
  #waryUntil = 0;

  constructor(send: (batch: Batch<FromChild>, sent: () => void) => void) {
    this.#send = send;
  }

  started(job: LoopJob): void {
    this.#started.push(job);
    this.#flushThisTurn();
  }

  released(job: LoopJob): void {
    this.#released.push(job.ticket);
    this.#flushThisTurn();
  }

  done(job: LoopJob, reply: unknown): void {
    this.#done.push(job.ticket);
    this.#replies.push(reply);
    this.#flushThisTurn();
  }

  dropped(ticket: number): void {
    this.#dropped.push(ticket);
    this.#flushThisTurn();
  }

  add(message: FromChild): void {
    this.#others.push(message);
    this.#flushThisTurn();
  }

  /** Called before a job starts that may block this process, or be the last of it. */
  beforeStart(careful: boolean): void {
    if (!this.#isDue || !this.#hasNews()) return;
    if (careful || this.#openedAt < this.#waryUntil) this.flush();
  }

  /** `sent` is called when everything up to now has left, or cannot leave any more. */
  flush(sent?: () => void): void {
    if (sent === undefined && !this.#hasNews()) return;
    const batch = this.#takeBatch();
    try {
      this.#send(batch, sent ?? nothing);
    } catch (error) {
      this.#send(cloneable(batch, error), sent ?? nothing);
    }
  }

  #flushThisTurn(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#openedAt = performance.now();
    setImmediate(() => {
      const now = performance.now();
      if (now - this.#openedAt > BLOCKED_MS) this.#waryUntil = now + WARY_MS;
      this.#isDue = false;
      this.flush();
    });
  }

  #hasNews(): boolean {
    return (
      this.#done.length > 0 ||
      this.#started.length > 0 ||
      this.#released.length > 0 ||
      this.#others.length > 0 ||
      this.#dropped.length > 0
    );
  }

  #takeBatch(): Batch<FromChild> {
    const batch = openBatch<FromChild>();
    batch.push({
      type: 'turn',
      // a job that has ended meanwhile is in `done`, which says as much
      started: this.#started.filter(job => job.state !== 'ended').map(job => job.ticket),
      released: this.#released,
      done: this.#done,
      replies: this.#replies,
      dropped: this.#dropped,
    });
    if (this.#others.length > 0) batch.push(...this.#others);
    this.#started = [];
    this.#released = [];
    this.#done = [];
    this.#replies = [];
    this.#dropped = [];
    this.#others = [];
    return batch;
  }
}

/**
 * The batch without the replies that cannot be sent, since one of them keeps back all; a report
 * says which.
 */
function cloneable(batch: Batch<FromChild>, error: unknown): Batch<FromChild> {
  const mended = openBatch<FromChild>();
  for (const message of batch) {
    if (typeof message === 'string') continue;
    if (message.type !== 'turn') {
      mended.push(message);
      continue;
    }
    const done: number[] = [];
    const replies: unknown[] = [];
    message.done.forEach((ticket, i) => {
      const reply = message.replies[i];
      try {
        serialize(reply);
        done.push(ticket);
        replies.push(reply);
      } catch {
        mended.push({ type: 'threw', ticket, error: `its reply cannot be sent: ${error}` });
      }
    });
    mended.push({ ...message, done, replies });
  }
  return mended;
}
